//! The command line: every command and flag, as clap reads them.

mod access;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;
use titan_sdk::client::{Client, Credentials};
use titan_sdk::manifest::{is_service_name, is_version_name};
use titan_sdk::trial::{self, Kind, Sticky};

pub use self::access::{KeyCommand, KeygenArgs, LoginArgs, LogoutArgs, RoleName, TokenCommand};
use crate::credentials::Remembered;

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    it failed; one line on stderr, 'error: ...', says why and what to do
  2    the command line is wrong
  3    no gateway answers
  130  interrupted

Environment:
  TITAN_GATEWAY  URL of the gateway's admin API, as --gateway
  TITAN_TOKEN    a token of that gateway, instead of the one that 'titan login' keeps
  TITAN_CA       PEM file of the authority of its certificate, as --ca
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
    /// Make the version that is on trial the active one
    Promote(TrialArgs),
    /// End a trial: the active version answers alone
    Abort(TrialArgs),
    /// Return a service to an earlier version
    Rollback(RollbackArgs),
    /// List the services
    Services(ServicesArgs),
    /// List the versions of a service
    Versions(VersionsArgs),
    /// Show what a service's handlers print to stderr, and why requests failed
    Logs(LogsArgs),
    /// Delete a service, or one version that is not active
    Delete(DeleteArgs),
    /// Delete old versions; those in use stay
    Prune(PruneArgs),
    /// Check whether this host is fit for a gateway, and say what to mend
    Doctor(DoctorArgs),
    /// Make a pair of keys to sign bundles with
    Keygen(KeygenArgs),
    /// Keep a token for a gateway; it is read from a prompt or standard input
    Login(LoginArgs),
    /// Forget the token for a gateway
    Logout(LogoutArgs),
    /// Tokens of a gateway's admin API
    #[command(subcommand)]
    Token(TokenCommand),
    /// API keys of a service
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print a shell's completions of this command line
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct GatewayArgs {
    #[command(subcommand)]
    pub command: Option<GatewayCommand>,
    #[command(flatten)]
    pub setup: Setup,
    /// Replace the gateway that runs on the same data folder without failing a request; start as usual where none runs
    #[arg(long)]
    pub takeover: bool,
}

/// Where a gateway is, and what it may do.
#[derive(Debug, Args)]
pub struct Setup {
    /// The configuration file; flags and environment variables win over it
    #[arg(long, value_name = "FILE", env = "TITAN_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Where services are served; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "TITAN_LISTEN", hide_env_values = true)]
    pub listen: Option<SocketAddr>,
    /// Where the admin API is served; on anything but loopback it asks for a token [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS", env = "TITAN_ADMIN", hide_env_values = true)]
    pub admin: Option<SocketAddr>,
    /// Where versions and routes are kept [default: titan in the user's data folder]
    #[arg(long, value_name = "DIR", env = "TITAN_DATA", hide_env_values = true)]
    pub data: Option<PathBuf>,
    /// Where compiled engines are kept [default: titan in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "TITAN_CACHE", hide_env_values = true)]
    pub cache: Option<PathBuf>,
    /// Ask for a token on loopback too
    #[arg(long)]
    pub require_token: bool,
    /// Where traces are sent by OTLP over HTTP; without it none are made
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
    /// PEM file of the certificate of both listeners, followed by those that vouch for it; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// PEM file of a public key; with any, only bundles that one of them signed are taken and served
    #[arg(long = "trusted-key", value_name = "FILE")]
    pub trusted_keys: Vec<PathBuf>,
    /// How the gateway's own log on stderr is written [default: text]
    #[arg(long, value_name = "FORMAT", env = "TITAN_LOG_FORMAT", hide_env_values = true)]
    pub log_format: Option<LogFormat>,
    /// What is logged there: a level, or levels by part, as in 'titan_gateway=debug' [default: warn,titan=info]
    #[arg(long, value_name = "LEVEL", env = "TITAN_LOG", hide_env_values = true)]
    pub log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Write everything a gateway keeps to a file, while it serves
    Backup {
        /// The file to write
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Make the data folder of a gateway from a backup
    Restore {
        /// A file that 'titan gateway backup' wrote
        file: PathBuf,
        /// The folder to make; it must be missing or empty [default: titan in the user's data folder]
        #[arg(long, value_name = "DIR", env = "TITAN_DATA", hide_env_values = true)]
        data: Option<PathBuf>,
    },
}

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text an event
    #[default]
    Text,
    /// A line of JSON an event
    Json,
}

