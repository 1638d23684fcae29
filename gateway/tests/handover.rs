//! What a gateway does while another is about to take over: the test plays the other one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use support::{Gateway, bundle, packed, small};
use titan_sdk::client::ClientError;

fn connect(data: &Path) -> UnixStream {
    // It is there a moment after the gateway begins to serve.
    loop {
        if let Ok(stream) = UnixStream::connect(data.join("handover.sock")) {
            return stream;
        }
        std::thread::yield_now();
    }
}

/// Greets, and waits until the gateway has let go of its store.
fn begin(data: &Path) -> UnixStream {
    let mut stream = connect(data);
    stream.write_all(b"titan handover 1\n").unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"sockets\n");
    stream
}

#[test]
fn changes_wait_while_the_store_is_away_and_requests_do_not() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    let successor = begin(data.path());
    let impatient = gateway.client.clone().impatient();
    match impatient.deploy("demo", &packed(&bundle(small()))).unwrap_err() {
        ClientError::Refused { status: 503, message } => assert!(message.contains("try again"), "{message}"),
        error => panic!("{error}"),
    }
    assert_eq!(gateway.get("/demo/created").status, 201);
    // It dies; the deploy that is asked for meanwhile waits for its outcome.
    let deployed = std::thread::scope(|scope| {
        let deploy = scope.spawn(|| gateway.deploy(small()));
        drop(successor);
        deploy.join().unwrap()
    });
    assert_eq!(deployed, "v2");
    assert_eq!(gateway.get("/demo/created").header("titan-version"), Some("v2"));
    // And another may try.
    drop(begin(data.path()));
    assert_eq!(gateway.deploy(small()), "v3");
}

#[test]
fn a_stranger_on_the_handover_socket_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    let mut stream = connect(data.path());
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Bytes it did not read may turn the end of the connection into a reset.
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    assert_eq!(gateway.deploy(small()), "v1");
}
