//! The gateway as a whole: started from options, run until it is told to stop.

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use titan_sdk::engine::ENGINES;
use titan_sdk::host::{HostError, Runtime, RuntimeOptions};
use titan_sdk::signature::{PublicKey, Trust};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};

use crate::access::{Access, AccessError};
use crate::admin::Admin;
use crate::admin::metrics::Metrics;
use crate::control::{Control, ControlError};
use crate::delivery::route::Routes;
pub use crate::handover::SOCKET as HANDOVER_SOCKET;
use crate::handover::{Predecessor, Successor};
use crate::http::cors::{CorsError, Policy};
use crate::http::listener;
use crate::http::tls::{Tls, TlsError, TlsFiles};
use crate::limits::Limits;
use crate::observe::counters::Counters;
use crate::observe::logs::Logs;
use crate::observe::traces::Traces;
use crate::options::Options;
use crate::serve::direct::Direct;
use crate::serve::{self, Services};
use crate::store::{Embedded, Shared, StoreError};
use crate::version::Version;
use crate::version::lanes::Lanes;
use crate::version::loader::Loader;

/// Connections that the system accepts before the gateway does.
const BACKLOG: u32 = 1024;

/// A gateway that knows its routes and listens.
pub struct Gateway {
    services: TcpListener,
    services_address: SocketAddr,
    services_tls: Option<Arc<Tls>>,
    admin: TcpListener,
    admin_address: SocketAddr,
    admin_tls: Option<Arc<Tls>>,
    control: Arc<Control>,
    access: Arc<Access>,
    store: Arc<Shared>,
    routes: Arc<Routes<Version>>,
    counters: Counters,
    traces: Traces,
    limits: Limits,
    cors: Option<Policy>,
    data: PathBuf,
    /// The gateway that still runs.
    succeeds: Option<Successor>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {0} ({1}): choose another address")]
    Listen(SocketAddr, io::Error),
    /// The gateway that runs does not hand over.
    #[error("the gateway of {0} does not hand over ({1}): stop it, and start without --takeover")]
    Takeover(PathBuf, io::Error),
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Credentials cannot be read or made.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A trusted key cannot be read.
    #[error("the trusted key in {0} cannot be read ({1}): name a public key in PEM that 'titan keygen' made")]
    Key(PathBuf, String),
    /// CORS is configured with what is no origin or header.
    #[error(transparent)]
    Cors(#[from] CorsError),
    /// The Wasm runtime cannot start.
    #[error(transparent)]
    Runtime(#[from] HostError),
    /// The system refuses threads.
    #[error("the gateway cannot start its threads ({0}): raise the limit on processes (ulimit -u)")]
    Threads(io::Error),
    /// The collector of traces cannot be addressed.
    #[error("traces cannot be sent ({0}): write the collector's URL as http://127.0.0.1:4318")]
    Traces(String),
    /// The process ends already.
    #[error("the gateway did not start because its process is stopping: start it again")]
    Stopping,
}

impl Gateway {
    /// Opens the store and listens. The first start on a machine compiles the engine, which takes up to a minute. Routed versions
    /// are loaded in the background: a request for one that is not loaded yet waits for it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(options: Options) -> Result<Gateway, StartError> {
        Gateway::start_on(options, [None, None]).await
    }

    /// As [`Gateway::start`], on the sockets and with the store of the gateway that owns `options.data` now; where none runs,
    /// just as [`Gateway::start`]. On return every version is loaded. The other gateway serves on until [`Gateway::run`], and for
    /// good if this one ends before.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn take_over(options: Options) -> Result<Gateway, StartError> {
        let begun = Successor::begin(&options.data).await;
        match begun.map_err(|cause| StartError::Takeover(options.data.clone(), cause))? {
            None => Gateway::start(options).await,
            Some((successor, sockets)) => {
                let gateway = Gateway::start_on(options, sockets).await?;
                gateway.loaded().await;
                Ok(Gateway { succeeds: Some(successor), ..gateway })
            }
        }
    }

