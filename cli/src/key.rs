//! `titan key`: API keys of a service.

use std::io::{self, Write};

use titan_sdk::access::{Key, Keys};

use crate::args::KeyCommand;
use crate::table::table;
use crate::time::time;
use crate::token::show;

pub fn run(command: &KeyCommand) -> anyhow::Result<()> {
    let mut out = io::stdout();
    match command {
        KeyCommand::Create { service, name, target } => show(&target.client()?.create_key(service, name)?.secret),
        KeyCommand::List { service, format, target } => {
            let keys = target.client()?.keys(service)?;
            let text = if format.json {
                serde_json::to_string_pretty(&Keys { keys })?
            } else {
                table(["NAME", "CREATED"], keys.into_iter().map(row))
            };
            writeln!(out, "{text}")?;
            Ok(())
        }
        KeyCommand::Revoke { service, name, target } => {
            target.client()?.revoke_key(service, name)?;
            writeln!(out, "revoked {name} of {service}")?;
            Ok(())
        }
    }
}

fn row(key: Key) -> [String; 2] {
    [key.name, time(key.created_at)]
}
