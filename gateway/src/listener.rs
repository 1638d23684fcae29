//! A listener: accepts connections, speaks HTTP/1.1 and HTTP/2 on each, and hands requests to a function. It bounds what a client
//! may hold: connections, header bytes, and the time it takes to say something. It knows nothing of what is served.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::options::Limits;
use crate::response::{Answer, error};

/// Requests that one HTTP/2 connection may have in flight.
const MAX_STREAMS: u32 = 256;
/// How often an idle HTTP/2 connection is asked whether its client still lives.
const PING: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `listener` until `stop` turns true, then lets requests in flight finish for at most `limits.stop_timeout`.
pub(crate) async fn serve<F>(
    listener: TcpListener,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
    handler: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let http = protocols(limits);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error means that nobody can ask to stop any more, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.max_connections => match accepted {
                Ok((stream, _)) => {
                    let task = connection(stream, &http, &graceful, limits.header_timeout, handler.clone());
                    connections.spawn(task);
                }
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    if timeout(limits.stop_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still in flight after {:?} are dropped", limits.stop_timeout);
    }
    connections.shutdown().await;
}

fn protocols(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        // hyper reads no head that is larger than its buffer.
        .max_buf_size(limits.max_header_bytes as usize);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(limits.max_header_bytes)
        .keep_alive_interval(PING);
    http
}

/// One connection, from the first byte to the last.
fn connection<F>(
    stream: TcpStream,
    http: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    first_request: Duration,
    handler: impl Fn(Request<Incoming>) -> F + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static
where
    F: Future<Output = Answer> + Send + 'static,
{
    // Without it a response may wait for the client's acknowledgement of an earlier one. Where it fails, so will all else.
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |request| {
            asked.store(true, Ordering::Relaxed);
            let answer = handler(request);
            async { Ok::<_, std::convert::Infallible>(answer.await) }
        })
    };
    let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service).into_owned());
    async move {
        let mut connection = std::pin::pin!(connection);
        // hyper bounds the time of an HTTP/1 head, but not the time to tell which protocol the client speaks.
        let ended = match timeout(first_request, connection.as_mut()).await {
            Err(_) if asked.load(Ordering::Relaxed) => connection.await,
            Err(_) => return,
            Ok(ended) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!("a connection ended early: {error}");
        }
    }
}

/// The whole body of a request.
///
/// # Errors
/// The answer to a body that is larger than `max` bytes, slower than `within`, or cut short.
pub(crate) async fn body(body: Incoming, max: u64, within: Duration) -> Result<Bytes, Answer> {
    let too_large = || error(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {max} bytes: send less"));
    if body.size_hint().lower() > max {
        return Err(too_large());
    }
    let limited = Limited::new(body, usize::try_from(max).unwrap_or(usize::MAX));
    match timeout(within, limited.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(cause)) if cause.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(cause)) => {
            Err(error(StatusCode::BAD_REQUEST, format!("the body cannot be read ({cause}): send it again")))
        }
        Err(_) => {
            let message = format!("the body did not arrive within {} seconds: send it again", within.as_secs_f64());
            Err(error(StatusCode::REQUEST_TIMEOUT, message))
        }
    }
}
