//! Where an [`Activity`] learns what is sent: a connection's socket, and the bodies of its answers.
//!
//! The socket alone would not do. Over HTTP/2 a client that grants no room for a body leaves it in memory while the socket, which
//! would take it, has nothing to write.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::activity::{Activity, InFlight, Unsent};
use crate::http::crumbs::Crumbs;

/// A socket that tells when it is full, and that is read less often while it gives only [`Crumbs`].
pub(crate) struct Socket<S> {
    socket: S,
    crumbs: Crumbs,
    activity: Arc<Activity>,
    /// What it did not take.
    unsent: Option<Unsent>,
}

impl<S> Socket<S> {
    pub(crate) fn new(socket: S, activity: Arc<Activity>) -> Socket<S> {
        Socket { socket, crumbs: Crumbs::default(), activity, unsent: None }
    }

    fn seen<T>(&mut self, written: Poll<T>) -> Poll<T> {
        match written {
            Poll::Ready(_) => {
                self.unsent = None;
                self.crumbs.wrote();
            }
            Poll::Pending if self.unsent.is_none() => self.unsent = Some(Unsent::new(&self.activity)),
            Poll::Pending => {}
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.crumbs.poll_ready(context));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        self.crumbs.read(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.seen(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, pieces);
        self.seen(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// The body of an answer, whose request is in flight as long as it is there. One that has nothing to send at the moment, as a log
/// that is followed, keeps nobody waiting.
pub(crate) struct Answered<B> {
    body: B,
    in_flight: InFlight,
    /// Of a body whose bytes are there already.
    unsent: Option<Unsent>,
}

impl<B: Body> Answered<B> {
    pub(crate) fn new(body: B, in_flight: InFlight) -> Answered<B> {
        let unsent = body.size_hint().exact().is_some_and(|length| length > 0).then(|| in_flight.unsent());
        Answered { body, in_flight, unsent }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answered<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| {
                    let unsent = self.unsent.take().unwrap_or_else(|| self.in_flight.unsent());
                    Piece { bytes, unsent }
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A piece of a body on its way.
pub(crate) struct Piece {
    bytes: Bytes,
    unsent: Unsent,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.unsent.progressed();
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.unsent.progressed();
        self.bytes.copy_to_bytes(length)
    }
}
