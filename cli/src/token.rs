//! `titan token`: tokens of a gateway's admin API.

use std::io::{self, Write};

use titan_sdk::access::{Role, Token, Tokens};

use crate::args::{RoleName, TokenCommand};
use crate::config::default_data;
use crate::table::table;
use crate::time::time;

pub fn run(command: &TokenCommand) -> anyhow::Result<()> {
    let mut out = io::stdout();
    match command {
        TokenCommand::Create { name, role, local, data, target } => {
            let role = role_of(*role);
            let secret = if *local {
                let data = data.clone().map_or_else(default_data, Ok)?;
                titan_gateway::access::create_token(&data, name, role)?
            } else {
                target.client()?.create_token(name, role)?.secret
            };
            show(&secret)
        }
        TokenCommand::List { format, target } => {
            let tokens = target.client()?.tokens()?;
            let text = if format.json {
                serde_json::to_string_pretty(&Tokens { tokens })?
            } else {
                table(["NAME", "ROLE", "CREATED"], tokens.into_iter().map(row))
            };
            writeln!(out, "{text}")?;
            Ok(())
        }
        TokenCommand::Revoke { name, target } => {
            target.client()?.revoke_token(name)?;
            writeln!(out, "revoked {name}")?;
            Ok(())
        }
    }
}

/// Prints a new secret so that a script can keep it, and tells a person to.
pub fn show(secret: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{secret}")?;
    writeln!(io::stderr(), "keep it: it is not shown again")?;
    Ok(())
}

fn role_of(name: RoleName) -> Role {
    match name {
        RoleName::Read => Role::Read,
        RoleName::Deploy => Role::Deploy,
        RoleName::Admin => Role::Admin,
    }
}

fn row(token: Token) -> [String; 3] {
    [token.name, token.role.to_string(), time(token.created_at)]
}
