//! `titan versions`: lists the versions of a service.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use titan_sdk::api::{Version, Versions};

use crate::args::VersionsArgs;
use crate::compile::size;
use crate::table::table;

pub fn run(args: &VersionsArgs) -> anyhow::Result<()> {
    let versions = args.target.client().versions(&args.service)?;
    let text = if args.format.json {
        serde_json::to_string_pretty(&Versions { versions })?
    } else {
        let heading = ["VERSION", "STATE", "DEPLOYED", "SIZE", "IMAGE", "CPU", "MEMORY", "ENDPOINTS"];
        table(heading, versions.into_iter().map(row))
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn row(version: Version) -> [String; 8] {
    let endpoints = version.endpoints.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path));
    [
        version.version,
        version.state.to_string(),
        time(version.deployed_at),
        size(version.size),
        version.config.image,
        version.config.cpu.to_string(),
        size(version.config.memory),
        endpoints.collect::<Vec<_>>().join(", "),
    ]
}

/// `2026-03-01T12:00:00Z`. The argument is in milliseconds since the epoch.
fn time(deployed_at: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(deployed_at));
    // A gateway's clock may say anything; beyond the year 9999 there is no such form.
    let year_9999 = Duration::from_secs(253_402_300_799);
    match time.filter(|_| Duration::from_millis(deployed_at) <= year_9999) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => deployed_at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_shown() {
        assert_eq!(time(1_772_366_400_000), "2026-03-01T12:00:00Z");
        assert_eq!(time(u64::MAX), u64::MAX.to_string());
    }
}
