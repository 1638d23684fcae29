//! `titan gateway`: runs a gateway until SIGINT or SIGTERM, or until another takes over; SIGHUP starts that other one.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use titan_gateway::{Gateway, Options};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::args::GatewayArgs;
use crate::config::{self, Config};
use crate::service_manager;
use crate::signals::Stop;

/// Starts a gateway that takes over.
const TAKEOVER: &str = "--takeover";

pub fn run(args: GatewayArgs) -> anyhow::Result<()> {
    let Config { options, log } = config::read(&args.setup)?;
    log.start()?;
    allow_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| anyhow!("the gateway's threads do not start ({cause}): check ulimit -a"))?;
    runtime.block_on(serve(options, args.takeover))
}

/// Every connection takes a file descriptor. The soft limit is low for the sake of old programs; the hard one is what counts.
fn allow_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!("the limit of open files cannot be raised ({error}): see 'titan doctor'");
    }
}

async fn serve(options: Options, takeover: bool) -> anyhow::Result<()> {
    let successor = Successor::of_this_process()?;
    // Until it serves, a signal simply ends it: the store is safe at any moment, and a gateway it takes over from goes on.
    let gateway = if takeover { Gateway::take_over(options).await? } else { Gateway::start(options).await? };
    let mut stop = Stop::listen()?;
    let mut hangup = signal(SignalKind::hangup()).context("signals cannot be handled: check ulimit -a")?;
    // Scripts wait for these lines and read the addresses, which may be free ports.
    let mut out = io::stdout().lock();
    writeln!(out, "services  {}", gateway.services_url())?;
    writeln!(out, "admin     {}", gateway.admin_url())?;
    out.flush()?;
    drop(out);
    service_manager::serving();
    let reload = tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            successor.run().await;
        }
    });
    let stop = async move {
        stop.asked().await;
        service_manager::stopping();
    };
    gateway.run(stop).await;
    reload.abort();
    Ok(())
}

/// The command that replaces this process.
struct Successor {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Successor {
    /// The same command line again. The program is found now, since an upgrade replaces its file.
    fn of_this_process() -> anyhow::Result<Successor> {
        let program = std::env::current_exe().context("the titan program cannot be found: call it by its path")?;
        let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
        if !arguments.iter().any(|argument| argument == TAKEOVER) {
            arguments.push(TAKEOVER.into());
        }
        Ok(Successor { program, arguments })
    }

    /// Runs it until it ends, which is long after this process if it takes over.
    async fn run(&self) {
        service_manager::reloading();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        let (ended, end) = oneshot::channel();
        // A thread of its own: the runtime would wait for one of its threads before the process can end.
        std::thread::spawn(move || ended.send(command.status()));
        match end.await {
            Ok(Ok(status)) => {
                tracing::error!("the gateway that was to take over ended with {status}: this one goes on")
            }
            Ok(Err(error)) => tracing::error!("no gateway can be started to take over ({error}): this one goes on"),
            Err(_) => {}
        }
        service_manager::serving();
    }
}
