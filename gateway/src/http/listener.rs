//! A listener: accepts connections, speaks HTTP/1.1 and HTTP/2 on each, over TLS or not, and hands requests to a function. It
//! bounds what a client may hold: connections, header bytes, and the time it takes to say something. It knows nothing of what is served.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::http::tls::Tls;
use crate::limits::Limits;

/// Requests that one HTTP/2 connection may have in flight.
const MAX_STREAMS: u32 = 256;
/// How often an idle HTTP/2 connection is asked whether its client still lives.
const PING: Duration = Duration::from_secs(30);
/// How long a stopping gateway waits for the next request of an idle HTTP/1 connection. HTTP/1 has no word for "send no more": a
/// connection that closes while its client is sending loses that request. So an answer says that it is the last one, and only
/// clients that stay silent for this long are hung up on.
const LINGER: Duration = Duration::from_secs(1);
/// Pause after the system refused a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `listener` until `stop` turns true, then lets requests in flight finish for at most `limits.stop_timeout`.
pub(crate) async fn serve<F, B>(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
    handler: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let http = Arc::new(protocols(limits));
    let mut connections = JoinSet::new();
    let told = stop.clone();
    let serve = |stream: TcpStream| {
        let (http, told, handler) = (Arc::clone(&http), told.clone(), handler.clone());
        let (tls, within, first_request) = (tls.clone(), limits.handshake_timeout, limits.header_timeout);
        async move {
            // Without it a response may wait for the client's acknowledgement of an earlier one. Where it fails, so will all else.
            let _ = stream.set_nodelay(true);
            let Some(tls) = tls else { return connection(stream, http, told, first_request, handler).await };
            // In a box, so that connections without it do not pay for its size.
            let secure = async {
                if let Some(stream) = handshake(&tls, stream, within).await {
                    connection(stream, http, told, first_request, handler).await;
                }
            };
            Box::pin(secure).await;
        }
    };
    loop {
        tokio::select! {
            // An error means that nobody can ask to stop any more, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.max_connections => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream));
                }
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    for stream in waiting(listener) {
        connections.spawn(serve(stream));
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.stop_timeout, finished).await.is_err() {
        tracing::warn!("requests still in flight after {:?} are dropped", limits.stop_timeout);
    }
    connections.shutdown().await;
}

/// Connections that the system has accepted already: closing the listener would reset them.
fn waiting(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    // It does not block, so it ends with an error when there is none left.
    let accepted = std::iter::from_fn(|| listener.accept().ok());
    accepted
        .filter_map(|(stream, _)| stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)).ok())
        .collect()
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

/// A TLS handshake that takes no longer than `within`.
async fn handshake(
    tls: &Tls,
    stream: TcpStream,
    within: Duration,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    match timeout(within, tls.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
        Err(_) => tracing::debug!("a TLS handshake took longer than {within:?}"),
    }
    None
}

/// One connection, from the first byte to the last.
async fn connection<S, F, B>(
    stream: S,
    http: Arc<auto::Builder<TokioExecutor>>,
    mut stop: watch::Receiver<bool>,
    first_request: Duration,
    handler: impl Fn(Request<Incoming>) -> F + Send + 'static,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let seen = Arc::new(Seen::default());
    let service = {
        let seen = Arc::clone(&seen);
        service_fn(move |request| {
            let http2 = request.version() == Version::HTTP_2;
            seen.request.store(true, Ordering::Relaxed);
            seen.http2.store(http2, Ordering::Relaxed);
            let (seen, answer) = (Arc::clone(&seen), handler(request));
            async move {
                let mut answer = answer.await;
                if !http2 && seen.stop.load(Ordering::Relaxed) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        })
    };
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    // hyper bounds the time of an HTTP/1 head, but not the time to tell which protocol the client speaks.
    let silent = async {
        sleep(first_request).await;
        if seen.request.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    };
    let stopped = async {
        // As in `serve`, an error is a stop.
        let _ = stop.wait_for(|stop| *stop).await;
        seen.stop.store(true, Ordering::Relaxed);
        // HTTP/2 says by itself which requests are still answered.
        if !seen.http2.load(Ordering::Relaxed) {
            sleep(LINGER).await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silent => return,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// What happened on a connection so far.
#[derive(Default)]
struct Seen {
    request: AtomicBool,
    http2: AtomicBool,
    /// The gateway is stopping.
    stop: AtomicBool,
}
