//! A listener: accepts connections, speaks HTTP/1.1 and HTTP/2 on each, over TLS or not, and hands requests to a function. It
//! bounds what a client may hold: connections, header bytes, and the time it takes to say something or to take an answer. It knows
//! nothing of what is served.

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
use tokio::time::{interval, sleep, timeout};

use crate::http::activity::{Activity, InFlight};
use crate::http::again::Again;
use crate::http::connections::{Connections, Looks};
use crate::http::sent::{Answered, Socket};
use crate::http::tls::Tls;
use crate::limits::Limits;

/// How long a stopping gateway waits for the next request of an idle HTTP/1 connection. HTTP/1 has no word for "send no more": a
/// connection that closes while its client is sending loses that request. So an answer says that it is the last one, and only
/// clients that stay silent for this long are hung up on.
const LINGER: Duration = Duration::from_secs(1);
/// How long an HTTP/2 client has to take leave when it is told that it may send no more.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long a connection has at least between two requests before it must make room: its client may be about to send the next.
const MIN_IDLE: Duration = Duration::from_millis(500);
/// How often connections are asked to make room for a client while none is idle.
const ROOM_PAUSE: Duration = Duration::from_millis(50);
/// The smallest buffer that hyper reads heads into.
const MIN_HEADER_BYTES: usize = 8 << 10;
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
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
{
    let http = Arc::new(protocols(limits));
    let mut connections = Connections::default();
    let mut looks = Looks::new(limits.header_timeout, limits.write_timeout);
    let mut look = interval(looks.every);
    let told = stop.clone();
    let hold = |connections: &mut Connections, stream: TcpStream| {
        let activity = Activity::new();
        let (http, told, handler) = (Arc::clone(&http), told.clone(), handler.clone());
        let (tls, within, seen) = (tls.clone(), limits.handshake_timeout, Arc::clone(&activity));
        let served = async move {
            // Without it a response may wait for the client's acknowledgement of an earlier one. Where it fails, so will all else.
            let _ = stream.set_nodelay(true);
            let stream = Socket::new(stream, Arc::clone(&seen));
            let Some(tls) = tls else { return connection(stream, http, told, seen, handler).await };
            // In a box, so that connections without it do not pay for its size.
            let secure = async {
                if let Some(stream) = handshake(&tls, stream, within, &seen).await {
                    connection(stream, http, told, seen, handler).await;
                }
            };
            Box::pin(secure).await;
        };
        connections.hold(activity, Again::new(served));
    };
    // A client for whom there is no room yet.
    let mut newcomer = None;
    loop {
        if connections.len() < limits.max_connections
            && let Some(stream) = newcomer.take()
        {
            hold(&mut connections, stream);
        }
        tokio::select! {
            // An error means that nobody can ask to stop any more, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => break,
            Some(()) = connections.ended() => {}
            _ = look.tick() => {
                connections.dismiss_idle(limits.header_timeout);
                if looks.turn() {
                    connections.cut_stalled();
                }
            }
            () = sleep(ROOM_PAUSE), if newcomer.is_some() => connections.make_room(MIN_IDLE),
            accepted = listener.accept(), if newcomer.is_none() => match accepted {
                Ok((stream, _)) => {
                    if connections.len() >= limits.max_connections {
                        connections.make_room(MIN_IDLE);
                    }
                    newcomer = Some(stream);
                }
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    for stream in newcomer.into_iter().chain(waiting(listener)) {
        hold(&mut connections, stream);
    }
    if timeout(limits.stop_timeout, connections.all_ended()).await.is_err() {
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
        .max_buf_size(MIN_HEADER_BYTES.max(limits.max_header_bytes as usize))
        .max_headers(limits.max_headers);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_pending_accept_reset_streams(limits.max_resets)
        .max_header_list_size(limits.max_header_bytes)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_timeout);
    http
}

/// A TLS handshake that takes no longer than `within`, unless the connection is to make room before.
async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &Tls,
    stream: S,
    within: Duration,
    activity: &Activity,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<S>> {
    let accepted = tokio::select! {
        accepted = timeout(within, tls.accept(stream)) => accepted,
        () = activity.asked_to_leave() => return None,
    };
    match accepted {
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
    activity: Arc<Activity>,
    handler: impl Fn(Request<Incoming>) -> F + Send + 'static,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
{
    let seen = Arc::new(Seen::default());
    let service = {
        let (seen, activity) = (Arc::clone(&seen), Arc::clone(&activity));
        service_fn(move |request| {
            let in_flight = InFlight::new(&activity);
            let http2 = request.version() == Version::HTTP_2;
            seen.http2.store(http2, Ordering::Relaxed);
            let (seen, answer) = (Arc::clone(&seen), handler(request));
            async move {
                let mut answer = answer.await;
                if !http2 && seen.stop.load(Ordering::Relaxed) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer.map(|body| Answered::new(body, in_flight)))
            }
        })
    };
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopped = std::pin::pin!(async {
        // As in `serve`, an error is a stop.
        let _ = stop.wait_for(|stop| *stop).await;
        seen.stop.store(true, Ordering::Relaxed);
        // HTTP/2 says by itself which requests are still answered.
        if !seen.http2.load(Ordering::Relaxed) {
            sleep(LINGER).await;
        }
    });
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = activity.asked_to_leave() => {
                if !activity.is_idle() {
                    activity.stay();
                    continue;
                }
                connection.as_mut().graceful_shutdown();
                // HTTP/1 needs no more than one look: half a head is not waited for.
                let goodbye = if seen.http2.load(Ordering::Relaxed) { GOODBYE } else { Duration::ZERO };
                match timeout(goodbye, connection.as_mut()).await {
                    Ok(ended) => break ended,
                    Err(_) if activity.is_idle() => return,
                    Err(_) => break connection.await,
                }
            }
            () = stopped.as_mut() => {
                connection.as_mut().graceful_shutdown();
                break connection.await;
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// What happened on a connection so far.
#[derive(Default)]
struct Seen {
    http2: AtomicBool,
    /// The gateway is stopping.
    stop: AtomicBool,
}
