//! What is logged, on stderr: by default what an operator of a gateway wants to see, and for other commands only what is
//! wrong.

use std::io::{self, IsTerminal};

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;

use crate::args::{Command, GatewayArgs, LogFormat};

const VARIABLE: &str = "TITAN_LOG";

pub fn start(command: &Command) -> anyhow::Result<()> {
    let default = match command {
        Command::Gateway(_) => "warn,titan=info",
        _ => "warn",
    };
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.is_empty() => filter,
        _ => default.into(),
    };
    let filter = EnvFilter::try_new(&filter)
        .map_err(|cause| anyhow!("{VARIABLE} is {filter:?} ({cause}): write a level or 'target=level', as in info"))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match command {
        Command::Gateway(GatewayArgs { log_format: LogFormat::Json, .. }) => {
            log.json().flatten_event(true).with_span_list(false).with_current_span(false).init();
        }
        _ => log.init(),
    }
    Ok(())
}
