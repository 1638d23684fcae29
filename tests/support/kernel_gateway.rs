//! The real Jupyter Kernel Gateway, in an environment of its own that is made once and kept in the target folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{root, succeed};

/// A gateway process that serves one notebook in notebook-http mode, killed with its kernel when dropped.
pub struct KernelGateway {
    process: Child,
    /// `127.0.0.1:port`.
    pub address: String,
}

impl KernelGateway {
    /// Serves the notebook in `file` and waits until its kernel has run it.
    pub fn start(file: &Path) -> KernelGateway {
        let bin = environment().join("bin");
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

/// The folder of a Python environment with the packages of `kernel_gateway.txt`.
fn environment() -> PathBuf {
    let requirements = root().join("tests/support/kernel_gateway.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernel-gateway");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    // Written last, so that what was interrupted is made again.
    let (environment, made) = (folder.join("venv"), folder.join("made-from.txt"));
    let wanted = fs::read(&requirements).unwrap();
    if fs::read(&made).ok().as_ref() != Some(&wanted) {
        let python = std::env::var_os("TITAN_PYTHON").unwrap_or_else(|| "python3".into());
        succeed(&Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment).output().unwrap());
        let pip = environment.join("bin/pip");
        succeed(&Command::new(pip).args(["install", "--no-deps", "-r"]).arg(&requirements).output().unwrap());
        fs::write(&made, wanted).unwrap();
    }
    environment
}
