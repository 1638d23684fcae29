//! A client that never pauses: keep-alive connections, each sending its next request as soon as the answer is in.
//!
//! It uses hyper's connections themselves and no pool, so that a connection the gateway drops is seen and not hidden
//! by a silent second attempt. A connection is replaced only where its last answer said so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

/// One answer, in the order of a connection.
#[derive(Clone, Debug)]
pub struct Sample {
    pub sent: Instant,
    pub status: u16,
    pub version: String,
    pub body: String,
}

/// A running load.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Load {
    /// Starts `connections` clients that POST `body` to `url` without pause.
    pub fn start(url: &str, body: String, connections: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let url: hyper::Uri = url.parse().unwrap();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let clients: Vec<_> = (0..connections)
                    .map(|_| tokio::spawn(client(url.clone(), body.clone(), Arc::clone(&stopped))))
                    .collect();
                let mut samples = Vec::new();
                for client in clients {
                    samples.extend(client.await.unwrap());
                }
                samples
            })
        });
        Load { stop, thread }
    }

    /// Lets every connection finish the request it is in, and returns all samples.
    ///
    /// Panics if any request failed to be answered whole.
    pub fn finish(self) -> Vec<Sample> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("every request was answered over its own connection")
    }
}

async fn client(url: hyper::Uri, body: String, stop: Arc<AtomicBool>) -> Vec<Sample> {
    let address: SocketAddr = url.authority().unwrap().as_str().parse().unwrap();
    let mut sender = connect(address).await;
    let mut samples = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let request = hyper::Request::post(url.path())
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap();
        let sent = Instant::now();
        let response = sender.send_request(request).await.expect("no request is dropped");
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (version, last) = (header("titan-version"), header("connection") == "close");
        let body = response.into_body().collect().await.expect("every response is whole").to_bytes();
        samples.push(Sample { sent, status, version, body: String::from_utf8(body.to_vec()).unwrap() });
        if last {
            sender = connect(address).await;
        }
    }
    samples
}

/// A new connection.
pub async fn connect(address: SocketAddr) -> http1::SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("the gateway accepts connections");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}
