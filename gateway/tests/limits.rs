//! Limits bind one request and nothing beyond it; state lives as the config says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use support::{Gateway, bundle, packed, small};
use titan_gateway::Limits;
use titan_sdk::client::ClientError;
use titan_sdk::manifest::{Config, State};

#[test]
fn a_request_that_goes_wrong_harms_no_other() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    for (path, status, text) in [
        ("/demo/spin", 504, "timeout"),
        ("/demo/trap", 500, "unreachable"),
        ("/demo/hoard", 507, "memory"),
        ("/demo/fail", 500, "'titan logs demo' shows why"),
    ] {
        let answer = gateway.get(path);
        assert_eq!((answer.status, answer.header("titan-version")), (status, Some("v1")), "{answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains(text), "{answer:?}");
        assert_eq!(gateway.get("/demo/created").status, 201, "after {path}");
    }
    let failed = gateway.get("/demo/fail").json();
    assert!(failed["error_id"].is_string() && failed.get("traceback").is_none(), "{failed}");
    gateway.deploy(Config { debug: true, ..small() });
    let failed = gateway.get("/demo/fail").json();
    assert!(failed["error_id"].is_string() && failed["traceback"] == "ValueError: no", "{failed}");
}

#[test]
fn state_lives_as_configured() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let counts = |state| {
        gateway.deploy(Config { state, cpu: 4.0, ..small() });
        ["/count", "/count", "/fail", "/count", "/trap", "/count"]
            .map(|path| gateway.get(&format!("/demo{path}")).body)
            .into_iter()
            .filter(|body| body.len() == 1)
            .collect::<String>()
    };
    assert_eq!(counts(State::Fresh), "1111");
    assert_eq!(counts(State::Reuse), "1231", "a failure keeps the instance, a trap does not");
    assert_eq!(counts(State::Kernel), "1231");
}

#[test]
fn a_kernel_answers_one_request_at_a_time() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(Config { state: State::Kernel, cpu: 4.0, ..small() });
    let mut counts: Vec<String> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..9).map(|_| scope.spawn(|| gateway.get("/demo/count").body)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    counts.sort();
    assert_eq!(counts.concat(), "123456789");
}

#[test]
fn a_kernel_that_loses_its_state_says_so() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(Config { state: State::Kernel, ..small() });
    for (path, text) in [("/demo/trap", "unreachable"), ("/demo/spin", "timeout"), ("/demo/hoard", "memory")] {
        assert_eq!(gateway.get("/demo/count").body, "1");
        assert_eq!(gateway.get("/demo/count").body, "2");
        let error = gateway.get(path).json()["error"].as_str().unwrap().to_owned();
        let lost = "the kernel begins anew: what requests have changed since the deploy is lost";
        assert!(error.contains(text) && error.contains(lost), "{error}");
    }
    gateway.deploy(small());
    let error = gateway.get("/demo/trap").json()["error"].as_str().unwrap().to_owned();
    assert!(!error.contains("kernel"), "others keep no state: {error}");
}

#[test]
fn a_kernel_keeps_its_state_when_a_client_leaves() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(Config { state: State::Kernel, timeout_ms: 60_000, ..small() });
    assert_eq!(gateway.get("/demo/count").body, "1");
    for _ in 0..5 {
        let mut stream = TcpStream::connect(gateway.services).unwrap();
        stream.write_all(b"GET /demo/wait HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        // Closed while its request runs: it takes longer than the gateway needs to notice.
        let mut first = [0];
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert!(stream.read(&mut first).is_err(), "the answer takes longer");
    }
    assert_eq!(gateway.get("/demo/count").body, "2");
}

#[test]
fn more_requests_than_may_wait_are_told_to_come_again() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(data.path(), Limits { max_waiting: 1, ..Limits::default() }).unwrap();
    gateway.deploy(Config { timeout_ms: 2000, ..small() });
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..4).map(|_| scope.spawn(|| gateway.get("/demo/spin"))).collect();
        requests
            .into_iter()
            .map(|request| {
                let answer = request.join().unwrap();
                assert_eq!(answer.header("retry-after").is_some(), answer.status == 503);
                answer.status
            })
            .collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [503, 503, 504, 504], "one runs, one waits");
}

#[test]
fn a_full_gateway_keeps_answering_and_takes_no_more_versions() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(data.path(), Limits { max_instances: 1, ..Limits::default() }).unwrap();
    gateway.deploy(small());
    match gateway.client.deploy("other", &packed(&bundle(small()))).unwrap_err() {
        ClientError::Refused { status: 503, message } => assert!(message.contains("instances"), "{message}"),
        error => panic!("{error}"),
    }
    for path in ["/demo/count", "/demo/trap", "/demo/count"] {
        assert_ne!(gateway.get(path).status, 503, "{path}");
    }
    assert_eq!(gateway.client.services().unwrap().len(), 1);
}

#[test]
fn clients_that_leave_hold_nothing() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Arc::new(Gateway::start(data.path()));
    // Were a permit lost with any of these, the last request would wait for a minute or for ever.
    gateway.deploy(Config { timeout_ms: 60_000, ..small() });
    for _ in 0..5 {
        let mut stream = TcpStream::connect(gateway.services).unwrap();
        stream.write_all(b"GET /demo/spin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        // Closed as soon as the gateway has taken the connection, in whatever state its request is.
    }
    assert_eq!(gateway.get("/demo/count").body.len(), 1);
}
