//! The main job: the house-price notebook becomes v1 and v2, answers as its kernel does, and rolls back under load.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use titan_sdk::bundle::Bundle;
use wit_component::{DecodedWasm, decode};

use support::Gateway;
use support::close::assert_close;
use support::load::{Load, Sample};
use support::notebook::HousePrice;

/// What the issue asks for between a kernel and its service.
const TOLERANCE: f64 = 1e-5;

fn deploy(gateway: &Gateway, version: &HousePrice) {
    gateway.run(&["deploy", version.bundle.to_str().unwrap()]);
}

fn assert_answers_as_the_kernel(gateway: &Gateway, version: &str, notebook: &HousePrice) {
    let expected = |endpoint: &str| notebook.expected[endpoint].as_str().unwrap().to_owned();
    for endpoint in ["GET /loss", "GET /accuracy", "POST /prediction"] {
        let (method, path) = endpoint.split_once(' ').unwrap();
        let answer = gateway.request(method, &format!("/house-price{path}"), &notebook.body.to_string());
        assert_eq!((answer.status, answer.version.as_deref()), (200, Some(version)), "{answer:?}");
        assert!(answer.body.trim().chars().any(|c| c.is_ascii_digit()), "an answer is a number: {answer:?}");
        assert_close(&answer.body, &expected(endpoint), TOLERANCE);
    }
}

#[test]
fn both_versions_answer_as_their_kernels_do() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    for (version, folder) in [("v1", "v1"), ("v2", "v2")] {
        let notebook = HousePrice::compiled(folder);
        deploy(&gateway, &notebook);
        assert_answers_as_the_kernel(&gateway, version, &notebook);
    }
    gateway.run(&["rollback"]);
    assert_answers_as_the_kernel(&gateway, "v1", &HousePrice::compiled("v1"));
}

#[test]
fn deploys_and_rollbacks_lose_no_request() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let notebooks = [HousePrice::compiled("v1"), HousePrice::compiled("v2")];
    deploy(&gateway, &notebooks[0]);
    let bodies = |notebook: &HousePrice| gateway.post("/house-price/prediction", &notebook.body).body;
    let first = bodies(&notebooks[0]);

    let load = Load::start(&format!("{}/house-price/prediction", gateway.url), notebooks[0].body.to_string(), 8);
    deploy(&gateway, &notebooks[1]);
    let deployed = Instant::now();
    let second = bodies(&notebooks[1]);
    gateway.run(&["rollback", "house-price"]);
    let rolled_back = Instant::now();
    // Long enough for the load to send requests of its own after the rollback.
    for _ in 0..50 {
        assert_eq!(gateway.post("/house-price/prediction", &notebooks[0].body).version.as_deref(), Some("v1"));
    }
    // Back and forth a few times more, now at the gateway's own pace.
    let switched = Instant::now();
    let mut expected = "v1";
    while switched.elapsed() < Duration::from_secs(2) {
        expected = if expected == "v1" { "v2" } else { "v1" };
        gateway.run(&["rollback", "house-price", "--to", expected]);
        assert_eq!(gateway.post("/house-price/prediction", &notebooks[0].body).version.as_deref(), Some(expected));
    }
    let samples = load.finish();

    assert_ne!(first, second, "the versions can be told apart");
    for sample in &samples {
        let whole = if sample.version == "v1" { &first } else { &second };
        assert_eq!(
            (sample.status, &sample.body),
            (200, whole),
            "every response is whole and of one version: {sample:?}"
        );
    }
    let sent_between = |from: Instant, to: Instant| samples.iter().filter(move |s| s.sent >= from && s.sent < to);
    assert!(sent_between(rolled_back, switched).next().is_some(), "the rollback was under load");
    assert!(
        sent_between(rolled_back, switched).all(|s: &Sample| s.version == "v1"),
        "after the rollback returns v1 answers"
    );
    assert!(samples.iter().any(|s| s.sent < deployed && s.version == "v1"), "v1 was under load");
    assert!(samples.iter().any(|s| s.version == "v2"), "v2 was under load");
    println!("{} requests, none failed", samples.len());
}

#[test]
fn a_component_is_small_valid_and_reaches_nothing() {
    for version in ["v1", "v2"] {
        let file = fs::File::open(HousePrice::compiled(version).bundle).unwrap();
        let component = Bundle::read(file, u64::MAX).unwrap().component;
        wasmparser::Validator::new().validate_all(&component).unwrap();
        assert!(component.len() < 30_000_000, "{} bytes", component.len());
        let DecodedWasm::Component(resolve, world) = decode(&component).unwrap() else { panic!("not a component") };
        for (key, _) in &resolve.worlds[world].imports {
            let name = resolve.name_world_key(key);
            assert!(!name.contains("filesystem") && !name.contains("sockets"), "it imports {name}");
        }
    }
}

#[test]
fn a_bundle_answers_within_a_second_of_its_upload() {
    let notebook = HousePrice::compiled("v1");
    let data = tempfile::tempdir().unwrap();
    // The first gateway compiles the engine if no test has yet; the second finds it in the cache.
    drop(Gateway::start(data.path()));
    let gateway = Gateway::start(data.path());
    let start = Instant::now();
    deploy(&gateway, &notebook);
    let answer = gateway.post("/house-price/prediction", &notebook.body);
    let took = start.elapsed();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_bundle_read_and_written_is_the_same_archive() {
    let bundle = Bundle::read(fs::File::open(HousePrice::compiled("v1").bundle).unwrap(), u64::MAX).unwrap();
    let mut once = Vec::new();
    bundle.write(&mut once).unwrap();
    assert_eq!(fs::read(Path::new(&HousePrice::compiled("v1").bundle)).unwrap(), once);
}