    /// `given` are sockets that other processes listen on too: for services, and for the admin API.
    async fn start_on(options: Options, given: [Option<std::net::TcpListener>; 2]) -> Result<Gateway, StartError> {
        let Options { listen, admin, data, cache, limits, require_token, trusted_keys, .. } = options;
        let Options { services_tls, admin_tls, cors, otlp_endpoint, .. } = options;
        let traces = Traces::to(otlp_endpoint.as_deref()).map_err(StartError::Traces)?;
        let trust = trust(&trusted_keys)?;
        let cors = Policy::new(&cors)?;
        let exposed = !admin.ip().is_loopback();
        if exposed && admin_tls.is_none() {
            tracing::warn!("the admin API on {admin} is not encrypted: others on the network can read its tokens");
        }
        let certificate = |files: Option<TlsFiles>| files.map(Tls::open).transpose();
        let (services_tls, admin_tls) =
            (certificate(services_tls)?.map(Arc::new), certificate(admin_tls)?.map(Arc::new));
        // Addresses are taken first, since they are the likeliest to fail; clients are let in when the store is open.
        let [given_services, given_admin] = given;
        let sockets = (Socket::at(listen, given_services)?, Socket::at(admin, given_admin)?);
        let runtime = RuntimeOptions { cache, max_instances: limits.max_instances, ..RuntimeOptions::default() };
        let (compiled, logs) = (data.join("compiled"), data.join("logs"));
        let folder = data.clone();
        let opened = spawn_blocking(move || -> Result<_, StartError> {
            let store = Arc::new(Shared::new(Box::new(Embedded::open(&folder)?)));
            let access = Arc::new(Access::open(store.clone(), require_token || exposed, &folder)?);
            let runtime = Runtime::new(&runtime)?;
            // Nearly every version needs it. The other waits for the first that does.
            runtime.ready(&ENGINES[0])?;
            Ok((store, access, runtime))
        });
        let (store, access, runtime) = opened.await.map_err(|_| StartError::Stopping)??;
        let lanes = Arc::new(Lanes::new().map_err(StartError::Threads)?);
        let logs = Logs::start(logs).map_err(StartError::Threads)?;
        let counters = Counters::default();
        let loader = Arc::new(Loader::new(runtime, trust, compiled, limits.max_waiting, lanes, logs.clone()));
        let routes = Arc::new(Routes::new());
        let control = Control::start(
            store.clone(),
            Arc::clone(&access),
            loader,
            Arc::clone(&routes),
            logs,
            counters.clone(),
            limits.max_bundle_bytes,
        );
        let control = control.await;
        let control = control.map_err(|error| match error {
            ControlError::Store(error) => StartError::Store(error),
            _ => StartError::Stopping,
        })?;
        let (services, services_address) = sockets.0.open(listen)?;
        let (admin, admin_address) = sockets.1.open(admin)?;
        Ok(Gateway {
            services,
            services_address,
            services_tls,
            admin,
            admin_address,
            admin_tls,
            control,
            access,
            store,
            routes,
            counters,
            traces,
            limits,
            cors,
            data,
            succeeds: None,
        })
    }

    /// Where services are served.
    pub fn services_address(&self) -> SocketAddr {
        self.services_address
    }

    /// Where services are served: `http://127.0.0.1:8080`.
    pub fn services_url(&self) -> String {
        url(self.services_tls.as_deref(), self.services_address)
    }

    /// Where the admin API is served.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where the admin API is served: `http://127.0.0.1:8081`.
    pub fn admin_url(&self) -> String {
        url(self.admin_tls.as_deref(), self.admin_address)
    }

    /// Waits until every routed version is loaded, or is known not to load.
    pub async fn loaded(&self) {
        self.control.loaded().await;
    }

