//! Running components: a [`Runtime`] holds the compiled engine, a [`Program`] one version's component, an
//! [`Instance`] its live memory.
//!
//! The compiler runs a component once to make a heap image, the gateway runs it for every request: both through this
//! module, so that what was checked at deploy is what serves. It knows bytes and limits; it knows nothing of
//! HTTP, routes or notebooks.
//!
//! Guests run on the thread that polls them. They yield at every tick of the epoch, so a long handler shares
//! its thread with other tasks, and a caller may drop the future of a call at any time.

mod batcher;
mod cpu;
mod imports;
mod instance;
mod limits;
mod log;
mod nn;
mod precompiled;
mod runtime;
mod state;

pub use batcher::Batcher;
pub use cpu::CpuTime;
pub use instance::{CallError, Failure, Instance, Response};
pub use limits::{Limits, Pace, Unpaced};
pub use log::LogSink;
pub use runtime::{HostError, Program, Runtime, RuntimeOptions};
pub use state::Host;
