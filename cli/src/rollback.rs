//! `titan rollback`: returns a service to an earlier version.

use std::io::{self, Write};

use crate::args::RollbackArgs;
use crate::services::service_or_only;

pub fn run(args: &RollbackArgs) -> anyhow::Result<()> {
    let client = args.target.client()?;
    let service = service_or_only(&client, args.service.as_deref())?;
    let done = client.rollback(&service, args.to.as_deref())?;
    writeln!(io::stdout(), "rolled back {} from {} to {}", done.service, done.from, done.to)?;
    Ok(())
}
