//! The neighbour: a steady load on a service that does nothing wrong, and how long its answers took.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{interval_at, timeout};

use crate::stage::Stage;

/// Connections that stay open, each with a request every [`PAUSE`].
const CONNECTIONS: usize = 4;
const PAUSE: Duration = Duration::from_millis(5);
/// One more request on a connection of its own.
const RECONNECT: Duration = Duration::from_millis(100);
/// An answer that takes longer counts as an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a load saw.
#[derive(Clone, Debug)]
pub struct Latencies {
    pub requests: usize,
    pub errors: usize,
    /// From when a request was due, so that one which waited for its turn is not counted as fast.
    pub p99: Duration,
    pub first_error: Option<String>,
}

/// Runs the load for as long as a measurement takes, on a thread of its own.
pub fn measure(stage: &Stage) -> Latencies {
    let (address, duration) = (stage.services(), stage.duration);
    let load = || {
        stage.act_as_client();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let end = Instant::now() + duration;
            let clients: Vec<_> =
                (0..=CONNECTIONS).map(|index| tokio::spawn(client(address, index == CONNECTIONS, end))).collect();
            let mut results = Vec::new();
            for client in clients {
                results.extend(client.await.unwrap());
            }
            results
        })
    };
    let results = std::thread::scope(|scope| scope.spawn(load).join().unwrap());
    let first_error = results.iter().find_map(|result| result.as_ref().err().cloned());
    let mut times: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or(PATIENCE);
    Latencies { requests: results.len(), errors: results.len() - times.len(), p99, first_error }
}

/// Sends a request whenever one is due. `anew` connects for each.
async fn client(address: SocketAddr, anew: bool, end: Instant) -> Vec<Result<Duration, String>> {
    let pause = if anew { RECONNECT } else { PAUSE };
    let mut ticks = interval_at(tokio::time::Instant::now() + pause, pause);
    let (mut results, mut connection) = (Vec::new(), None);
    while Instant::now() < end {
        let due = ticks.tick().await.into_std();
        let kept = connection.take().filter(|_| !anew);
        match timeout(PATIENCE, request(address, kept)).await {
            Ok(Ok(sender)) => {
                connection = Some(sender);
                results.push(Ok(due.elapsed()));
            }
            Ok(Err(error)) => results.push(Err(error)),
            Err(_) => results.push(Err(format!("no answer within {PATIENCE:?}"))),
        }
    }
    results
}

async fn request(
    address: SocketAddr,
    kept: Option<SendRequest<Full<Bytes>>>,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut sender = match kept {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(address).await.map_err(|e| text(&e))?;
            stream.set_nodelay(true).map_err(|e| text(&e))?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| text(&e))?;
            tokio::spawn(connection);
            sender
        }
    };
    let request = hyper::Request::get("/neighbour/fine").header("host", "localhost").body(Full::default()).unwrap();
    let response = sender.send_request(request).await.map_err(|e| text(&e))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|e| text(&e))?.to_bytes();
    if status != 200 || body != b"fine\n".as_slice() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    Ok(sender)
}
