//! What is logged, on stderr: by default what an operator of a gateway wants to see, and for other commands only what is
//! wrong.

use std::io::{self, IsTerminal};

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// For commands that read no configuration; a gateway's reads the variable as the flag `--log-level`.
const VARIABLE: &str = "TITAN_LOG";

/// How a log is written, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or levels by part, as [`EnvFilter`] reads them.
    pub level: String,
}

impl Log {
    /// Of a command that is over soon.
    pub fn of_command() -> Log {
        let level = std::env::var(VARIABLE).ok().filter(|level| !level.is_empty());
        Log { format: LogFormat::Text, level: level.unwrap_or_else(|| "warn".into()) }
    }

    /// Of a gateway that is told nothing else.
    pub fn of_gateway() -> Log {
        Log { format: LogFormat::Text, level: "warn,titan=info".into() }
    }

    /// Begins to log.
    ///
    /// # Errors
    /// The level is none.
    pub fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.level).map_err(|cause| {
            anyhow!("the log level is {:?} ({cause}): write a level or 'target=level', as in info", self.level)
        })?;
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal());
        match self.format {
            LogFormat::Json => log.json().flatten_event(true).with_span_list(false).with_current_span(false).init(),
            LogFormat::Text => log.init(),
        }
        Ok(())
    }
}
