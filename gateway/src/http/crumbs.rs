//! Clients that send a few bytes at a time. Each of their bytes would cost a turn of the event loop; so they are read less often,
//! and the bytes gather meanwhile. It knows nothing of HTTP.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// A read of fewer bytes than this is a crumb: few requests are as short, and they are answered before the next.
const CRUMB: usize = 64;
/// Crumbs in a row for which a client need not wait, so that somebody who types a request is not slowed down.
const FREE: u32 = 16;
/// How long the bytes after those are left to gather.
const PAUSE: Duration = Duration::from_millis(20);
/// What gathers meanwhile is crumbs too, unless it is as much as this.
const GATHERED: usize = 4096;

/// What was read of a connection since it was last written to.
#[derive(Debug, Default)]
pub(crate) struct Crumbs {
    in_a_row: u32,
    pause: Option<Pin<Box<Sleep>>>,
    /// A pause came before the next read.
    paused: bool,
}

impl Crumbs {
    /// Ready when the connection may be read.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
            self.paused = true;
        }
        Poll::Ready(())
    }

    /// So many bytes were read; none at the end of the connection.
    pub(crate) fn read(&mut self, bytes: usize) {
        let crumb = if std::mem::take(&mut self.paused) { GATHERED } else { CRUMB };
        if bytes >= crumb || bytes == 0 {
            self.in_a_row = 0;
            return;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row > FREE {
            self.pause = Some(Box::pin(sleep(PAUSE)));
        }
    }

    /// Something was sent to the client, so what it says next is a new matter.
    pub(crate) fn wrote(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
    }

    async fn is_ready(crumbs: &mut Crumbs) -> bool {
        poll_fn(|context| Poll::Ready(crumbs.poll_ready(context).is_ready())).await
    }

    #[test]
    fn after_many_crumbs_a_client_is_read_less_often() {
        run(async {
            let mut crumbs = Crumbs::default();
            for _ in 0..FREE {
                crumbs.read(1);
                assert!(is_ready(&mut crumbs).await);
            }
            crumbs.read(CRUMB - 1);
            assert!(!is_ready(&mut crumbs).await);
            poll_fn(|context| crumbs.poll_ready(context)).await;
            assert!(is_ready(&mut crumbs).await);
            crumbs.read(GATHERED - 1);
            assert!(!is_ready(&mut crumbs).await);
            poll_fn(|context| crumbs.poll_ready(context)).await;
            crumbs.read(GATHERED);
            assert!(is_ready(&mut crumbs).await);
        });
    }

    #[test]
    fn who_sends_more_or_is_answered_does_not_wait() {
        run(async {
            let mut crumbs = Crumbs::default();
            for _ in 0..10 {
                (0..FREE).for_each(|_| crumbs.read(1));
                crumbs.read(CRUMB);
                assert!(is_ready(&mut crumbs).await);
                (0..FREE).for_each(|_| crumbs.read(1));
                crumbs.wrote();
                assert!(is_ready(&mut crumbs).await);
            }
        });
    }
}
