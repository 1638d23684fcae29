//! `titan delete`: deletes a service, or one of its versions.

use std::io::{self, Write};

use crate::args::DeleteArgs;

pub fn run(args: &DeleteArgs) -> anyhow::Result<()> {
    let (client, service) = (args.target.client()?, &args.service);
    let what = match &args.version {
        Some(version) => {
            client.delete_version(service, version)?;
            format!("{service} {version}")
        }
        None => {
            client.delete_service(service)?;
            service.clone()
        }
    };
    writeln!(io::stdout(), "deleted {what}")?;
    Ok(())
}
