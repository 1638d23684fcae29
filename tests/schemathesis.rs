//! Schemathesis against the admin API's own OpenAPI document: every answer is one that the document announces, and none is a 5xx.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
mod support;

use std::process::Command;

use support::python::environment;
use support::{Gateway, root, titan};
use titan_sdk::client::{Client, Credentials};

#[test]
fn the_admin_api_is_what_its_document_says() {
    let bin = environment("schemathesis", &root().join("tests/support/schemathesis.txt")).join("bin");
    let folder = tempfile::tempdir().unwrap();
    let mut command = titan();
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--require-token", "--data"]);
    let gateway = Gateway::spawn(command.arg(folder.path()));
    let token = std::fs::read_to_string(folder.path().join("admin-token")).unwrap();
    let token = token.trim();
    let credentials = Credentials { token: Some(token.to_owned()), ..Credentials::default() };
    let client = Client::with(&gateway.admin, credentials).unwrap();
    let packed = bundle::packed(&bundle::bundle(bundle::small()));
    for service in ["demo", "demo", "other"] {
        client.deploy(service, &packed).unwrap();
    }
    let bundle = folder.path().join("demo.titan");
    std::fs::write(&bundle, packed).unwrap();
    let document = folder.path().join("openapi.json");
    let mut answer = ureq::get(format!("{}/openapi.json", gateway.admin))
        .header("authorization", format!("Bearer {token}"))
        .call()
        .unwrap();
    std::fs::write(&document, answer.body_mut().read_to_vec().unwrap()).unwrap();
    let tested = Command::new(bin.join("schemathesis"))
        .arg("--config-file")
        .arg(root().join("tests/support/schemathesis.toml"))
        .args(["run", "--url", &gateway.admin])
        .arg(&document)
        .env("TITAN_TOKEN", token)
        .env("TITAN_BUNDLE", bundle)
        .env("SCHEMATHESIS_HOOKS", root().join("tests/support/schemathesis.py"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tested.stdout);
    println!("{said}{}", String::from_utf8_lossy(&tested.stderr));
    assert!(tested.status.success());
}
