//! What scripts rely on: exit codes, what is on which stream, and signals.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Gateway, fail, notebook, succeed, titan};

const CELLS: [&str; 2] = ["x = 1\nprint('from the notebook')", "# GET /x\nprint(x)"];

fn signal(process: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
}

#[test]
fn exit_codes_are_those_the_help_documents() {
    let code = |arguments: &[&str]| titan().args(arguments).output().unwrap().status.code();
    assert_eq!(code(&["services", "--json", "--help"]), Some(0));
    assert_eq!(code(&["deploy"]), Some(2));
    assert_eq!(code(&["deploy", "missing.ipynb"]), Some(1));
    // Nothing listens on port 1 of the loopback interface.
    assert_eq!(code(&["services", "--gateway", "http://127.0.0.1:1"]), Some(3));
}

#[test]
fn a_notebook_is_not_run_for_a_gateway_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = notebook::write(folder.path(), "demo", &["open('ran', 'w').close()", CELLS[1]]);
    let output = titan().arg("deploy").arg(&file).args(["--gateway", "http://127.0.0.1:1"]).output().unwrap();
    assert!(fail(&output).contains("titan gateway") && output.status.code() == Some(3));
    assert!(!folder.path().join("ran").exists());
}

#[test]
fn what_is_printed_can_be_read_by_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let file = notebook::write(folder.path(), "demo", &CELLS);
    let output = gateway.titan(&["deploy", file.to_str().unwrap(), "--name", "other"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr, "  from the notebook\n", "no bar where there is no terminal");
    let stdout = succeed(&output);
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("frozen x ("), "{stdout}");
    assert!(lines[1].starts_with("state: reuse, because "), "{stdout}");
    assert_eq!(lines[2..4], ["GET    /other/x  checked", "deployed other v1"]);
    assert!(lines[4].starts_with("stages: environment ") && lines[4].contains("upload and load "), "{stdout}");
    assert_eq!(gateway.get("/other/x").body, "1\n");

    // A bundle takes another name without being compiled again.
    let bundle = folder.path().join("demo.titan");
    gateway.run(&["compile", file.to_str().unwrap(), "-o", bundle.to_str().unwrap()]);
    gateway.run(&["deploy", bundle.to_str().unwrap(), "--name", "third"]);
    assert_eq!(gateway.get("/third/x").body, "1\n");
    let error = fail(&gateway.titan(&["deploy", bundle.to_str().unwrap(), "--image", "python"]));
    assert!(error.contains("--image"), "{error}");

    let services: serde_json::Value = serde_json::from_str(&gateway.run(&["services", "--json"])).unwrap();
    assert_eq!(services, gateway.admin_get("/v1/services"));
    let versions: serde_json::Value = serde_json::from_str(&gateway.run(&["versions", "third", "--json"])).unwrap();
    assert_eq!(versions, gateway.admin_get("/v1/services/third/versions"));
    assert!(gateway.run(&["services"]).lines().nth(1).unwrap().starts_with("other "));
    assert_eq!(gateway.run(&["delete", "third"]), "deleted third\n");
    assert_eq!(gateway.get("/third/x").status, 404);
}

#[test]
fn an_interrupted_compile_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "import os\nprint(os.getpid(), flush=True)\nwhile True: pass";
    let file = notebook::write(folder.path(), "demo", &[endless, CELLS[1]]);
    let bundle = folder.path().join("demo.titan");
    let mut process = titan().arg("compile").arg(&file).arg("-o").arg(&bundle).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let python = format!("/proc/{}/cmdline", line.trim());
    assert!(String::from_utf8_lossy(&fs::read(&python).unwrap()).contains("titan_freeze"));
    signal(&process, "-INT");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "error: interrupted: nothing was deployed\n");
    assert_eq!(process.wait().unwrap().code(), Some(130));
    // Gone, or killed and not yet reaped: then it has no command line any more. The system may take a moment to kill it.
    let since = Instant::now();
    while !fs::read(&python).unwrap_or_default().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(10), "the notebook's Python outlives titan");
        std::thread::yield_now();
    }
    assert!(!bundle.exists());
}

#[test]
fn a_gateway_stops_when_it_is_told_to() {
    for told in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = titan()
            .args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let lines: Vec<_> = stdout.lines().take(2).map(Result::unwrap).collect();
        assert!(
            lines[0].starts_with("services  http://127.0.0.1:") && lines[1].starts_with("admin     http://127.0.0.1:")
        );
        signal(&process, told);
        assert_eq!(process.wait().unwrap().code(), Some(0));
    }
}
