//! The limits that keep clients from taking a gateway down.

use std::time::Duration;

/// What clients may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request's body on the service listener.
    pub max_body_bytes: u64,
    /// Bytes of a bundle, packed and unpacked.
    pub max_bundle_bytes: u64,
    /// Bytes of one request's head; over HTTP/1.1 at least 8 KiB, and less is as much.
    pub max_header_bytes: u32,
    /// Fields of one request's head over HTTP/1.1. Over HTTP/2 each counts as its bytes and 32 more of `max_header_bytes`.
    pub max_headers: usize,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a request's head to arrive whole; a connection idle for longer is closed.
    pub header_timeout: Duration,
    /// Time for a request's body to arrive whole.
    pub body_timeout: Duration,
    /// Time for a bundle to arrive whole.
    pub bundle_timeout: Duration,
    /// Time in which a client takes nothing of what it is sent, until its connection is cut off: at least this, at most a quarter
    /// more.
    pub write_timeout: Duration,
    /// Connections at once on each listener. Those that have been idle for longest make room for more; where all have requests in
    /// flight, more wait to be served.
    pub max_connections: usize,
    /// Requests that one HTTP/2 connection may have in flight.
    pub max_streams: u32,
    /// Requests that an HTTP/2 client may have taken back before they were looked at; with more it is hung up on.
    pub max_resets: usize,
    /// How often a silent HTTP/2 client is asked whether it still lives.
    pub ping_interval: Duration,
    /// Time for its answer.
    pub ping_timeout: Duration,
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
            max_headers: 100,
            handshake_timeout: Duration::from_secs(10),
            // Longer than the minute for which load balancers keep idle connections: the side that reuses a connection
            // should be the one to close it.
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            bundle_timeout: Duration::from_secs(600),
            write_timeout: Duration::from_secs(60),
            max_connections: 10_000,
            max_streams: 256,
            max_resets: 20,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
            max_waiting: 1024,
            max_instances: 1000,
            stop_timeout: Duration::from_secs(30),
        }
    }
}
