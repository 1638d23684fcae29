//! Bad input: every mistake is one line that names the cause and the remedy, fails, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::{Gateway, fail, notebook, titan};

/// Cells of a notebook that deploys.
const GOOD: [&str; 2] = ["x = 1", "# GET /x\nprint(x)"];

/// `titan deploy` of these cells fails; returns its error line.
fn deploy_error(gateway: &Gateway, folder: &Path, cells: &[&str]) -> String {
    let file = notebook::write(folder, "bad", cells);
    fail(&gateway.titan(&["deploy", file.to_str().unwrap()]))
}

fn assert_names(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is missing: {error}");
    }
}

#[test]
fn notebooks_that_cannot_deploy_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    let error = |cells: &[&str]| deploy_error(&gateway, folder.path(), cells);

    let text = folder.path().join("text.ipynb");
    fs::write(&text, "hello").unwrap();
    assert_names(&fail(&gateway.titan(&["deploy", text.to_str().unwrap()])), &["text.ipynb", "not a"]);
    assert_names(&fail(&gateway.titan(&["deploy", "missing.ipynb"])), &["missing.ipynb"]);
    assert_names(&error(&["x = 1"]), &["endpoint", "# GET /"]);
    let config = "'''yaml\ntitan: v1\n'''";
    assert_names(&error(&[config, config, GOOD[1]]), &["config", "1", "2"]);
    assert_names(&error(&["'''yaml\ntitan: v1\nimage: fortran\n'''", GOOD[1]]), &["fortran", "tensorflow"]);
    assert_names(&error(&["'''yaml\ntitan: v1\nmemory: lots\n'''", GOOD[1]]), &["lots", "512MB"]);
    assert_names(&error(&["x = 1", "y = 2\nz = y / 0", GOOD[1]]), &["cell 2", "ZeroDivisionError", "z = y / 0"]);
    let open_file = "import tempfile\nhandle = tempfile.TemporaryFile()";
    assert_names(&error(&[open_file, "# GET /x\nprint(handle.read())"]), &["handle", "GET /x"]);
    assert_names(&error(&["# GET /x\nimport socketserver, tkinter\nprint(1)"]), &["tkinter", "GET /x"]);

    assert_eq!(gateway.admin_get("/v1/services"), json!({"services": []}), "nothing was deployed");
}

#[test]
fn broken_bundles_and_unknown_names_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    assert_names(&fail(&gateway.titan(&["rollback"])), &["no service"]);

    let file = notebook::write(folder.path(), "good", &GOOD);
    let bundle = folder.path().join("good.titan");
    gateway.run(&["compile", file.to_str().unwrap(), "-o", bundle.to_str().unwrap()]);
    gateway.run(&["deploy", bundle.to_str().unwrap()]);
    let before = gateway.admin_get("/v1/services/good/versions");

    let bytes = fs::read(&bundle).unwrap();
    let cut = folder.path().join("cut.titan");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert_names(&fail(&gateway.titan(&["deploy", cut.to_str().unwrap()])), &["bundle"]);
    // The gateway does not take the command's word for it.
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let upload = |bytes: &[u8]| agent.post(format!("{}/v1/services/good/versions", gateway.admin)).send(bytes).unwrap();
    assert_eq!(upload(&bytes[..bytes.len() / 2]).status(), 400);

    let mut other = titan_sdk::bundle::Bundle::read(&bytes[..], u64::MAX).unwrap();
    other.manifest.engine = titan_sdk::digest::sha256_hex(b"another engine");
    let mut foreign = Vec::new();
    other.write(&mut foreign).unwrap();
    let file = folder.path().join("foreign.titan");
    fs::write(&file, &foreign).unwrap();
    assert_names(&fail(&gateway.titan(&["deploy", file.to_str().unwrap()])), &["engine", "compile"]);
    assert_eq!(upload(&foreign).status(), 409);

    assert_names(&fail(&gateway.titan(&["rollback", "nobody"])), &["nobody"]);
    assert_names(&fail(&gateway.titan(&["rollback", "good", "--to", "v9"])), &["v9", "good"]);
    assert_names(&fail(&gateway.titan(&["rollback", "good"])), &["good", "before"]);
    assert_names(&fail(&gateway.titan(&["versions", "nobody"])), &["nobody"]);

    assert_eq!(gateway.admin_get("/v1/services/good/versions"), before, "nothing changed");
    assert_eq!(gateway.get("/good/x").body, "1\n");
}

#[test]
fn a_gateway_that_is_not_running_is_named() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let output = titan().args(["services", "--gateway", &url]).output().unwrap();
    assert_names(&fail(&output), &[&url, "titan gateway"]);
}

#[test]
fn several_services_must_be_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"));
    for name in ["one", "two"] {
        let file = notebook::write(folder.path(), name, &GOOD);
        gateway.run(&["deploy", file.to_str().unwrap()]);
    }
    assert_names(&fail(&gateway.titan(&["rollback"])), &["one", "two"]);
}
