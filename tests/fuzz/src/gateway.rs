//! A gateway within the process, so that libFuzzer sees which of its code a request reaches, and a client of one of its listeners.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use titan_gateway::{Limits, Options};
use titan_sdk::client::Client;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::versions::{bundle, packed, small};

type Sender = SendRequest<Full<Bytes>>;

/// A gateway with two versions of the service `demo`.
pub struct Gateway {
    runtime: Runtime,
    pub services: SocketAddr,
    pub admin: SocketAddr,
    /// The one that the last request took.
    connection: Mutex<Option<Sender>>,
    _data: TempDir,
}

impl Gateway {
    /// Starts one, which runs as long as the process.
    pub fn start() -> Gateway {
        let data = tempfile::tempdir().expect("there is a folder for temporary files");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the system has threads");
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let limits = Limits { max_body_bytes: 1 << 20, max_bundle_bytes: 1 << 20, ..Limits::default() };
        let options = Options { listen: local, admin: local, data: data.path().into(), limits, ..Options::default() };
        let gateway = runtime.block_on(titan_gateway::Gateway::start(options)).expect("the gateway starts");
        let (services, admin) = (gateway.services_address(), gateway.admin_address());
        let handle = runtime.handle().clone();
        std::thread::spawn(move || handle.block_on(gateway.run(std::future::pending())));
        let gateway = Gateway { runtime, services, admin, connection: Mutex::default(), _data: data };
        gateway.deploy();
        gateway.deploy();
        gateway
    }

    /// Deploys the next version of `demo`.
    pub fn deploy(&self) {
        let client = Client::new(&format!("http://{}", self.admin));
        client.deploy("demo", &packed(&bundle(small()))).expect("the bundle is deployed");
    }

    /// Sends a request to one of the two listeners, always the same, and gives `read` its answer.
    pub fn ask<T>(
        &self,
        to: SocketAddr,
        request: Request<Bytes>,
        read: impl AsyncFnOnce(Response<Incoming>) -> T,
    ) -> T {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        self.runtime.block_on(async {
            let request = request.map(Full::new);
            let mut sender = match connection.take() {
                Some(sender) => sender,
                None => connect(to).await,
            };
            if sender.ready().await.is_err() {
                sender = connect(to).await;
            }
            let answer = match sender.send_request(request.clone()).await {
                Ok(answer) => answer,
                // The gateway may close a connection after an answer, which the client may learn too late.
                Err(_) => {
                    sender = connect(to).await;
                    sender.send_request(request).await.expect("every request is answered")
                }
            };
            let read = read(answer).await;
            *connection = Some(sender);
            read
        })
    }
}

async fn connect(to: SocketAddr) -> Sender {
    let stream = TcpStream::connect(to).await.expect("the gateway accepts connections");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a new connection is ready");
    tokio::spawn(connection);
    sender
}
