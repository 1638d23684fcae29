//! What the end-to-end tests share: the `titan` command, a gateway process, notebooks, and HTTP clients.
//!
//! Everything here is the real thing: the built binary, a process of its own, sockets, a Python environment. Environments and
//! compiled engines are kept in the user's cache between runs, as they are for users.

#![allow(dead_code, reason = "every test binary uses its own part")]

pub mod browser;
pub mod close;
pub mod kernel_gateway;
pub mod load;
pub mod metrics;
pub mod notebook;
pub mod python;
pub mod raw;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The file of the `titan` binary under test: that of this build, or the one that `TITAN_TEST_BINARY` names, as a release.
pub fn binary() -> PathBuf {
    std::env::var_os("TITAN_TEST_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_titan").into(), PathBuf::from)
}

/// The `titan` binary under test.
pub fn titan() -> Command {
    let mut command = Command::new(binary());
    for variable in ["TITAN_GATEWAY", "TITAN_TOKEN", "TITAN_CA"] {
        command.env_remove(variable);
    }
    command
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The real house prices where they exist (beside the checkout), else the example's own.
pub fn house_prices() -> PathBuf {
    let real = root().join("../shared/data/housepricedata.csv");
    if real.exists() { real } else { root().join("examples/house-price/house-prices.csv") }
}

/// A gateway process of its own, killed when dropped.
pub struct Gateway {
    process: Child,
    /// `http://address` of the services, `https` where there is a certificate.
    pub url: String,
    /// `http://address` of the admin API.
    pub admin: String,
}

impl Gateway {
    /// Starts a gateway on free ports and waits until it says that it serves.
    pub fn start(data: &Path) -> Gateway {
        let mut command = titan();
        command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(data);
        Gateway::spawn(&mut command)
    }

    /// As [`Gateway::start`], with a command line of the test's own.
    pub fn spawn(command: &mut Command) -> Gateway {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("titan gateway starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut address = |what: &str| loop {
            let line = lines.next().expect("the gateway says where it listens before it ends").unwrap();
            if let Some(at) = line.find("http").filter(|_| line.contains(what)) {
                return line[at..].split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
            }
        };
        let url = address("services");
        let admin = address("admin");
        // Read on, so that the gateway never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Gateway { process, url, admin }
    }

    /// `titan` with this gateway as its target.
    pub fn titan(&self, arguments: &[&str]) -> Output {
        titan().args(arguments).env("TITAN_GATEWAY", &self.admin).output().unwrap()
    }

    /// As [`Gateway::titan`], and it must succeed.
    pub fn run(&self, arguments: &[&str]) -> String {
        succeed(&self.titan(arguments))
    }

    /// Text of the admin API, whatever it is.
    pub fn admin_text(&self, path: &str) -> String {
        ureq::get(&format!("{}{path}", self.admin)).call().unwrap().body_mut().read_to_string().unwrap()
    }

    /// Answer to a GET on the admin API.
    pub fn admin_get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.admin);
        ureq::get(&url).call().unwrap().body_mut().read_json().unwrap()
    }

    /// Waits until every service has its active version after a start.
    pub fn loaded(&self) {
        while self.admin_get("/v1/gateway")["loading"] != 0 {
            std::thread::yield_now();
        }
    }

    /// Sends a request to a service; any status is an answer.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body.to_owned()).unwrap();
        let mut response = agent.run(request).unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (version, content_type) = (header("titan-version"), header("content-type"));
        let status = response.status().as_u16();
        Answer { status, version, content_type, body: response.body_mut().read_to_string().unwrap() }
    }

    /// GET on a service.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "")
    }

    /// POST of JSON to a service.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &body.to_string())
    }

    /// The process id, for signals and `/proc`.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Bytes of memory, as a line of `/proc/PID/status` has them: `VmRSS:`.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// Waits until the process ends by itself, and tells its exit code.
    pub fn exit_code(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have been killed by the test already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A response of a service.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub version: Option<String>,
    pub content_type: Option<String>,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Standard output of a command that must have succeeded.
pub fn succeed(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}

/// The error line of a command that must have failed without a usage error's code.
pub fn fail(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it succeeded: {}{stderr}", String::from_utf8_lossy(&output.stdout));
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "one line says what is wrong: {stderr}");
    errors[0].to_owned()
}
