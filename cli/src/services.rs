//! `titan services`: lists the services.

use std::io::{self, Write};

use titan_sdk::api::{Service, Services};

use crate::args::ServicesArgs;
use crate::table::table;

pub fn run(args: &ServicesArgs) -> anyhow::Result<()> {
    let services = args.target.client()?.services()?;
    let text = if args.format.json {
        serde_json::to_string_pretty(&Services { services })?
    } else {
        table(["SERVICE", "ACTIVE", "PREVIOUS", "VERSIONS"], services.into_iter().map(row))
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn row(service: Service) -> [String; 4] {
    let or_none = |version: Option<String>| version.unwrap_or_else(|| "-".into());
    [service.name, or_none(service.active), or_none(service.previous), service.versions.to_string()]
}
