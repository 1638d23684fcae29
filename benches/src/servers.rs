//! What answers the same request, each on a port of its own: Titan's gateway and a bare hyper echo in this process, on
//! runtimes of their own, and FastAPI with onnxruntime in a Python process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::Context;
use tempfile::TempDir;
use titan_gateway::{Gateway, Options};
use titan_sdk::client::Client;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::subject;

/// A port of the loopback interface that is free.
const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

/// A gateway that serves the example. It ends with the process.
pub struct Titan {
    /// Where services are served.
    pub address: SocketAddr,
    _data: TempDir,
}

impl Titan {
    /// Starts a gateway with an empty store and deploys the example.
    ///
    /// # Errors
    /// The gateway does not start, or refuses the example.
    pub fn start() -> anyhow::Result<Titan> {
        let data = tempfile::tempdir()?;
        let options = Options { listen: FREE, admin: FREE, data: data.path().join("data"), ..Options::default() };
        let runtime = runtime()?;
        let gateway = runtime.block_on(Gateway::start(options))?;
        let (address, admin) = (gateway.services_address(), gateway.admin_address());
        thread::spawn(move || runtime.block_on(gateway.run(std::future::pending())));
        let mut bytes = Vec::new();
        subject::bundle()?.write(&mut bytes)?;
        Client::new(&format!("http://{admin}")).deploy("house-price", &bytes)?;
        Ok(Titan { address, _data: data })
    }
}

/// Starts a server that answers every request with its own body: the floor of HTTP. It ends with the process.
///
/// # Errors
/// No port is free.
pub fn echo() -> anyhow::Result<SocketAddr> {
    let runtime = runtime()?;
    let listener = runtime.block_on(TcpListener::bind(FREE))?;
    let address = listener.local_addr()?;
    thread::spawn(move || runtime.block_on(titan_load::echo::serve(&listener)));
    Ok(address)
}

/// FastAPI with onnxruntime: one uvicorn process with uvloop. Killed when dropped.
pub struct FastApi {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Killed,
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl FastApi {
    /// Starts `benches/compare/servers/fastapi_server.py` in the environment that `benches/run.sh` made.
    ///
    /// # Errors
    /// The environment is missing, or the server does not start.
    pub fn start() -> anyhow::Result<FastApi> {
        let python = subject::folder().join("environments/fastapi/bin/python");
        let mut process = Command::new(&python)
            .arg("fastapi_server.py")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/compare/servers"))
            .env("MODEL", subject::folder().join("models/house/model.onnx"))
            .env("FUNCTION", "house")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start: run benches/run.sh", python.display()))?;
        let output = process.stdout.take().context("its output is not piped")?;
        let process = Killed(process);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().context("benches/compare/servers/fastapi_server.py did not say its port")?;
        Ok(FastApi { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), _process: process })
    }
}
