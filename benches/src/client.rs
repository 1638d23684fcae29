//! One keep-alive connection, asking one request after the other.

use std::net::SocketAddr;

use anyhow::ensure;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to one path of one server.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    path: String,
    body: Bytes,
}

impl Connection {
    /// Connects; every request will be a POST of the JSON `body` to `path`.
    ///
    /// # Errors
    /// Nothing listens there.
    pub async fn open(address: SocketAddr, path: &str, body: &str) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its errors reach the sender.
        tokio::spawn(connection);
        Ok(Connection { sender, host: address.to_string(), path: path.into(), body: Bytes::from(body.to_owned()) })
    }

    /// Sends one request and waits for the whole answer.
    ///
    /// # Errors
    /// A broken connection, or any status but 200.
    pub async fn ask(&mut self) -> anyhow::Result<Bytes> {
        self.sender.ready().await?;
        let request = Request::post(&self.path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .body(Full::new(self.body.clone()))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}