#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The .ipynb file
    pub notebook: PathBuf,
    /// The bundle to write [default: the service's name with .titan]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Sign the bundle with this private key, which 'titan keygen' made
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Args)]
pub struct DeployArgs {
    /// An .ipynb file, or a bundle that 'titan compile' wrote
    #[arg(value_name = "NOTEBOOK|BUNDLE")]
    pub source: PathBuf,
    /// Sign the bundle with this private key, which 'titan keygen' made
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub trial: Trial,
    #[command(flatten)]
    pub target: Target,
}

/// What a shadow cannot have.
const OF_CANARIES: [&str; 6] =
    ["canary", "sticky", "max_error_increase", "max_latency_increase", "window", "promote_after"];

/// How a new version is tried beside the active one before it takes its place.
#[derive(Debug, Args)]
pub struct Trial {
    /// Let the new version answer this share of the requests until it is promoted or aborted
    #[arg(long, value_name = "SHARE", value_parser = percentage, help_heading = "Trial")]
    pub canary: Option<f64>,
    /// Let the new version answer copies of the requests, and count how its answers differ; clients never see them
    #[arg(long, conflicts_with_all = OF_CANARIES, help_heading = "Trial")]
    pub shadow: bool,
    /// What keeps a client on its side of a canary: cookie, none, or header:NAME
    #[arg(long, value_name = "HOW", default_value_t = Sticky::Cookie, requires = "canary", help_heading = "Trial")]
    pub sticky: Sticky,
    /// Abort a canary whose rate of errors is higher than the active version's by more than this
    #[arg(long, value_name = "POINTS", default_value = "1%", value_parser = percentage, requires = "canary", help_heading = "Trial")]
    pub max_error_increase: f64,
    /// Abort a canary whose 95th percentile of latency is higher than the active version's by more than this part
    #[arg(long, value_name = "PART", default_value = "25%", value_parser = percentage, requires = "canary", help_heading = "Trial")]
    pub max_latency_increase: f64,
    /// The time whose requests are judged together
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = milliseconds, requires = "canary", help_heading = "Trial")]
    pub window: u64,
    /// Promote a canary that has kept its margins for this long [default: leave that to 'titan promote']
    #[arg(long, value_name = "TIME", value_parser = milliseconds, requires = "canary", help_heading = "Trial")]
    pub promote_after: Option<u64>,
}

impl Trial {
    /// None for a version that becomes active at once.
    pub fn kind(&self) -> Option<Kind> {
        let canary = |share| trial::Canary {
            share,
            sticky: self.sticky.clone(),
            max_error_increase: self.max_error_increase,
            max_latency_increase: self.max_latency_increase,
            window_ms: self.window,
            promote_after_ms: self.promote_after,
        };
        self.canary.map(|share| Kind::Canary(canary(share))).or_else(|| self.shadow.then_some(Kind::Shadow))
    }
}

