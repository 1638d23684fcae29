//! What systemd wants to hear from a service of `Type=notify`; silent where no service manager asks (`NOTIFY_SOCKET`).

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

const VARIABLE: &str = "NOTIFY_SOCKET";

/// This process serves, and is the main one of its service: it may have taken over from another.
pub fn serving() {
    tell(&format!("READY=1\nMAINPID={}", std::process::id()));
}

/// A successor was asked for; [`serving`] ends it.
pub fn reloading() {
    tell("RELOADING=1");
}

/// The process finishes what is in flight.
pub fn stopping() {
    tell("STOPPING=1");
}

fn tell(state: &str) {
    let Some(socket) = std::env::var_os(VARIABLE) else { return };
    let send = || -> io::Result<()> {
        let address = match socket.as_encoded_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&socket)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
        Ok(())
    };
    if let Err(error) = send() {
        tracing::warn!("the service manager cannot be told {state:?}: {error}");
    }
}
