//! Gateways stop and replace each other: requests in flight are answered, and clients under full load notice nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::load::Load;
use support::{Gateway, titan};
use titan_sdk::client::Client;
use titan_sdk::manifest::Config;

const CONNECTIONS: usize = 8;

/// A gateway that replaces `gateway`.
fn successor(gateway: &Gateway, data: &Path) -> Gateway {
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let mut command = titan();
    command.args(["gateway", "--takeover", "--listen", &address(&gateway.url), "--admin", &address(&gateway.admin)]);
    Gateway::spawn(command.arg("--data").arg(data))
}

/// Waits until the load has got this many more answers.
fn progress(gateway: &Gateway) {
    for _ in 0..20 {
        assert_eq!(gateway.get("/demo/created").status, 201);
    }
}

fn kill(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

#[test]
fn no_request_fails_while_gateways_replace_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(folder.path());
    let client = Client::new(&gateway.admin);
    let bundle = bundle::packed(&bundle::bundle(Config { cpu: 2.0, ..bundle::small() }));
    client.deploy("demo", &bundle).unwrap();
    let load = Load::start(&format!("{}/demo/echo", gateway.url), "{}".into(), CONNECTIONS);
    // Deploys go on too; while the store changes hands they wait.
    for version in 2..=5 {
        progress(&gateway);
        let next = successor(&gateway, folder.path());
        assert_eq!(gateway.exit_code(), Some(0), "the old one ends when it has answered what it had begun");
        assert_eq!(client.deploy("demo", &bundle).unwrap().version, format!("v{version}"));
        gateway = next;
    }
    progress(&gateway);
    let samples = load.finish();
    assert!(samples.iter().all(|sample| sample.status == 200));
    for version in ["v1", "v2", "v3", "v4", "v5"] {
        assert!(samples.iter().any(|sample| sample.version == version), "{version} answered no request");
    }
    println!("{} requests answered over {CONNECTIONS} connections and 4 takeovers, 0 failed", samples.len());
}

/// Sends requests over HTTP/2 until it is told to stop, and counts the answers. A request that could not be sent any more, since
/// the connection goes away, is sent over another; one that was sent is answered.
async fn over_http2(address: SocketAddr, stop: Arc<AtomicBool>) -> usize {
    let connect = || async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    };
    let mut sender = connect().await;
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        let url = format!("http://{address}/demo/created");
        let request = hyper::Request::get(url).body(Empty::<Bytes>::new()).unwrap();
        match sender.try_send_request(request).await {
            Ok(answer) => {
                assert_eq!(answer.status(), 201);
                answer.into_body().collect().await.expect("every answer is whole");
                answers += 1;
            }
            Err(mut error) => {
                assert!(error.take_message().is_some(), "a request that was sent is lost: {error:?}");
                sender = connect().await;
            }
        }
    }
    answers
}

#[test]
fn http2_clients_lose_no_request_either() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(folder.path());
    let bundle = bundle::packed(&bundle::bundle(Config { cpu: 2.0, ..bundle::small() }));
    Client::new(&gateway.admin).deploy("demo", &bundle).unwrap();
    let address: SocketAddr = gateway.url.trim_start_matches("http://").parse().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let load = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clients: Vec<_> = (0..4).map(|_| tokio::spawn(over_http2(address, Arc::clone(&stopped)))).collect();
            let mut answers = Vec::new();
            for client in clients {
                answers.push(client.await.unwrap());
            }
            answers
        })
    });
    for _ in 0..3 {
        progress(&gateway);
        let next = successor(&gateway, folder.path());
        assert_eq!(gateway.exit_code(), Some(0));
        gateway = next;
    }
    progress(&gateway);
    stop.store(true, Ordering::Relaxed);
    let answers = load.join().unwrap();
    assert!(answers.iter().all(|answers| *answers > 10), "{answers:?}");
}

#[test]
fn a_stop_waits_for_requests_in_flight_but_not_for_ever() {
    for (stop_timeout, answered) in [("30s", true), ("1s", false)] {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("titan.toml");
        std::fs::write(&config, format!("[limits]\nstop_timeout = '{stop_timeout}'\n[storage]\ndata = 'data'"))
            .unwrap();
        let mut command = titan();
        command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"]).arg(config);
        let gateway = Gateway::spawn(&mut command);
        let timeout_ms = if answered { 3000 } else { 60_000 };
        let bundle = bundle::packed(&bundle::bundle(Config { timeout_ms, ..bundle::small() }));
        Client::new(&gateway.admin).deploy("demo", &bundle).unwrap();
        let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes();
        stream.write_all(&[request("/demo/created"), request("/demo/spin")].concat()).unwrap();
        // The first answer shows that the second request has arrived.
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        kill("-TERM", &gateway.pid().to_string());
        let mut rest = String::new();
        // A connection that is dropped ends, or is reset.
        let _ = stream.read_to_string(&mut rest);
        assert_eq!(rest.starts_with("HTTP/1.1 504 "), answered, "{rest}");
        assert_eq!(rest.contains("connection: close"), answered, "{rest}");
        assert_eq!(gateway.exit_code(), Some(0));
    }
}

#[test]
fn a_gateway_with_nobody_to_take_over_from_starts_as_usual() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = titan();
    command.args(["gateway", "--takeover", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
    let gateway = Gateway::spawn(command.arg(folder.path()));
    assert_eq!(gateway.admin_get("/v1/services")["services"], serde_json::json!([]));
}

#[test]
fn a_hangup_replaces_the_process_as_systemd_expects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notify = UnixDatagram::bind(&path).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut buffer = [0; 256];
        let length = notify.recv(&mut buffer).expect("the gateway tells the service manager");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let serving = || heard().strip_prefix("READY=1\nMAINPID=").expect("it serves").to_owned();

    let data = folder.path().join("data");
    let mut command = titan();
    command.env("NOTIFY_SOCKET", &path);
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(&data);
    let gateway = Gateway::spawn(&mut command);
    let client = Client::new(&gateway.admin);
    let bundle = bundle::packed(&bundle::bundle(bundle::small()));
    client.deploy("demo", &bundle).unwrap();
    let url = gateway.url.clone();
    let load = Load::start(&format!("{url}/demo/echo"), "{}".into(), CONNECTIONS);
    let first = serving();
    assert_eq!(first, gateway.pid().to_string());

    kill("-HUP", &first);
    assert_eq!(heard(), "RELOADING=1");
    let second = serving();
    assert_ne!(second, first);
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(client.deploy("demo", &bundle).unwrap().version, "v2");
    let samples = load.finish();
    assert!(!samples.is_empty() && samples.iter().all(|sample| sample.status == 200));

    kill("-TERM", &second);
    assert_eq!(heard(), "STOPPING=1");
    let since = Instant::now();
    let address = url.trim_start_matches("http://");
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(30), "the second gateway does not stop");
        std::thread::yield_now();
    }
}
