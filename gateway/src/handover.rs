//! One gateway process gives its sockets and its store to the next, so that an upgrade fails no request.
//!
//! The two speak over a Unix socket in the data folder, which only their user may use:
//!
//! 1. the successor greets;
//! 2. the predecessor closes the store and sends its listening sockets. It serves on, but changes nothing any more;
//! 3. the successor opens the store, loads every version, and says that it is ready. From then on both accept;
//! 4. the predecessor stops as on SIGTERM: what it has begun it finishes.
//!
//! Whoever has the store is the owner, and there is one at any time. A successor that ends before it is ready gives the store
//! back by ending. This module knows nothing of what is served.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::control::Control;
use crate::store::{Embedded, Shared, StoreError};

/// The Unix socket in the data folder at which a running gateway can be taken over.
pub const SOCKET: &str = "handover.sock";
/// A successor that speaks otherwise is refused.
const HELLO: &[u8] = b"titan handover 1\n";
const SOCKETS: &[u8] = b"sockets\n";
const READY: &[u8] = b"ready\n";
/// One for services, then one for the admin API.
const SOCKET_COUNT: usize = 2;
/// How often a store that a dying process still holds is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// What a process needs to be succeeded.
pub(crate) struct Predecessor<'a> {
    pub(crate) data: &'a Path,
    pub(crate) sockets: [BorrowedFd<'a>; SOCKET_COUNT],
    pub(crate) control: &'a Control,
    pub(crate) store: &'a Arc<Shared>,
}

impl Predecessor<'_> {
    /// Waits until a successor has taken over.
    pub(crate) async fn succeeded(&self) {
        let listener = match listen(&self.data.join(SOCKET)) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!("no other gateway can take over from this one: {error}");
                return std::future::pending().await;
            }
        };
        loop {
            match self.hand_over(&listener).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!("no other gateway took over, this one goes on: {error}"),
            }
        }
    }

    /// Waits for a successor: whether it has taken over, or only looked whether a gateway is here, as `titan doctor` does.
    async fn hand_over(&self, listener: &UnixListener) -> io::Result<bool> {
        let (stream, _) = listener.accept().await?;
        if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("another user asked to"));
        }
        match expect(&stream, HELLO).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            greeted => greeted?,
        }
        // What is not loaded yet could not be loaded without the store.
        self.control.loaded().await;
        tracing::info!("another gateway takes over");
        let store = Arc::clone(self.store);
        spawn_blocking(move || store.give_up()).await?;
        let done = async {
            send(&stream, SOCKETS, &self.sockets).await?;
            expect(&stream, READY).await
        };
        let done = done.await;
        if done.is_err() {
            self.reopen().await;
        }
        done.map(|()| true)
    }

    async fn reopen(&self) {
        loop {
            let (store, data) = (Arc::clone(self.store), self.data.to_owned());
            let reopen = move || Embedded::open(&data).map(|opened| store.have(Box::new(opened)));
            match spawn_blocking(reopen).await {
                Ok(Ok(())) => return,
                // The successor's connection closes before its files do.
                Ok(Err(StoreError::InUse(_))) | Err(_) => {}
                Ok(Err(error)) => tracing::error!("the store cannot be opened again: {error}"),
            }
            sleep(RETRY).await;
        }
    }
}

/// A gateway that is taking over from another.
pub(crate) struct Successor {
    predecessor: UnixStream,
}

impl Successor {
    /// Asks the gateway that owns `data` for its sockets, that for services first; none where none runs.
    ///
    /// # Errors
    /// A gateway that does not hand over.
    pub(crate) async fn begin(data: &Path) -> io::Result<Option<(Successor, [Option<TcpListener>; SOCKET_COUNT])>> {
        let predecessor = match UnixStream::connect(data.join(SOCKET)).await {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            connected => connected?,
        };
        send(&predecessor, HELLO, &[]).await?;
        let mut sockets = receive(&predecessor, SOCKETS).await?.into_iter().map(TcpListener::from);
        Ok(Some((Successor { predecessor }, std::array::from_fn(|_| sockets.next()))))
    }

    /// Lets the predecessor go.
    pub(crate) async fn ready(self) {
        // One that is gone already needs no word: the store is here.
        let _ = send(&self.predecessor, READY, &[]).await;
    }
}

fn listen(path: &PathBuf) -> io::Result<UnixListener> {
    // What a process left behind that had the store before.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn send(stream: &UnixStream, message: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let send = || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKET_COUNT))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(sockets));
        }
        Ok(sendmsg(stream.as_fd(), &[IoSlice::new(message)], &mut control, SendFlags::NOSIGNAL)?)
    };
    let sent = stream.async_io(Interest::WRITABLE, send).await?;
    if sent == message.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

async fn expect(stream: &UnixStream, message: &[u8]) -> io::Result<()> {
    receive(stream, message).await.map(drop)
}

/// Sockets that come with `message`.
async fn receive(stream: &UnixStream, message: &[u8]) -> io::Result<Vec<OwnedFd>> {
    let mut sockets = Vec::new();
    let mut text = Vec::new();
    while text.len() < message.len() {
        let mut buffer = vec![0; message.len() - text.len()];
        let receive = || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKET_COUNT))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut buffers = [IoSliceMut::new(&mut buffer)];
            let received = recvmsg(stream.as_fd(), &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(received) = message {
                    sockets.extend(received);
                }
            }
            Ok(received.bytes)
        };
        match stream.async_io(Interest::READABLE, receive).await? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it was ready")),
            received => text.extend_from_slice(&buffer[..received]),
        }
    }
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "it speaks another protocol");
    if text == message { Ok(sockets) } else { Err(wrong()) }
}
