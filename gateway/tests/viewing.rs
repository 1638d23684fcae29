//! What the admin API shows people of a version, and the requests it lets them try.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use titan_sdk::bundle::part;

use support::{Answer, Gateway, bundle, packed, send, small};

const VERSIONS: &str = "/v1/services/demo/versions";

fn get(gateway: &Gateway, path: &str) -> Answer {
    send(gateway.admin, "GET", path, &[], b"")
}

fn try_out(gateway: &Gateway, version: &str, request: &Value) -> Answer {
    let path = format!("{VERSIONS}/{version}/try");
    send(gateway.admin, "POST", &path, &[("content-type", "application/json")], request.to_string().as_bytes())
}

/// Deploys a version whose notebook has these cells.
fn deploy(gateway: &Gateway, cells: &Value) -> Vec<u8> {
    let mut bundle = bundle(small());
    bundle.notebook = json!({"cells": cells}).to_string().into_bytes();
    bundle.manifest.notebook = part("notebook.ipynb", &bundle.notebook);
    gateway.client.deploy("demo", &packed(&bundle)).unwrap();
    bundle.notebook
}

#[test]
fn a_notebook_is_given_as_it_was_deployed_as_cells_and_as_what_changed() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let text = json!({"cell_type": "markdown", "source": "# Title <script>alert(1)</script>"});
    let first = deploy(&gateway, &json!([text, {"cell_type": "code", "source": ["a = 1\n", "b = 2"]}]));
    deploy(&gateway, &json!([text, {"cell_type": "code", "source": "a = 1\nb = 3"}]));

    let whole = get(&gateway, &format!("{VERSIONS}/v1/notebook"));
    assert_eq!((whole.header("content-type"), whole.body.as_bytes()), (Some("application/x-ipynb+json"), &first[..]));
    let cells = get(&gateway, &format!("{VERSIONS}/v1/cells")).json()["cells"].clone();
    assert_eq!((&cells[0]["html"], &cells[1]["source"]), (&json!("<h3>Title </h3>\n"), &json!("a = 1\nb = 2")));
    let changes = get(&gateway, &format!("{VERSIONS}/v2/cells?from=v1")).json()["cells"].clone();
    let line = |change: &str, text: &str| json!({"change": change, "text": text});
    assert_eq!((&changes[0]["change"], &changes[1]["change"]), (&json!("same"), &json!("changed")));
    assert_eq!(changes[1]["lines"], json!([line("same", "a = 1"), line("removed", "b = 2"), line("added", "b = 3")]));

    for path in ["v9", "v9/notebook", "v9/cells", "v1/cells?from=v9", "1/cells"] {
        assert_eq!(get(&gateway, &format!("{VERSIONS}/{path}")).status, 404, "{path}");
    }
    gateway.deploy(small());
    let answer = get(&gateway, &format!("{VERSIONS}/v3/cells"));
    assert!(answer.status == 422 && answer.body.contains("cannot be shown"), "{answer:?}");
}

#[test]
fn a_request_is_tried_on_any_version_and_counts_for_none() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    for _ in 0..3 {
        gateway.deploy(small());
    }
    // v1 is neither active nor kept in memory.
    let echo = json!({"method": "POST", "path": "/echo?q=1", "content_type": "application/json", "body": "{\"x\": 1}"});
    let tried = try_out(&gateway, "v1", &echo).json();
    assert_eq!((&tried["version"], &tried["status"]), (&json!("v1"), &json!(200)));
    let request: Value = serde_json::from_str(tried["body"].as_str().unwrap()).unwrap();
    assert_eq!((&request["body"], &request["args"]), (&json!({"x": 1}), &json!({"q": ["1"]})));
    let status = |request: Value| try_out(&gateway, "v1", &request).json()["status"].clone();
    assert_eq!(status(json!({"method": "GET", "path": "/nowhere"})), 404);
    assert_eq!(status(json!({"method": "GET", "path": ""})), 404);
    assert_eq!(status(json!({"method": "GET", "path": "/trap"})), 500);
    for broken in [json!({"method": "GET X", "path": "/count"}), json!({"method": "GET", "path": " "}), json!({})] {
        assert_eq!(try_out(&gateway, "v1", &broken).status, 400, "{broken}");
    }
    assert_eq!(try_out(&gateway, "v9", &echo).status, 404);
    let stats = get(&gateway, "/v1/services/demo/stats").json();
    for version in stats["versions"].as_array().unwrap() {
        assert_eq!(version["requests"], 0, "{version}");
    }
}

#[test]
fn a_version_knows_who_deployed_it() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    gateway.client.clone().deploying_as("ada@lab".into()).deploy("demo", &packed(&bundle(small()))).unwrap();
    let by = |version: &str| get(&gateway, &format!("{VERSIONS}/{version}")).json()["deployed_by"].clone();
    assert_eq!((by("v1"), by("v2")), (Value::Null, json!("ada@lab")));
    let long = send(gateway.admin, "POST", VERSIONS, &[("titan-deployer", &"a".repeat(129))], b"");
    assert!(long.status == 400 && long.body.contains("titan-deployer"), "{long:?}");
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    for _ in 0..2 {
        gateway.deploy(small());
    }
    let own = format!("http://{}", gateway.admin);
    let rollback = |origin: &str, content_type: &str| {
        let headers = [("origin", origin), ("content-type", content_type)];
        send(gateway.admin, "POST", "/v1/services/demo/rollback", &headers, b"{\"to\": \"v1\"}").status
    };
    for (origin, content_type) in [
        ("https://evil.example", "application/json"),
        ("null", "application/json"),
        (&own, "text/plain"),
        (&own, "application/x-www-form-urlencoded"),
    ] {
        assert_eq!(rollback(origin, content_type), 403, "{origin} {content_type}");
    }
    assert_eq!(gateway.client.services().unwrap()[0].active.as_deref(), Some("v2"));
    assert_eq!(rollback(&own, "application/json"), 200);
}
