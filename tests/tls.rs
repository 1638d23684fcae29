//! Both listeners over TLS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../gateway/tests/support/bundle.rs"]
mod bundle;
mod support;

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{Gateway, fail, succeed, titan};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// An authority, by its certificate in PEM.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// Writes a certificate for 127.0.0.1, and its key.
    fn issue(&self, files: &Files) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        fs::write(&files.certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// A gateway with a certificate of `authority`, and a configuration file.
fn serve(authority: &Authority, config: &str) -> (Gateway, Files, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let files = Files { certificate: path("tls.crt"), key: path("tls.key") };
    authority.issue(&files);
    fs::write(path("ca.pem"), &authority.pem).unwrap();
    let config = format!("[tls]\ncertificate = 'tls.crt'\nkey = 'tls.key'\n{config}");
    fs::write(path("titan.toml"), config).unwrap();
    let mut command = titan();
    command.args(["gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(path("data"));
    command.stderr(fs::File::create(path("log")).unwrap());
    let gateway = Gateway::spawn(command.arg("--config").arg(path("titan.toml")));
    (gateway, files, folder)
}

/// Deploys the hand-written component as `demo`.
fn deploy(gateway: &Gateway, folder: &Path) {
    let mut bundle = bundle::bundle(bundle::small());
    bundle.manifest.service = "demo".into();
    let file = folder.join("demo.titan");
    fs::write(&file, bundle::packed(&bundle)).unwrap();
    let (file, ca) = (file.to_str().unwrap(), folder.join("ca.pem"));
    succeed(&titan().args(["deploy", file, "--gateway", &gateway.admin, "--ca"]).arg(ca).output().unwrap());
}

fn address(url: &str) -> &str {
    url.strip_prefix("https://").unwrap_or_else(|| panic!("{url} is no https URL"))
}

/// A connection to the services that speaks one of `protocols`, if its certificate is one of `authority`'s.
async fn connect(
    gateway: &Gateway,
    authority: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = tokio::net::TcpStream::connect(address(&gateway.url)).await?;
    TlsConnector::from(Arc::new(config)).connect("127.0.0.1".try_into().unwrap(), stream).await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Status of a GET over HTTP/1.1 or HTTP/2, as the handshake settled it.
async fn get(stream: TlsStream<tokio::net::TcpStream>, path: &str) -> u16 {
    let request = hyper::Request::get(format!("https://127.0.0.1{path}")).header("host", "127.0.0.1");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    let response = if http2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    let status = response.status().as_u16();
    response.into_body().collect().await.unwrap();
    status
}

#[test]
fn the_command_speaks_to_a_gateway_whose_authority_it_is_told() {
    let authority = Authority::new();
    let (gateway, _, folder) = serve(&authority, "[access]\nrequire_token = true");
    let ca = folder.path().join("ca.pem");
    let token = fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let run = |ca: Option<&str>, token: &str| {
        let mut command = titan();
        command.arg("services").env("TITAN_GATEWAY", &gateway.admin).env("TITAN_TOKEN", token);
        command.envs(ca.map(|ca| ("TITAN_CA", ca)));
        command.env("XDG_CONFIG_HOME", folder.path().join("config")).output().unwrap()
    };
    let token = token.trim();
    let (trusted, other) = (ca.to_str().unwrap(), folder.path().join("other.pem"));
    fs::write(&other, Authority::new().pem).unwrap();
    succeed(&run(Some(trusted), token));
    for untrusted in [None, other.to_str()] {
        let error = fail(&run(untrusted, token));
        assert!(error.contains("no secure connection") && error.contains("--ca"), "{error}");
    }
    assert!(fail(&run(folder.path().join("tls.key").to_str(), token)).contains("no certificate"));
    assert!(fail(&run(Some("missing.pem"), token)).contains("missing.pem"));

    // A login keeps the authority with the token.
    let mut login = titan();
    login.args(["login", &gateway.admin, "--ca", trusted]).env("XDG_CONFIG_HOME", folder.path().join("config"));
    login.stdin(fs::File::open(folder.path().join("data/admin-token")).unwrap());
    succeed(&login.output().unwrap());
    fs::remove_file(&ca).unwrap();
    succeed(&run(None, ""));
}

#[test]
fn both_protocols_are_spoken_and_plain_http_is_not() {
    let authority = Authority::new();
    let (gateway, _, folder) = serve(&authority, "");
    deploy(&gateway, folder.path());
    for (offered, settled) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        block_on(async {
            let stream = connect(&gateway, &authority.pem, offered).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(settled.as_bytes()));
            assert_eq!(get(stream, "/demo/created").await, 201);
        });
    }
    let plain = ureq::get(format!("http://{}/demo/created", address(&gateway.url))).call();
    assert!(plain.is_err(), "{plain:?}");
}

#[test]
fn one_listener_may_do_without() {
    let authority = Authority::new();
    let (gateway, _, _folder) = serve(&authority, "listeners = 'services'");
    assert!(gateway.url.starts_with("https://") && gateway.admin.starts_with("http://"));
    assert_eq!(gateway.run(&["services"]).lines().count(), 1);
}

/// Waits until something holds, which it must within half a minute.
async fn until(holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_secs(30), "it never came to hold");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_renewed_certificate_is_taken_and_a_bad_one_is_not() {
    let [old, new] = [Authority::new(), Authority::new()];
    let (gateway, files, folder) = serve(&old, "");
    deploy(&gateway, folder.path());
    block_on(async {
        let open = connect(&gateway, &old.pem, &["http/1.1"]).await.unwrap();
        // A key that does not fit is noticed, and the old pair goes on.
        fs::write(&files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        until(async || fs::read_to_string(folder.path().join("log")).unwrap().contains("stays in use")).await;
        connect(&gateway, &old.pem, &[]).await.unwrap();
        new.issue(&files);
        until(async || connect(&gateway, &new.pem, &[]).await.is_ok()).await;
        assert!(connect(&gateway, &old.pem, &[]).await.is_err());
        assert_eq!(get(open, "/demo/created").await, 201, "a connection lives on");
    });
}

#[test]
fn a_handshake_that_stalls_holds_a_place_for_a_while_only() {
    let authority = Authority::new();
    let limits = "[limits]\nmax_connections = 1\nhandshake_timeout = '500ms'";
    let (gateway, _, _folder) = serve(&authority, limits);
    let since = Instant::now();
    let mut stalled = TcpStream::connect(address(&gateway.url)).unwrap();
    // The only place is taken, so the next client waits until the gateway gives up on the first.
    block_on(async { connect(&gateway, &authority.pem, &["h2"]).await.unwrap() });
    assert!(since.elapsed() >= Duration::from_millis(500), "{:?}", since.elapsed());
    stalled.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(stalled.read(&mut [0; 8]).unwrap(), 0, "it was hung up on");
}
