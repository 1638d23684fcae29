//! The gateway as a whole: started from options, run until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::options::Options;

/// A gateway that has loaded its routes and listens.
pub struct Gateway {
    services: TcpListener,
    services_address: SocketAddr,
    admin: TcpListener,
    admin_address: SocketAddr,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {0} ({1}): choose another address")]
    Listen(SocketAddr, io::Error),
}

impl Gateway {
    /// Opens the store, loads every routed version, and listens. The first start on a machine compiles the engine, which takes
    /// up to a minute.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(options: Options) -> Result<Gateway, StartError> {
        let (services, services_address) = listen(options.listen).await?;
        let (admin, admin_address) = listen(options.admin).await?;
        Ok(Gateway { services, services_address, admin, admin_address })
    }

    /// Where services are served.
    pub fn services_address(&self) -> SocketAddr {
        self.services_address
    }

    /// Where the admin API is served.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Serves until `stop` is ready, then accepts nothing new and lets requests in flight finish, for at most
    /// [`crate::Limits::stop_timeout`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        stop.await;
        drop((self.services, self.admin));
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let fail = |e| StartError::Listen(address, e);
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((listener, bound))
}
