//! `titan doctor`: looks at the host a gateway is to run on, and says what to mend. It changes nothing.
//!
//! | module | looks at |
//! | --- | --- |
//! | `host` | kernel, processor, memory, limits of the process, clock |
//! | `setup` | what the configuration names: folders, engines, addresses |

mod host;
mod setup;

use std::io::{self, Write};

use anyhow::bail;
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::config::{self, Config};
use crate::table::table;

/// What one look found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// It works, but not as well or not as long as it could.
    Warning,
    /// A gateway does not run like that.
    Error,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, level: Level::Ok, found: found.into(), mend: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { check, level: Level::Warning, found: found.into(), mend: Some(mend.into()) }
    }

    fn error(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { check, level: Level::Error, found: found.into(), mend: Some(mend.into()) }
    }
}

pub fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let Config { options, .. } = config::read(&args.setup)?;
    let mut findings = host::look(&options.limits);
    findings.extend(setup::look(&options));
    let text = if args.format.json {
        serde_json::to_string_pretty(&findings)?
    } else {
        table(["CHECK", "", "FOUND", "WHAT TO DO"], findings.iter().map(row))
    };
    writeln!(io::stdout(), "{text}")?;
    match findings.iter().filter(|finding| finding.level == Level::Error).count() {
        0 => Ok(()),
        1 => bail!("one check failed: mend it as the list says"),
        count => bail!("{count} checks failed: mend them as the list says"),
    }
}

fn row(finding: &Finding) -> [String; 4] {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "ERROR",
    };
    [finding.check.into(), level.into(), finding.found.clone(), finding.mend.clone().unwrap_or_default()]
}
