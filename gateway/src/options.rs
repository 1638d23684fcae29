//! How a gateway is set up: addresses, folders, keys, limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::http::cors::Cors;
use crate::http::tls::TlsFiles;
use crate::limits::Limits;

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