    /// Serves until `stop` is ready or another gateway has taken over, then accepts nothing new and lets requests in flight
    /// finish, for at most [`Limits::stop_timeout`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Gateway { services, services_tls, admin, admin_address, admin_tls, .. } = self;
        let Gateway { control, access, store, routes, counters, traces, limits, cors, data, succeeds, .. } = self;
        if let Some(succeeds) = succeeds {
            succeeds.ready().await;
        }
        let (stopping, stopped) = watch::channel(false);
        // Copies of the sockets, since the listeners close theirs.
        let handover = copy(&services).and_then(|services| Ok((services, copy(&admin)?)));
        let api = Arc::new(Admin {
            control: Arc::clone(&control),
            access: Arc::clone(&access),
            routes: Arc::clone(&routes),
            metrics: Metrics::new(Arc::clone(&routes), counters.clone()),
            limits: limits.clone(),
            loopback: admin_address.ip().is_loopback(),
            stopping: stopped.clone(),
        });
        let shared = Arc::new(Services {
            routes,
            access,
            direct: Direct::new(Arc::clone(&control)),
            counters,
            traces: traces.clone(),
            stopping: stopped.clone(),
            cors,
            limits: limits.clone(),
        });
        let to_services = move |request| {
            let shared = Arc::clone(&shared);
            async move { serve::answer(&shared, request).await }
        };
        let to_admin = move |request| Arc::clone(&api).answer(request);
        // Ends with this function.
        let mut watches = JoinSet::new();
        for tls in services_tls.iter().chain(&admin_tls) {
            watches.spawn(Arc::clone(tls).watch());
        }
        tokio::join!(
            listener::serve(services, services_tls, &limits, stopped.clone(), to_services),
            listener::serve(admin, admin_tls, &limits, stopped, to_admin),
            async {
                let succeeded = async {
                    let Ok((services, admin)) = handover else { return std::future::pending().await };
                    let sockets = [services.as_fd(), admin.as_fd()];
                    Predecessor { data: &data, sockets, control: &control, store: &store }.succeeded().await;
                };
                tokio::select! {
                    () = stop => {}
                    () = succeeded => {}
                }
                // Both listeners have a receiver.
                let _ = stopping.send(true);
            }
        );
        // What cannot be sent now is not worth more time.
        let _ = spawn_blocking(move || traces.end()).await;
    }
}

fn trust(files: &[PathBuf]) -> Result<Trust, StartError> {
    let read = |file: &PathBuf| {
        let pem = fs::read_to_string(file).map_err(|cause| StartError::Key(file.clone(), cause.to_string()))?;
        PublicKey::from_pem(&pem).map_err(|cause| StartError::Key(file.clone(), cause.to_string()))
    };
    Ok(Trust::new(files.iter().map(read).collect::<Result<_, _>>()?))
}

fn url(tls: Option<&Tls>, address: SocketAddr) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// A socket that does not let clients in yet.
enum Socket {
    Bound(TcpSocket),
    /// Another process listens on it too.
    Given(std::net::TcpListener),
}

impl Socket {
    /// A new one, unless `given` is the one for `address`.
    fn at(address: SocketAddr, given: Option<std::net::TcpListener>) -> Result<Socket, StartError> {
        let fits = |bound: SocketAddr| bound.ip() == address.ip() && [0, bound.port()].contains(&address.port());
        if let Some(given) = given.filter(|given| given.local_addr().is_ok_and(fits)) {
            return Ok(Socket::Given(given));
        }
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A gateway that was just killed leaves connections behind that would otherwise hold the address for a minute.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        };
        bind().map(Socket::Bound).map_err(|e| StartError::Listen(address, e))
    }

    fn open(self, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
        let open = || {
            let listener = match self {
                Socket::Bound(socket) => socket.listen(BACKLOG)?,
                Socket::Given(listener) => TcpListener::from_std(listener)?,
            };
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        };
        open().map_err(|e| StartError::Listen(address, e))
    }
}

fn copy(listener: &TcpListener) -> io::Result<OwnedFd> {
    listener.as_fd().try_clone_to_owned()
}
