//! How a gateway is set up: addresses, folders, and the limits that keep clients from taking it down.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::cors::Cors;
use crate::tls::TlsFiles;

/// How a gateway is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where services are served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the admin API is served. On anything but loopback it asks for a token.
    pub admin: SocketAddr,
    /// Where versions and routes are kept. One gateway at a time.
    pub data: PathBuf,
    /// Where the compiled engine is kept. May be shared by gateways.
    pub cache: PathBuf,
    /// What clients may ask for.
    pub limits: Limits,
    /// Whether the admin API asks for a token on loopback too.
    pub require_token: bool,
    /// Files of Ed25519 public keys in PEM. With any, only bundles that one of them signed are taken and served.
    pub trusted_keys: Vec<PathBuf>,
    /// The certificate of the service listener; without one it speaks no TLS.
    pub services_tls: Option<TlsFiles>,
    /// The certificate of the admin listener; without one it speaks no TLS.
    pub admin_tls: Option<TlsFiles>,
    /// Which web pages may call services.
    pub cors: Cors,
    /// Where traces are sent by OTLP over HTTP: `http://127.0.0.1:4318`. Without it none are made.
    pub otlp_endpoint: Option<String>,
}

/// What clients may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request's body on the service listener.
    pub max_body_bytes: u64,
    /// Bytes of a bundle, packed and unpacked.
    pub max_bundle_bytes: u64,
    /// Bytes of one request's head.
    pub max_header_bytes: u32,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a request's head to arrive whole; a connection idle for longer is closed.
    pub header_timeout: Duration,
    /// Time for a request's body to arrive whole.
    pub body_timeout: Duration,
    /// Time for a bundle to arrive whole.
    pub bundle_timeout: Duration,
    /// Connections at once on each listener; more wait to be accepted.
    pub max_connections: usize,
    /// Requests that may wait for a free instance of one version; more are answered 503.
    pub max_waiting: usize,
    /// Instances that may live at once, of all versions together.
    pub max_instances: u32,
    /// Time that requests in flight have to finish after the gateway was told to stop.
    pub stop_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let cache = titan_sdk::engine::cache_dir();
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            data: PathBuf::from("titan-data"),
            cache: cache.join("engines"),
            limits: Limits::default(),
            require_token: false,
            trusted_keys: Vec::new(),
            services_tls: None,
            admin_tls: None,
            cors: Cors::default(),
            otlp_endpoint: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_body_bytes: 16 << 20,
            max_bundle_bytes: 2 << 30,
            max_header_bytes: 64 << 10,
            handshake_timeout: Duration::from_secs(10),
            // Longer than the minute for which load balancers keep idle connections: the side that reuses a connection
            // should be the one to close it.
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            bundle_timeout: Duration::from_secs(600),
            max_connections: 10_000,
            max_waiting: 1024,
            max_instances: 1000,
            stop_timeout: Duration::from_secs(30),
        }
    }
}
