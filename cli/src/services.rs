//! `titan services`: lists the services. And which one a command means that names none.

use std::io::{self, Write};

use anyhow::bail;
use titan_sdk::api::{Service, Services};
use titan_sdk::client::Client;

use crate::args::ServicesArgs;
use crate::table::table;

pub fn run(args: &ServicesArgs) -> anyhow::Result<()> {
    let services = args.target.client()?.services()?;
    let text = if args.format.json {
        serde_json::to_string_pretty(&Services { services })?
    } else {
        table(["SERVICE", "ACTIVE", "PREVIOUS", "ON TRIAL", "VERSIONS"], services.into_iter().map(row))
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// The service that was named, or the only one there is.
pub fn service_or_only(client: &Client, named: Option<&str>) -> anyhow::Result<String> {
    if let Some(service) = named {
        return Ok(service.into());
    }
    let mut names: Vec<_> = client.services()?.into_iter().map(|service| service.name).collect();
    match (names.pop(), names.len()) {
        (None, _) => bail!("there is no service yet: deploy one with 'titan deploy NOTEBOOK'"),
        (Some(only), 0) => Ok(only),
        (Some(last), _) => bail!("there are several services ({}, {last}): name one of them", names.join(", ")),
    }
}

fn row(service: Service) -> [String; 5] {
    let or_none = |version: Option<String>| version.unwrap_or_else(|| "-".into());
    [
        service.name,
        or_none(service.active),
        or_none(service.previous),
        or_none(service.candidate),
        service.versions.to_string(),
    ]
}