#[derive(Debug, Args)]
pub struct TrialArgs {
    /// The service [default: the only one there is]
    #[arg(value_parser = service_name)]
    pub service: Option<String>,
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
pub struct LogsArgs {
    /// The service
    #[arg(value_parser = service_name)]
    pub service: String,
    /// Stay, and show lines as they are written
    #[arg(short, long)]
    pub follow: bool,
    /// Only lines of this version
    #[arg(long, value_name = "VERSION", value_parser = version_name)]
    pub version: Option<String>,
    /// How many of the last lines
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    pub lines: u32,
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

#[derive(Debug, Args)]
pub struct PruneArgs {
    /// The service [default: every one]
    #[arg(value_parser = service_name)]
    pub service: Option<String>,
    /// How many of the newest versions of a service to keep
    #[arg(long, value_name = "COUNT")]
    pub keep: usize,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub setup: Setup,
    #[command(flatten)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write titan.1, titan-deploy.1, ... to
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
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
    /// PEM file of the authority that vouches for the gateway's certificate
    #[arg(long, value_name = "FILE", env = "TITAN_CA", hide_env_values = true)]
    pub ca: Option<PathBuf>,
}

impl Target {
    /// A client with what opens this gateway: the token in the variable `TITAN_TOKEN`, or else what `titan login` keeps.
    pub fn client(&self) -> anyhow::Result<Client> {
        let mut credentials = match std::env::var("TITAN_TOKEN") {
            Ok(token) if !token.is_empty() => Credentials { token: Some(token), ca: None },
            _ => Remembered::read()?.get(&self.url),
        };
        credentials.ca = read_ca(self.ca.as_deref())?.or(credentials.ca);
        Ok(Client::with(&self.url, credentials)?)
    }
}

/// The text of the file that `--ca` names.
pub fn read_ca(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    let read = |file: &Path| {
        fs::read_to_string(file)
            .map_err(|cause| anyhow!("{} cannot be read ({cause}): check --ca or TITAN_CA", file.display()))
    };
    file.map(read).transpose()
}

/// How a list is printed.
#[derive(Debug, Args)]
pub struct Format {
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

fn service_name(text: &str) -> Result<String, &'static str> {
    let rule = "use 1 to 63 of a-z, 0-9, '-', '_' and '.', beginning with a letter or a digit";
    if is_service_name(text) { Ok(text.into()) } else { Err(rule) }
}

fn version_name(text: &str) -> Result<String, &'static str> {
    if is_version_name(text) { Ok(text.into()) } else { Err("write it as 'titan versions' does: v1, v2, ...") }
}

/// A part of a whole, given in percent.
fn percentage(text: &str) -> Result<f64, &'static str> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    percent.filter(|percent| percent.is_finite()).map(|percent| percent / 100.0).ok_or("write it as in 10%")
}

fn milliseconds(text: &str) -> Result<u64, &'static str> {
    let time = humantime::parse_duration(text).ok().and_then(|time| u64::try_from(time.as_millis()).ok());
    time.ok_or("write it as in 90s, 10m or 1h 30m")
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
    #[test]
    fn a_trial_has_defaults_that_only_a_canary_changes() {
        let parse = |arguments: &[&str]| Cli::try_parse_from([&["titan", "deploy", "x.ipynb"], arguments].concat());
        let kind = |arguments: &[&str]| match parse(arguments).unwrap().command {
            Command::Deploy(args) => args.trial.kind(),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(&[]), None);
        assert_eq!(kind(&["--shadow"]), Some(Kind::Shadow));
        assert_eq!(kind(&["--canary", "10%"]), Some(Kind::Canary(trial::Canary::of(0.1))));
        let given = ["--canary", "2.5%", "--sticky", "header:X-User", "--max-error-increase", "0.5%"];
        let more = ["--max-latency-increase", "50%", "--window", "1m 30s", "--promote-after", "1h"];
        assert_eq!(
            kind(&[given, more].concat()),
            Some(Kind::Canary(trial::Canary {
                share: 0.025,
                sticky: Sticky::Header("x-user".into()),
                max_error_increase: 0.005,
                max_latency_increase: 0.5,
                window_ms: 90_000,
                promote_after_ms: Some(3_600_000),
            }))
        );
        for wrong in [
            &["--canary", "10"][..],
            &["--canary", "x%"],
            &["--canary", "10%", "--shadow"],
            &["--window", "1m"],
            &["--shadow", "--sticky", "none"],
            &["--canary", "10%", "--window", "soon"],
            &["--canary", "10%", "--sticky", "header:"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}
