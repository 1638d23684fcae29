//! `titan versions`: lists the versions of a service.

use std::io::{self, Write};

use titan_sdk::api::{Version, Versions};

use crate::args::VersionsArgs;
use crate::compile::size;
use crate::table::table;
use crate::time::time;
use crate::trial;

pub fn run(args: &VersionsArgs) -> anyhow::Result<()> {
    let versions = args.target.client()?.versions(&args.service)?;
    let text = if args.format.json {
        serde_json::to_string_pretty(&Versions { versions })?
    } else {
        let heading = ["VERSION", "STATE", "DEPLOYED", "BY", "SIZE", "IMAGE", "CPU", "MEMORY", "ENDPOINTS"];
        let tried = versions.iter().filter_map(|version| Some((&version.version, version.trial.as_ref()?)));
        let trials: String = tried.map(|(version, trial)| format!("\n{}", trial::describe(version, trial))).collect();
        table(heading, versions.into_iter().map(row)) + if trials.is_empty() { "" } else { "\n\nTRIALS" } + &trials
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn row(version: Version) -> [String; 9] {
    let endpoints = version.endpoints.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path));
    [
        version.version,
        version.state.to_string(),
        time(version.deployed_at),
        version.deployed_by.unwrap_or_default(),
        size(version.size),
        version.config.image,
        version.config.cpu.to_string(),
        size(version.config.memory),
        endpoints.collect::<Vec<_>>().join(", "),
    ]
}
