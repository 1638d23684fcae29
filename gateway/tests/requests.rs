//! What clients see on the service listener.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use support::{Gateway, small};
use titan_gateway::Limits;

#[test]
fn requests_reach_their_endpoint_and_carry_the_version() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    let echo = gateway.send("POST", "/demo/echo?q=1", "application/json", br#"{"x": [1, 2]}"#);
    assert_eq!((echo.status, echo.header("titan-version")), (200, Some("v1")), "{echo:?}");
    assert_eq!(echo.header("content-type"), Some("text/plain; charset=utf-8"));
    let request = echo.json();
    assert_eq!((&request["body"], &request["args"]), (&json!({"x": [1, 2]}), &json!({"q": ["1"]})));
    assert_eq!(request["headers"]["Content-Type"], "application/json");
    assert_eq!(gateway.get("/demo/users/a%20b").json()["path"], json!({"id": "a b"}));

    let created = gateway.get("/demo/created");
    assert_eq!((created.status, created.header("x-kind"), created.body.as_str()), (201, Some("new"), "Value"));
    for root in ["/demo", "/demo/", "/demo?x=1"] {
        assert_eq!(gateway.get(root).status, 201, "{root}");
    }
    let head = gateway.send("HEAD", "/demo/created", "text/plain", b"");
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (201, Some("5"), ""));

    let other = gateway.send("DELETE", "/demo/count", "text/plain", b"");
    assert_eq!(
        (other.status, other.header("allow"), other.header("titan-version")),
        (405, Some("GET, HEAD"), Some("v1"))
    );
    let options = gateway.send("OPTIONS", "/demo/count", "text/plain", b"");
    assert_eq!((options.status, options.header("allow"), options.body.as_str()), (204, Some("GET, HEAD"), ""));
    let unknown = gateway.get("/demo/nowhere");
    assert_eq!((unknown.status, unknown.header("titan-version")), (404, Some("v1")));
    assert!(unknown.json()["error"].as_str().unwrap().contains("/nowhere"));
    for path in ["/", "/nobody/x", "/favicon.ico"] {
        let nobody = gateway.get(path);
        assert_eq!((nobody.status, nobody.header("titan-version")), (404, None), "{path}");
    }
}

#[test]
fn bad_bodies_are_the_client_s_fault() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(data.path(), Limits { max_body_bytes: 1000, ..Limits::default() }).unwrap();
    gateway.deploy(small());
    for (path, content_type, body, text) in [
        ("/demo/echo", "text/plain", b"\xff", "UTF-8"),
        ("/demo/echo", "multipart/form-data", b"x", "multipart"),
        ("/demo/echo?x=%FF", "text/plain", b"x", "URL"),
    ] {
        let bad = gateway.send("POST", path, content_type, body);
        assert_eq!((bad.status, bad.header("titan-version")), (400, Some("v1")), "{bad:?}");
        assert!(bad.json()["error"].as_str().unwrap().contains(text), "{bad:?}");
    }
    assert_eq!(gateway.send("POST", "/demo/echo", "application/json", b"{").json()["body"], "{");
    assert_eq!(gateway.send("POST", "/demo/echo", "text/plain", &[b'x'; 1001]).status, 413);
    assert_eq!(gateway.send("POST", "/demo/echo", "text/plain", &[b'x'; 1000]).status, 200);
}

#[test]
fn both_protocols_are_spoken_on_one_port() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(data.path());
    gateway.deploy(small());
    // HTTP/1.1, two requests on one connection.
    let mut stream = TcpStream::connect(gateway.services).unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /demo/created HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nValue") {
            let mut chunk = [0; 1000];
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the connection stays open: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&chunk[..read]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 201 "));
    }
    // HTTP/2 with prior knowledge, many requests at once on one connection.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(gateway.services).await.unwrap();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let requests: Vec<_> = (0..20)
            .map(|number| {
                let mut sender = sender.clone();
                tokio::spawn(async move {
                    let uri = format!("http://titan.test/demo/users/{number}");
                    let request = http::Request::get(uri).body(Full::<Bytes>::default()).unwrap();
                    let response = sender.send_request(request).await.unwrap();
                    let body = response.into_body().collect().await.unwrap().to_bytes();
                    let request: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(request["path"]["id"], number.to_string());
                    assert_eq!(request["headers"]["Host"], "titan.test");
                })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
        let mut sender = sender;
        let request = http::Request::head("http://titan.test/demo/created").body(Full::<Bytes>::default()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["content-length"].to_str().unwrap()), (201, "5"));
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    });
}

/// Sends `bytes`, and everything the gateway says until it closes the connection.
fn until_closed(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.services).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn clients_that_stall_or_talk_too_much_are_cut_off() {
    let data = tempfile::tempdir().unwrap();
    let short = Duration::from_millis(200);
    let limits = Limits { header_timeout: short, body_timeout: short, max_connections: 1, ..Limits::default() };
    let gateway = Gateway::with(data.path(), limits).unwrap();
    gateway.deploy(small());
    // With one connection at a time, each is answered only because the one before it was closed.
    for stalled in ["", "PRI * HTTP/2.0", "GET /demo/created HTTP/1.1\r\nhost:"] {
        assert_eq!(until_closed(&gateway, stalled.as_bytes()), "", "{stalled}");
    }
    let late = until_closed(&gateway, b"POST /demo/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab");
    assert!(late.starts_with("HTTP/1.1 408 "), "{late}");
    // Exactly what the gateway is willing to read, so that it leaves nothing unread that would reset the connection.
    let head = format!("GET /demo/created HTTP/1.1\r\nx-large: {}", "x".repeat(64 << 10));
    let head = &head[..64 << 10];
    assert!(until_closed(&gateway, head.as_bytes()).starts_with("HTTP/1.1 431 "));
    let idle = until_closed(&gateway, b"GET /demo/created HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(idle.ends_with("Value"), "an idle connection is closed after its answer: {idle}");
}
