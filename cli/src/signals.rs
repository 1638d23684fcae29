//! SIGINT and SIGTERM: the two ways a user or an operating system asks a command to stop.

use std::thread;

use anyhow::anyhow;
use titan_compiler::interrupt::{Interrupt, interrupt};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::INTERRUPTED;

/// Both signals. From its making on they no longer end the process.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Needs a tokio runtime around it.
    pub fn listen() -> anyhow::Result<Stop> {
        let listen =
            |kind| signal(kind).map_err(|cause| anyhow!("signals cannot be handled ({cause}): check ulimit -a"));
        Ok(Stop { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for either.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// An interrupt for the compiler that fires on the first signal. The second ends the process where it stands.
pub fn interrupt_on_signal() -> anyhow::Result<Interrupt> {
    let (interrupter, interrupt) = interrupt();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut stop = {
        let _entered = runtime.enter();
        Stop::listen()?
    };
    thread::Builder::new().name("titan-signals".into()).spawn(move || {
        runtime.block_on(async {
            stop.asked().await;
            interrupter.interrupt();
            stop.asked().await;
            std::process::exit(INTERRUPTED.into());
        });
    })?;
    Ok(interrupt)
}
