//! What clients may hold of a listener: connections, and answers that they do not take.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Gateway, small};
use titan_gateway::Limits;
use titan_sdk::manifest::Config;

const SHORT: Duration = Duration::from_millis(300);
/// What the gateway needs at most for what it is to do after [`SHORT`].
const PATIENCE: Duration = Duration::from_secs(20);

/// A client on a connection of its own.
struct Client(TcpStream);

impl Client {
    fn connect(to: SocketAddr) -> Client {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(stream)
    }

    fn send(&mut self, path: &str) {
        self.0.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    }

    /// Reads until the answer ends so.
    fn read_to(&mut self, end: &str) {
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            let mut chunk = [0; 1000];
            let read = self.0.read(&mut chunk).unwrap();
            assert!(read > 0, "it was closed after {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&chunk[..read]);
        }
    }

    /// That the gateway closes it, and says nothing before.
    fn is_closed(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(0) => {}
            // What the client had sent was not read.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
}

fn with(data: &tempfile::TempDir, limits: Limits) -> Gateway {
    Gateway::with(data.path(), limits).unwrap()
}

#[test]
fn the_longest_idle_connection_makes_room_and_one_with_a_request_never_does() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { max_connections: 3, ..Limits::default() });
    gateway.deploy(Config { timeout_ms: 6000, cpu: 4.0, ..small() });
    let connect = || Client::connect(gateway.services);
    let mut busy = connect();
    busy.send("/demo/spin");
    let mut idle = connect();
    idle.send("/demo/created");
    idle.read_to("Value");
    let mut half = connect();
    half.0.write_all(b"GET /demo/created HTTP/1.1\r\nhost:").unwrap();
    // Idle since later than the one that has said half a request.
    idle.send("/demo/created");
    idle.read_to("Value");
    let mut newcomers = [connect(), connect()];
    newcomers[0].send("/demo/created");
    newcomers[0].read_to("Value");
    half.is_closed();
    newcomers[1].send("/demo/created");
    newcomers[1].read_to("Value");
    idle.is_closed();
    busy.read_to("\"}");
}

#[test]
fn where_every_connection_has_a_request_newcomers_wait() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { max_connections: 1, ..Limits::default() });
    gateway.deploy(Config { timeout_ms: 500, ..small() });
    let mut busy = Client::connect(gateway.services);
    busy.send("/demo/spin");
    let mut newcomer = Client::connect(gateway.services);
    newcomer.send("/demo/created");
    newcomer.read_to("Value");
    busy.read_to("\"}");
    busy.is_closed();
}

async fn http2(to: SocketAddr, window: u32) -> (SendRequest<Full<Bytes>>, tokio::task::JoinHandle<hyper::Result<()>>) {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = client.initial_stream_window_size(window).handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() });
}

fn get(path: &str) -> http::Request<Full<Bytes>> {
    http::Request::get(format!("http://titan.test{path}")).body(Full::default()).unwrap()
}

#[test]
fn an_idle_http_2_connection_makes_room_and_is_told_so() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { max_connections: 1, ..Limits::default() });
    gateway.deploy(small());
    run(async {
        for _ in 0..3 {
            let (mut idle, connection) = http2(gateway.services, 1 << 16).await;
            assert_eq!(idle.send_request(get("/demo/created")).await.unwrap().status(), 201);
            let (mut newcomer, _connection) = http2(gateway.services, 1 << 16).await;
            assert_eq!(newcomer.send_request(get("/demo/created")).await.unwrap().status(), 201);
            // Without an error: by GOAWAY.
            connection.await.unwrap().unwrap();
        }
    });
}

#[test]
fn an_idle_http_2_connection_is_closed_in_time() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { header_timeout: SHORT, ..Limits::default() });
    gateway.deploy(small());
    run(async {
        let (mut idle, connection) = http2(gateway.services, 1 << 16).await;
        assert_eq!(idle.send_request(get("/demo/created")).await.unwrap().status(), 201);
        connection.await.unwrap().unwrap();
    });
}

/// Sends requests without a pause and without reading what they are answered, until that fails.
fn ask_without_reading(stream: &mut TcpStream) -> std::io::Error {
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let requests = "GET /demo/created HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            return error;
        }
    }
}

#[test]
fn a_client_that_reads_nothing_is_hung_up_on() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { write_timeout: SHORT, ..Limits::default() });
    gateway.deploy(small());
    // Not its own timeout.
    let error = ask_without_reading(&mut Client::connect(gateway.services).0);
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

#[test]
fn a_client_that_reads_slowly_is_served() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { write_timeout: SHORT, ..Limits::default() });
    gateway.deploy(small());
    let mut client = Client::connect(gateway.services);
    let mut writer = client.0.try_clone().unwrap();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || ask_without_reading(&mut writer));
        let start = Instant::now();
        let mut chunk = vec![0; 256 << 10];
        while start.elapsed() < 8 * SHORT {
            client.0.read_exact(&mut chunk).unwrap();
            std::thread::park_timeout(SHORT / 6);
        }
        assert!(!asking.is_finished(), "it can still send");
        client.0.shutdown(std::net::Shutdown::Both).unwrap();
    });
}

#[test]
fn what_an_http_2_client_grants_no_room_for_is_not_kept() {
    let data = tempfile::tempdir().unwrap();
    let gateway = with(&data, Limits { write_timeout: SHORT, ..Limits::default() });
    gateway.deploy(small());
    let large = "x".repeat(200 << 10);
    let post = || http::Request::post("http://titan.test/demo/echo").body(Full::from(large.clone())).unwrap();
    run(async {
        let (mut sender, connection) = http2(gateway.services, 1000).await;
        // Held, so that their streams go on; three of them are more than the version has room for.
        let first = sender.send_request(post()).await.unwrap();
        let second = sender.send_request(post()).await.unwrap();
        assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
        // That others on the same connection are read changes nothing.
        let reading = async {
            while let Ok(answer) = sender.send_request(get("/demo/created")).await {
                assert_eq!(answer.into_body().collect().await.map_or(5, |body| body.to_bytes().len()), 5);
                tokio::time::sleep(SHORT / 10).await;
            }
        };
        reading.await;
        drop((first, second));
        connection.await.unwrap().unwrap_err();
        let (mut sender, _connection) = http2(gateway.services, 1 << 20).await;
        let answer = sender.send_request(post()).await.unwrap();
        assert!(answer.into_body().collect().await.unwrap().to_bytes().len() > large.len());
    });
}

#[test]
fn a_log_that_says_nothing_is_followed_for_as_long_as_one_likes() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { write_timeout: SHORT, header_timeout: SHORT, ..Limits::default() };
    let gateway = with(&data, limits);
    gateway.deploy(small());
    let mut follower = Client::connect(gateway.admin);
    follower.send("/v1/services/demo/logs?follow=true");
    follower.0.set_read_timeout(Some(4 * SHORT)).unwrap();
    let mut seen = Vec::new();
    // Long after both times have passed.
    let quiet = loop {
        let mut chunk = [0; 1000];
        match follower.0.read(&mut chunk) {
            Ok(0) => panic!("it was closed: {}", String::from_utf8_lossy(&seen)),
            Ok(read) => seen.extend_from_slice(&chunk[..read]),
            Err(quiet) => break quiet,
        }
    };
    assert_eq!(quiet.kind(), ErrorKind::WouldBlock);
    follower.0.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(gateway.get("/demo/fail").status, 500);
    follower.read_to("\n\r\n");
}
