//! A log as the body of an HTTP response: the last lines, and those to come for as long as the reader stays.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::{mpsc, watch};

use super::file::Tail;
use super::query::Query;

/// Pieces on their way to a reader. One that reads slowly holds up nobody: it misses lines.
const PIECES: usize = 16;

/// The body. Each piece is whole lines.
pub(crate) struct Stream(mpsc::Receiver<Bytes>);

impl Stream {
    /// `lines`, and no more.
    pub(crate) fn of(lines: Vec<u8>) -> Stream {
        let (sender, receiver) = mpsc::channel(1);
        // There is room for one.
        let _ = sender.try_send(lines.into());
        Stream(receiver)
    }

    /// `lines`, and what `query` asks for of `tail`, until the reader leaves, the log goes, or the gateway is
    /// `stopping`.
    pub(crate) fn follow(lines: Vec<u8>, mut tail: Tail, query: Query, mut stopping: watch::Receiver<bool>) -> Stream {
        let (sender, receiver) = mpsc::channel(PIECES);
        let pass_on = async move {
            if sender.send(lines.into()).await.is_err() {
                return;
            }
            while let Some(next) = tail.next().await {
                if query.wants(&next.0) && sender.send(next.1.clone()).await.is_err() {
                    return;
                }
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = pass_on => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        });
        Stream(receiver)
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
