//! `titan rollback`: returns a service to an earlier version.

use std::io::{self, Write};

use anyhow::bail;
use titan_sdk::client::Client;

use crate::args::RollbackArgs;

pub fn run(args: &RollbackArgs) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let service = match &args.service {
        Some(service) => service.clone(),
        None => only_service(&client)?,
    };
    let done = client.rollback(&service, args.to.as_deref())?;
    writeln!(io::stdout(), "rolled back {} from {} to {}", done.service, done.from, done.to)?;
    Ok(())
}

fn only_service(client: &Client) -> anyhow::Result<String> {
    let mut names: Vec<_> = client.services()?.into_iter().map(|service| service.name).collect();
    match (names.pop(), names.len()) {
        (None, _) => bail!("there is no service to roll back: deploy one with 'titan deploy NOTEBOOK'"),
        (Some(only), 0) => Ok(only),
        (Some(last), _) => bail!("there are several services ({}, {last}): name one of them", names.join(", ")),
    }
}
