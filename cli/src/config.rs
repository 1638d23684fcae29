//! The gateway's configuration: flags over environment variables over a TOML file over defaults, lowered once into
//! [`Options`] and how it logs. `packaging/titan.toml` documents every option of the file.
//!
//! A section is a struct here. An option is a field of it, a line in `packaging/titan.toml`, and nothing else: the tests say
//! so where one is missing.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use etcetera::BaseStrategy;
use serde::Deserialize;
use titan_gateway::Options;
use titan_gateway::http::tls::TlsFiles;

use crate::args::{LogFormat, Setup};
use crate::log;
use crate::units;

/// What a gateway is started with.
pub struct Config {
    pub options: Options,
    pub log: log::Log,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    listen: Listen,
    storage: Storage,
    #[serde(with = "Limits")]
    limits: titan_gateway::Limits,
    access: Access,
    telemetry: Telemetry,
    log: Log,
    tls: Tls,
    #[serde(with = "Cors")]
    cors: titan_gateway::http::cors::Cors,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Listen {
    services: SocketAddr,
    admin: SocketAddr,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Storage {
    data: Option<PathBuf>,
    cache: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Telemetry {
    otlp_endpoint: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Log {
    format: LogFormat,
    level: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Access {
    require_token: bool,
    trusted_keys: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tls {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    listeners: Listeners,
}

/// Which listeners speak TLS where there is a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Listeners {
    #[default]
    Both,
    Services,
    Admin,
}

/// [`titan_gateway::http::cors::Cors`] as the file spells it.
#[derive(Deserialize)]
#[serde(
    remote = "titan_gateway::http::cors::Cors",
    default = "titan_gateway::http::cors::Cors::default",
    deny_unknown_fields
)]
struct Cors {
    allowed_origins: Vec<String>,
    allowed_headers: Vec<String>,
    #[serde(deserialize_with = "units::duration")]
    max_age: Duration,
}

/// [`titan_gateway::Limits`] as the file spells them.
#[derive(Deserialize)]
#[serde(remote = "titan_gateway::Limits", default = "titan_gateway::Limits::default", deny_unknown_fields)]
struct Limits {
    #[serde(rename = "max_body", deserialize_with = "units::bytes")]
    max_body_bytes: u64,
    #[serde(rename = "max_bundle", deserialize_with = "units::bytes")]
    max_bundle_bytes: u64,
    #[serde(rename = "max_header", deserialize_with = "units::bytes")]
    max_header_bytes: u32,
    max_headers: usize,
    #[serde(deserialize_with = "units::duration")]
    handshake_timeout: Duration,
    #[serde(deserialize_with = "units::duration")]
    header_timeout: Duration,
    #[serde(deserialize_with = "units::duration")]
    body_timeout: Duration,
    #[serde(deserialize_with = "units::duration")]
    bundle_timeout: Duration,
    #[serde(deserialize_with = "units::duration")]
    write_timeout: Duration,
    max_connections: usize,
    max_streams: u32,
    max_resets: usize,
    #[serde(deserialize_with = "units::duration")]
    ping_interval: Duration,
    #[serde(deserialize_with = "units::duration")]
    ping_timeout: Duration,
    max_waiting: usize,
    max_instances: u32,
    #[serde(deserialize_with = "units::duration")]
    stop_timeout: Duration,
}

impl Default for Listen {
    fn default() -> Self {
        let Options { listen, admin, .. } = Options::default();
        Listen { services: listen, admin }
    }
}

impl Default for Log {
    fn default() -> Self {
        let log::Log { format, level } = log::Log::of_gateway();
        Log { format, level }
    }
}

/// What a gateway is started with.
///
/// # Errors
/// A file that cannot be read or is wrong; its error names file, line and key.
pub fn read(args: &Setup) -> anyhow::Result<Config> {
    let file = args.config.as_deref().map_or_else(|| Ok(File::default()), File::read)?;
    file.under(args)
}

impl File {
    fn read(path: &Path) -> anyhow::Result<File> {
        let text = fs::read_to_string(path)
            .map_err(|cause| anyhow!("{} cannot be read ({cause}): check --config", path.display()))?;
        let mut file = File::parse(&text).map_err(|problem| anyhow!("{}:{problem}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        // An absolute path stays as it is when it is joined.
        let File { storage, access, tls, .. } = &mut file;
        let paths = [&mut storage.data, &mut storage.cache, &mut tls.certificate, &mut tls.key];
        for path in paths.into_iter().flatten().chain(&mut access.trusted_keys) {
            *path = folder.join(&path);
        }
        Ok(file)
    }

    /// An error begins with the line's number.
    fn parse(text: &str) -> Result<File, String> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let (line, key) = place(text, at);
            format!("{line}: {key}{}", error.message().replace('\n', " "))
        })
    }

    /// Lays flags and environment variables, which clap has read alike, over the file.
    fn under(self, args: &Setup) -> anyhow::Result<Config> {
        let File { listen, storage, limits, mut access, telemetry, log, tls, cors } = self;
        let data = args.data.clone().or(storage.data).map_or_else(default_data, Ok)?;
        let cache = args.cache.clone().or(storage.cache);
        access.trusted_keys.extend(args.trusted_keys.iter().cloned());
        let certificate = args.tls_certificate.clone().or(tls.certificate);
        let key = args.tls_key.clone().or(tls.key);
        let files = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => bail!("TLS needs both a certificate and its key: set tls.certificate and tls.key"),
        };
        let options = Options {
            listen: args.listen.unwrap_or(listen.services),
            admin: args.admin.unwrap_or(listen.admin),
            data,
            cache: cache.map_or_else(|| Options::default().cache, |cache| cache.join("engines")),
            limits,
            require_token: args.require_token || access.require_token,
            otlp_endpoint: args.otlp_endpoint.clone().or(telemetry.otlp_endpoint),
            trusted_keys: access.trusted_keys,
            services_tls: files.clone().filter(|_| tls.listeners != Listeners::Admin),
            admin_tls: files.filter(|_| tls.listeners != Listeners::Services),
            cors,
        };
        let level = args.log_level.clone().filter(|level| !level.is_empty());
        let log = log::Log { format: args.log_format.unwrap_or(log.format), level: level.unwrap_or(log.level) };
        Ok(Config { options, log })
    }
}

/// The folder of versions and routes where none is named.
pub fn default_data() -> anyhow::Result<PathBuf> {
    let base = etcetera::choose_base_strategy().context("there is no home folder: name a folder with --data")?;
    Ok(base.data_dir().join("titan"))
}

/// Line number of the byte `at`, and the key that is set there: `limits.max_body: `, or nothing where none is.
fn place(text: &str, at: usize) -> (usize, String) {
    let before = text.get(..at).unwrap_or(text);
    let number = before.matches('\n').count();
    let header = |line: &str| Some(line.trim().strip_prefix('[')?.split(']').next()?.trim_matches('[').to_owned());
    let section = text.lines().take(number + 1).filter_map(header).last();
    let line = text.lines().nth(number).unwrap_or_default();
    let option = line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let key: Vec<_> = section.into_iter().chain(option).collect();
    let key = if key.is_empty() { String::new() } else { format!("{}: ", key.join(".")) };
    (number + 1, key)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    const EXAMPLE: &str = include_str!("../../packaging/titan.toml");

    fn args(arguments: &[&str]) -> Setup {
        let arguments =
            ["titan", "gateway", "--data", "d", "--cache", "c"].into_iter().chain(arguments.iter().copied());
        match Cli::parse_from(arguments).command {
            Command::Gateway(args) => args.setup,
            other => panic!("{other:?}"),
        }
    }

    /// The example with every option that it comments out.
    fn uncommented() -> String {
        EXAMPLE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n")
            .collect()
    }

    /// Names of what a table may hold, as the refusal of another name lists them; none where `table` is no table.
    fn options_of(table: &str) -> Vec<String> {
        let text = if table.is_empty() { "'?' = 1".into() } else { format!("[{table}]\n'?' = 1") };
        let refusal = File::parse(&text).unwrap_err();
        let Some((_, expected)) = refusal.split_once("unknown field `?`, expected") else { return Vec::new() };
        expected.split('`').skip(1).step_by(2).map(Into::into).collect()
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let shown = File::parse(EXAMPLE).unwrap().under(&args(&[])).unwrap();
        let expected = Options { data: "d".into(), cache: "c/engines".into(), ..Options::default() };
        assert_eq!((shown.options, shown.log), (expected, log::Log::of_gateway()));
    }

    #[test]
    fn the_example_shows_every_option() {
        File::parse(&uncommented()).unwrap();
        let table: toml::Table = uncommented().parse().unwrap();
        let sections = options_of("");
        assert!(sections.contains(&"limits".to_owned()), "{sections:?}");
        for section in sections {
            for option in options_of(&section) {
                let shown = table.get(&section).is_some_and(|section| section.get(&option).is_some());
                assert!(shown, "packaging/titan.toml lacks {section}.{option}");
            }
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file = || {
            File::parse("listen.services = '0.0.0.0:1'\nlisten.admin = '127.0.0.1:2'\n[limits]\nmax_body = '1kB'")
                .unwrap()
        };
        let Config { options, .. } = file().under(&args(&["--listen", "127.0.0.1:3"])).unwrap();
        assert_eq!((options.listen.port(), options.admin.port()), (3, 2));
        assert_eq!((options.limits.max_body_bytes, options.limits.max_waiting), (1000, 1024));
        let log = |arguments: &[&str]| {
            let file = File::parse("log.format = 'json'\nlog.level = 'debug'").unwrap();
            file.under(&args(arguments)).unwrap().log
        };
        let written = |format, level: &str| log::Log { format, level: level.into() };
        assert_eq!(log(&[]), written(LogFormat::Json, "debug"));
        assert_eq!(log(&["--log-format", "text"]), written(LogFormat::Text, "debug"));
        assert_eq!(log(&["--log-level", "error"]), written(LogFormat::Json, "error"));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("titan.toml");
        fs::write(&path, "[storage]\ndata = 'here'\ncache = '/there'").unwrap();
        let storage = File::read(&path).unwrap().storage;
        assert_eq!((storage.data, storage.cache), (Some(folder.path().join("here")), Some("/there".into())));
    }

    #[test]
    fn a_certificate_is_of_the_listeners_that_are_named() {
        let options = |listeners: &str| {
            let text = format!("[tls]\ncertificate = 'c'\nkey = 'k'\nlisteners = '{listeners}'");
            File::parse(&text).unwrap().under(&args(&[])).unwrap().options
        };
        let has_tls = |options: Options| (options.services_tls.is_some(), options.admin_tls.is_some());
        assert_eq!(has_tls(options("both")), (true, true));
        assert_eq!(has_tls(options("services")), (true, false));
        assert_eq!(has_tls(options("admin")), (false, true));
        let half = File::parse("tls.certificate = 'c'").unwrap().under(&args(&[])).err().unwrap();
        assert!(half.to_string().contains("tls.key"), "{half}");
    }

    #[test]
    fn errors_name_line_and_key() {
        for (text, parts) in [
            ("\n[limits]\nmax_boddy = '1'", ["3: limits.max_boddy: ", "unknown field", "`max_body`"]),
            ("[limits]\nmax_body = '1 apple'", ["2: limits.max_body: ", "1 apple", "16MiB"]),
            ("[limits]\nmax_header = '1TiB'", ["2: limits.max_header: ", "too large", "16MiB"]),
            ("[limits]\nbody_timeout = 'soon'", ["2: limits.body_timeout: ", "soon", "30s"]),
            ("[limits]\nmax_waiting = -1", ["2: limits.max_waiting: ", "-1", "usize"]),
            ("[log]\nformat = 'xml'", ["2: log.format: ", "xml", "`json`"]),
            ("[listen]\nadmin = 'here'", ["2: listen.admin: ", "socket address", ""]),
            ("[limit]\n", ["1: limit: ", "unknown field", "`limits`"]),
            ("[limits\n", ["1: limits: ", "", ""]),
        ] {
            let error = File::parse(text).unwrap_err();
            assert!(error.starts_with(parts[0]) && parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
