//! Deploys, rollbacks and removals, through the admin API.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use support::{Gateway, bundle, packed, sized_bundle, small};
use titan_sdk::api::VersionState;
use titan_sdk::client::ClientError;
use titan_sdk::digest::sha256_hex;
use titan_sdk::manifest::{Config, State};

/// Versions of `demo` with their states.
fn states(gateway: &Gateway) -> Vec<(String, VersionState)> {
    gateway.client.versions("demo").unwrap().into_iter().map(|version| (version.version, version.state)).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (u16, String) {
    match result.unwrap_err() {
        ClientError::Refused { status, message } => (status, message),
        error => panic!("{error}"),
    }
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn versions_come_back_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    assert_eq!([gateway.deploy(small()), gateway.deploy(small()), gateway.deploy(small())], ["v1", "v2", "v3"]);
    gateway.client.rollback("demo", Some("v2")).unwrap();
    let before = (gateway.client.services().unwrap(), gateway.client.versions("demo").unwrap());
    assert_eq!((before.0[0].active.as_deref(), before.0[0].previous.as_deref()), (Some("v2"), Some("v3")));
    drop(gateway);
    let gateway = Gateway::start(data.path());
    // Its answer shows that the version is loaded again.
    assert_eq!(gateway.get("/demo/created").header("titan-version"), Some("v2"));
    assert_eq!((gateway.client.services().unwrap(), gateway.client.versions("demo").unwrap()), before);
    let back = gateway.client.rollback("demo", None).unwrap();
    assert_eq!((back.from.as_str(), back.to.as_str()), ("v2", "v3"));
    assert_eq!(gateway.get("/demo/created").header("titan-version"), Some("v3"));
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    let before = gateway.client.versions("demo").unwrap();
    let good = bundle(small());
    let bytes = packed(&good);
    let mut foreign = good.clone();
    foreign.manifest.engine = sha256_hex(b"another engine");
    let mut garbage = good.clone();
    garbage.component = b"\0asm garbage".to_vec();
    garbage.manifest.component = titan_sdk::bundle::part("component.wasm", &garbage.component);
    let mut lacking = good.clone();
    lacking.manifest.endpoints[0].name = "get-missing".into();

    let deploy = |bytes: &[u8]| refused(gateway.client.deploy("demo", bytes));
    assert_eq!(deploy(&bytes[..bytes.len() / 2]).0, 400);
    assert_eq!(deploy(b"hello").0, 400);
    let (status, message) = deploy(&packed(&foreign));
    assert!(status == 409 && message.contains("engine") && message.contains("compile"), "{status} {message}");
    assert!(
        message.contains(titan_sdk::engine::ENGINES[0].digest()) && message.contains(&foreign.manifest.engine),
        "{message}"
    );
    assert_eq!(deploy(&packed(&garbage)).0, 422);
    let (status, message) = deploy(&packed(&lacking));
    assert!(status == 422 && message.contains("get-missing"), "{status} {message}");
    assert_eq!(refused(gateway.client.deploy("Bad%20Name", &bytes)).0, 400);

    for (result, status, parts) in [
        (gateway.client.rollback("nobody", None), 404, ["nobody", "titan services"]),
        (gateway.client.rollback("demo", Some("v9")), 404, ["demo", "v9"]),
        (gateway.client.rollback("demo", Some("1")), 404, ["demo", "\"1\""]),
        (gateway.client.rollback("demo", None), 409, ["demo", "before v1"]),
    ] {
        let (refusal, message) = refused(result);
        assert!(refusal == status && parts.iter().all(|part| message.contains(part)), "{refusal} {message}");
    }
    assert_eq!(refused(gateway.client.delete_version("demo", "v1")).0, 409);
    assert_eq!(refused(gateway.client.delete_version("demo", "v2")).0, 404);
    assert_eq!(refused(gateway.client.delete_service("nobody")).0, 404);
    assert_eq!(gateway.client.rollback("demo", Some("v1")).unwrap().to, "v1");
    assert_eq!(gateway.client.versions("demo").unwrap(), before);
    assert_eq!(gateway.client.services().unwrap().len(), 1);
    assert_eq!(files(&data.path().join("blobs")), 2);
}

#[test]
fn a_version_that_does_not_fit_its_memory_is_not_deployed() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let huge = sized_bundle(Config { memory: 1_000_000, ..small() }, 17);
    let (status, message) = refused(gateway.client.deploy("demo", &packed(&huge)));
    assert!(status == 422 && message.contains("1000000 bytes") && message.contains("'memory'"), "{status} {message}");
    assert_eq!(gateway.client.services().unwrap(), []);
}

#[test]
fn requests_in_flight_finish_on_their_version_even_when_the_gateway_stops() {
    let data = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(data.path());
    gateway.deploy(Config { timeout_ms: 3000, ..small() });
    let services = gateway.services;
    let slow = std::thread::spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let response = agent.get(format!("http://{services}/demo/spin")).call().unwrap();
        (response.status().as_u16(), response.headers()["titan-version"].to_str().unwrap().to_owned())
    });
    // Until the request is there nothing can drain: each deploy retires one version more.
    loop {
        gateway.deploy(small());
        if states(&gateway).contains(&("v1".into(), VersionState::Draining)) {
            break;
        }
        assert!(!slow.is_finished(), "it was never seen draining: {:?}", states(&gateway));
    }
    assert_ne!(gateway.get("/demo/created").header("titan-version"), Some("v1"));
    gateway.stop();
    assert_eq!(slow.join().unwrap(), (504, "v1".into()));
    drop(gateway);
    let gateway = Gateway::start(data.path());
    assert!(states(&gateway).contains(&("v1".into(), VersionState::Ready)));
}

#[test]
fn a_rollback_to_a_version_that_is_still_loaded_keeps_its_kernel() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let kernel = || Config { state: State::Kernel, ..small() };
    gateway.deploy(kernel());
    assert_eq!(gateway.get("/demo/count").body, "1");
    gateway.deploy(kernel());
    assert_eq!(gateway.get("/demo/count").body, "1");
    gateway.client.rollback("demo", None).unwrap();
    assert_eq!(gateway.get("/demo/count").body, "2");
}

#[test]
fn deleted_versions_leave_nothing_behind_but_their_numbers() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    gateway.deploy(small());
    gateway.client.delete_version("demo", "v1").unwrap();
    assert_eq!(states(&gateway), [("v2".into(), VersionState::Active)]);
    gateway.client.delete_service("demo").unwrap();
    assert_eq!(gateway.client.services().unwrap(), []);
    assert_eq!(gateway.get("/demo/created").status, 404);
    assert_eq!((files(&data.path().join("blobs")), files(&data.path().join("compiled"))), (0, 0));
    assert_eq!(gateway.deploy(small()), "v3");
}

#[test]
fn one_data_folder_serves_one_gateway() {
    let data = tempfile::tempdir().unwrap();
    let _gateway = Gateway::start(data.path());
    let error = Gateway::with(data.path(), titan_gateway::Limits::default()).err().unwrap();
    assert!(error.contains("another gateway"), "{error}");
}

#[test]
fn the_admin_api_is_not_for_web_pages() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{}/v1/services", gateway.admin);
    assert_eq!(agent.get(&url).call().unwrap().status(), 200);
    assert_eq!(agent.get(&url).header("origin", "http://evil.example").call().unwrap().status(), 403);
    assert_eq!(agent.get(&url).header("host", "evil.example").call().unwrap().status(), 403);
    assert_eq!(agent.delete(&url).call().unwrap().status(), 405);
    assert_eq!(agent.get(format!("{url}/demo/nothing")).call().unwrap().status(), 404);
}
