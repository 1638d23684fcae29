//! A request to stop, from whoever called the compiler.
//!
//! The compiler starts other programs that must not outlive it. It never touches the process's signal handlers: its caller
//! decides what interrupts it and says so through an [`Interrupter`].

use tokio::sync::watch;

use crate::error::CompileError;

/// The end that asks for a stop.
#[derive(Debug)]
pub struct Interrupter(watch::Sender<bool>);

/// The end that is asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

/// A connected pair.
pub fn interrupt() -> (Interrupter, Interrupt) {
    let (sender, receiver) = watch::channel(false);
    (Interrupter(sender), Interrupt(receiver))
}

impl Interrupter {
    /// Asks for a stop: running programs are killed, and the compiler returns [`CompileError::Interrupted`].
    pub fn interrupt(&self) {
        self.0.send_replace(true);
    }
}

impl Interrupt {
    /// One that never fires.
    pub fn never() -> Interrupt {
        interrupt().1
    }

    /// For use between two steps.
    ///
    /// # Errors
    /// [`CompileError::Interrupted`] when a stop was asked for.
    pub fn check(&self) -> Result<(), CompileError> {
        if *self.0.borrow() { Err(CompileError::Interrupted) } else { Ok(()) }
    }

    /// Waits until a stop is asked for; for ever when nobody can ask any more.
    pub(crate) async fn asked(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
