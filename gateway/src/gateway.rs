//! The gateway as a whole: started from options, run until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use titan_sdk::engine::ENGINES;
use titan_sdk::host::{HostError, Runtime, RuntimeOptions};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::access::{Access, AccessError};
use crate::admin::Admin;
use crate::control::{Control, ControlError};
use crate::listener;
use crate::loader::Loader;
use crate::options::{Limits, Options};
use crate::route::Routes;
use crate::serve::{self, Services};
use crate::store::{Embedded, StoreError};
use crate::version::Version;

/// Connections that the system accepts before the gateway does.
const BACKLOG: u32 = 1024;

/// A gateway that has loaded its routes and listens.
pub struct Gateway {
    services: TcpListener,
    services_address: SocketAddr,
    admin: TcpListener,
    admin_address: SocketAddr,
    control: Arc<Control>,
    access: Arc<Access>,
    routes: Arc<Routes<Version>>,
    limits: Limits,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {0} ({1}): choose another address")]
    Listen(SocketAddr, io::Error),
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Credentials cannot be read or made.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The Wasm runtime cannot start.
    #[error(transparent)]
    Runtime(#[from] HostError),
    /// The process ends already.
    #[error("the gateway did not start because its process is stopping: start it again")]
    Stopping,
}

impl Gateway {
    /// Opens the store, loads every routed version, and listens. The first start on a machine compiles the engine, which takes
    /// up to a minute.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(options: Options) -> Result<Gateway, StartError> {
        let Options { listen, admin, data, cache, limits, require_token } = options;
        // Addresses are taken first, since they are the likeliest to fail; clients are let in when all is loaded.
        let sockets = (bind(listen)?, bind(admin)?);
        let runtime = RuntimeOptions { cache, max_instances: limits.max_instances, ..RuntimeOptions::default() };
        let compiled = data.join("compiled");
        let require_token = require_token || !admin.ip().is_loopback();
        let opened = spawn_blocking(move || -> Result<_, StartError> {
            let store = Arc::new(Embedded::open(&data)?);
            let access = Arc::new(Access::open(store.clone(), require_token, &data)?);
            let runtime = Runtime::new(&runtime)?;
            // Nearly every version needs it. The other waits for the first that does.
            runtime.ready(&ENGINES[0])?;
            Ok((store, access, runtime))
        });
        let (store, access, runtime) = opened.await.map_err(|_| StartError::Stopping)??;
        let loader = Arc::new(Loader::new(runtime, compiled, limits.max_waiting));
        let routes = Arc::new(Routes::new());
        let control =
            Control::start(store, Arc::clone(&access), loader, Arc::clone(&routes), limits.max_bundle_bytes).await;
        let control = control.map_err(|error| match error {
            ControlError::Store(error) => StartError::Store(error),
            _ => StartError::Stopping,
        })?;
        let (services, services_address) = open(sockets.0, listen)?;
        let (admin, admin_address) = open(sockets.1, admin)?;
        Ok(Gateway { services, services_address, admin, admin_address, control, access, routes, limits })
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
    /// [`Limits::stop_timeout`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Gateway { services, admin, admin_address, control, access, routes, limits, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let api = Arc::new(Admin {
            control,
            access: Arc::clone(&access),
            limits: limits.clone(),
            loopback: admin_address.ip().is_loopback(),
        });
        let shared = Arc::new(Services { routes, access, limits: limits.clone() });
        let to_services = move |request| {
            let shared = Arc::clone(&shared);
            async move { serve::answer(&shared, request).await }
        };
        let to_admin = move |request| Arc::clone(&api).answer(request);
        tokio::join!(
            listener::serve(services, &limits, stopped.clone(), to_services),
            listener::serve(admin, &limits, stopped, to_admin),
            async {
                stop.await;
                // Both listeners have a receiver.
                let _ = stopping.send(true);
            }
        );
    }
}

fn bind(address: SocketAddr) -> Result<TcpSocket, StartError> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A gateway that was just killed leaves connections behind that would otherwise hold the address for a minute.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bind().map_err(|e| StartError::Listen(address, e))
}

fn open(socket: TcpSocket, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let open = || {
        let listener = socket.listen(BACKLOG)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    open().map_err(|e| StartError::Listen(address, e))
}
