//! What the tests share: a gateway of their own, and versions made of a component that is written by hand, so that the gateway
//! is tested without the compiler, over real sockets and in the real sandbox.

#![allow(dead_code, unused_imports, reason = "every test binary uses its own part")]

mod bundle;

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use titan_gateway::{Limits, Options};
use titan_sdk::client::Client;
use titan_sdk::manifest::Config;
use tokio::sync::oneshot;

pub use bundle::{bundle, packed, sized_bundle, small};

/// A gateway on free ports of loopback.
pub fn options(data: &Path) -> Options {
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    Options { listen: local, admin: local, data: data.into(), ..Options::default() }
}

/// A gateway on a runtime of its own.
pub struct Gateway {
    pub services: SocketAddr,
    pub admin: SocketAddr,
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    pub fn start(data: &Path) -> Gateway {
        Gateway::with(data, Limits::default()).unwrap()
    }

    pub fn with(data: &Path, limits: Limits) -> Result<Gateway, String> {
        Gateway::of(Options { limits, ..options(data) })
    }

    pub fn of(options: Options) -> Result<Gateway, String> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, addresses) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                match titan_gateway::Gateway::start(options).await {
                    Ok(gateway) => {
                        // A service that is still being loaded says so, which no test here asks for.
                        gateway.loaded().await;
                        started.send(Ok((gateway.services_address(), gateway.admin_address()))).unwrap();
                        let stop = async { drop(stopped.await) };
                        gateway.run(stop).await;
                    }
                    Err(error) => started.send(Err(error.to_string())).unwrap(),
                }
            });
        });
        let (services, admin) = addresses.recv().unwrap()?;
        let client = Client::new(&format!("http://{admin}"));
        Ok(Gateway { services, admin, client, stop: Some(stop), thread: Some(thread) })
    }

    /// Deploys the hand-written component as the next version of `demo`.
    pub fn deploy(&self, config: Config) -> String {
        self.client.deploy("demo", &packed(&bundle(config))).unwrap().version
    }

    /// Sends a request with a body of this type.
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        send(self.services, method, path, &[("content-type", content_type)], body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "text/plain", b"")
    }

    /// Tells the gateway to stop, without waiting for it.
    pub fn stop(&mut self) {
        self.stop.take();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic in it shows by itself.
            let _ = thread.join();
        }
    }
}

/// Sends a request to a listener; any status is an answer.
pub fn send(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{to}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent.run(request.body(body).unwrap()).unwrap();
    let headers = response.headers().clone();
    let body = response.body_mut().read_to_string().unwrap();
    Answer { status: response.status().as_u16(), headers, body }
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}
