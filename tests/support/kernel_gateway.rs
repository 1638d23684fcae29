//! The real Jupyter Kernel Gateway, in an environment of its own that is made once and kept in the target folder.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::python::environment;
use super::root;

/// A gateway process that serves one notebook in notebook-http mode, killed with its kernel when dropped.
pub struct KernelGateway {
    process: Child,
    /// `127.0.0.1:port`.
    pub address: String,
}

impl KernelGateway {
    /// Serves the notebook in `file` and waits until its kernel has run it.
    pub fn start(file: &Path) -> KernelGateway {
        let bin = environment("kernel-gateway", &root().join("tests/support/kernel_gateway.txt")).join("bin");
        // A port that was free a moment ago: the gateway cannot tell which one it took.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut path = bin.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let option = |name: &str, value: &str| format!("--KernelGatewayApp.{name}={value}");
        let mut process = Command::new(bin.join("jupyter-kernelgateway"))
            .args([
                option("api", "kernel_gateway.notebook_http"),
                option("seed_uri", file.to_str().unwrap()),
                option("port", &address.port().to_string()),
                option("port_retries", "0"),
            ])
            .env("PATH", path)
            .env("JUPYTER_PLATFORM_DIRS", "1")
            .current_dir(file.parent().unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("jupyter-kernelgateway starts");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ends before it serves: {said:#?}")).unwrap();
            if line.contains("is available at") {
                break;
            }
            said.push(line);
        }
        std::thread::spawn(move || lines.for_each(drop));
        KernelGateway { process, address: address.to_string() }
    }
}

impl Drop for KernelGateway {
    fn drop(&mut self) {
        // It takes its kernel with it when it is told to end, not when it is killed.
        let told = Command::new("kill").arg(self.process.id().to_string()).status();
        if told.is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}
