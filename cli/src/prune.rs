//! `titan prune`: deletes old versions.

use std::io::{self, Write};

use titan_sdk::api::Pruned;

use crate::args::PruneArgs;

pub fn run(args: &PruneArgs) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let services = match &args.service {
        Some(service) => vec![service.clone()],
        None => client.services()?.into_iter().map(|service| service.name).collect(),
    };
    for service in services {
        let Pruned { service, deleted, in_use } = client.prune(&service, args.keep)?;
        let deleted = if deleted.is_empty() { "nothing".into() } else { deleted.join(", ") };
        let kept = if in_use.is_empty() { String::new() } else { format!("; kept {}, in use", in_use.join(", ")) };
        writeln!(io::stdout(), "pruned {service}: deleted {deleted}{kept}")?;
    }
    Ok(())
}
