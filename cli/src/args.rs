//! The command line: every command and flag, as clap reads them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use titan_sdk::client::Client;
use titan_sdk::manifest::is_service_name;

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    it failed; one line on stderr, 'error: ...', says why and what to do
  2    the command line is wrong
  3    no gateway answers
  130  interrupted

Environment:
  TITAN_GATEWAY  URL of the gateway's admin API, as --gateway
  TITAN_CACHE    where Python environments and the compiled engine are kept
  TITAN_PYTHON   the interpreter that environments are made with
  TITAN_LOG      what is logged on stderr, as in 'debug' or 'titan_gateway=debug'";

/// Turns Jupyter notebooks into versioned HTTP services.
#[derive(Debug, Parser)]
#[command(name = "titan", version, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve: the services on one address, the admin API on another
    Gateway(GatewayArgs),
    /// Compile a notebook to a bundle
    Compile(CompileArgs),
    /// Deploy a notebook or a bundle as the next version of its service
    Deploy(DeployArgs),
    /// Return a service to an earlier version
    Rollback(RollbackArgs),
    /// List the services
    Services(ServicesArgs),
    /// List the versions of a service
    Versions(VersionsArgs),
    /// Delete a service, or one version that is not active
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub struct GatewayArgs {
    /// Where services are served; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the admin API is served; it has no authentication
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub admin: SocketAddr,
    /// Where versions and routes are kept [default: titan in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The .ipynb file
    pub notebook: PathBuf,
    /// The bundle to write [default: the service's name with .titan]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Args)]
pub struct DeployArgs {
    /// An .ipynb file, or a bundle that 'titan compile' wrote
    #[arg(value_name = "NOTEBOOK|BUNDLE")]
    pub source: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The service [default: the only one there is]
    #[arg(value_parser = service_name)]
    pub service: Option<String>,
    /// The version to return to [default: the one that was active before]
    #[arg(long, value_name = "VERSION", value_parser = version_name)]
    pub to: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct ServicesArgs {
    #[command(flatten)]
    pub format: Format,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct VersionsArgs {
    /// The service
    #[arg(value_parser = service_name)]
    pub service: String,
    #[command(flatten)]
    pub format: Format,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// The service
    #[arg(value_parser = service_name)]
    pub service: String,
    /// Delete this version only
    #[arg(long, value_name = "VERSION", value_parser = version_name)]
    pub version: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// What replaces the notebook's own words.
#[derive(Debug, Args)]
pub struct Overrides {
    /// The image to run the notebook in, instead of the one its config cell names
    #[arg(long)]
    pub image: Option<String>,
    /// The service's name, instead of the notebook's
    #[arg(long, value_parser = service_name)]
    pub name: Option<String>,
    /// Accept endpoints that answer otherwise than the notebook does
    #[arg(long)]
    pub no_verify: bool,
}

/// The gateway a command talks to.
#[derive(Debug, Args)]
pub struct Target {
    /// URL of the gateway's admin API
    #[arg(
        long = "gateway",
        value_name = "URL",
        env = "TITAN_GATEWAY",
        default_value = "http://127.0.0.1:8081",
        hide_env_values = true
    )]
    pub url: String,
}

impl Target {
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }
}

/// How a list is printed.
#[derive(Debug, Args)]
pub struct Format {
    /// Print the admin API's JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

fn service_name(text: &str) -> Result<String, &'static str> {
    let rule = "use 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit";
    if is_service_name(text) { Ok(text.into()) } else { Err(rule) }
}

fn version_name(text: &str) -> Result<String, &'static str> {
    let is_version = text.strip_prefix('v').is_some_and(|number| number.parse::<u64>().is_ok());
    if is_version { Ok(text.into()) } else { Err("write it as 'titan versions' does: v1, v2, ...") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn names_that_would_be_other_urls_are_usage_errors() {
        for arguments in [["versions", "../x"], ["versions", "a/b"], ["delete", "a?b"], ["rollback", ""]] {
            let parsed = Cli::try_parse_from(["titan"].into_iter().chain(arguments));
            assert_eq!(parsed.unwrap_err().exit_code(), 2, "{arguments:?}");
        }
        assert!(Cli::try_parse_from(["titan", "rollback", "a", "--to", "1"]).is_err());
        assert!(Cli::try_parse_from(["titan", "rollback", "house-price", "--to", "v12"]).is_ok());
    }
}
