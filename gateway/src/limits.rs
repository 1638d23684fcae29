//! The limits that keep clients from taking a gateway down.

use std::time::Duration;

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
