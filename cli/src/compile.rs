//! `titan compile`: a notebook becomes a bundle in a file.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{anyhow, ensure};
use bytesize::ByteSize;
use titan_compiler::compile::{Compiled, compile};
use titan_compiler::freeze::StateChoice;
use titan_compiler::options::Options;
use titan_compiler::progress::{Progress, Stage};
use titan_sdk::bundle::Bundle;
use titan_sdk::manifest::{Endpoint, Manifest, State};

use crate::args::{CompileArgs, Overrides};
use crate::keygen;
use crate::progress::Bars;
use crate::signals::interrupt_on_signal;

pub fn run(args: &CompileArgs) -> anyhow::Result<()> {
    if let Some(file) = &args.output {
        // Found out before the notebook runs for minutes.
        ensure!(folder(file).is_dir(), "{} cannot be written (it has no folder): create it first", file.display());
    }
    let key = args.sign.as_deref().map(keygen::read).transpose()?;
    let mut compiled = notebook(&args.notebook, &args.overrides, &Bars::new())?;
    if let Some(key) = &key {
        compiled.bundle.sign(key)?;
    }
    let service = &compiled.bundle.manifest.service;
    let file = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{service}.titan")));
    let bytes = write(&compiled.bundle, &file)
        .map_err(|cause| anyhow!("{} cannot be written ({cause}): choose another file with -o", file.display()))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", frozen(&compiled))?;
    writeln!(out, "{}", state(&compiled.state))?;
    for line in &compiled.batch {
        writeln!(out, "{line}")?;
    }
    for line in endpoints(&compiled.bundle.manifest, "") {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "compiled {service} to {} ({})", file.display(), size(bytes))?;
    writeln!(out, "{}", timing(&compiled.stages))?;
    Ok(())
}

/// Compiles the notebook in `path`; a signal interrupts it.
pub fn notebook(path: &Path, overrides: &Overrides, progress: &dyn Progress) -> anyhow::Result<Compiled> {
    let options = Options {
        image: overrides.image.clone(),
        name: overrides.name.clone(),
        verify: !overrides.no_verify,
        interrupt: interrupt_on_signal()?,
        ..Options::default()
    };
    let compiled = compile(path, &options, progress)?;
    // What follows cannot be interrupted half-way.
    options.interrupt.check()?;
    Ok(compiled)
}

/// Writes the bundle under its final name at once, and gives its size.
fn write(bundle: &Bundle, file: &Path) -> io::Result<u64> {
    // As any new file: the umask takes away what it should.
    let mut temporary =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder(file))?;
    bundle.write(BufWriter::new(temporary.as_file_mut()))?;
    let bytes = temporary.as_file().metadata()?.len();
    temporary.persist(file)?;
    Ok(bytes)
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// One line on what travels from the notebook to its endpoints.
pub fn frozen(compiled: &Compiled) -> String {
    let names: Vec<_> = compiled.captured.iter().map(|variable| variable.name.as_str()).collect();
    let names = if names.is_empty() { "no variables".into() } else { names.join(", ") };
    let bytes = compiled.captured.iter().map(|variable| variable.bytes).sum();
    format!("frozen {names} ({}) in Python {}", size(bytes), compiled.python)
}

/// One line on how state lives between requests.
pub fn state(choice: &StateChoice) -> String {
    let (mode, effect) = match choice.mode {
        State::Kernel => ("kernel", "requests are answered one at a time"),
        State::Reuse => ("reuse", "requests are answered side by side"),
        State::Fresh => ("fresh", "every request finds the state as it was deployed"),
    };
    format!("state: {mode}, because {}: {effect}", choice.why)
}

/// One line an endpoint: method, path below `base`, and how it compared with the notebook, where that is known.
pub fn endpoints(manifest: &Manifest, base: &str) -> Vec<String> {
    let line = |endpoint: &Endpoint| {
        let line = format!("{:6} {base}{}", endpoint.method, endpoint.path);
        match manifest.parity.iter().find(|parity| parity.endpoint == endpoint.name) {
            Some(parity) => format!("{line}  {}", parity.outcome),
            None => line,
        }
    };
    manifest.endpoints.iter().map(line).collect()
}

/// One line on how long each stage took.
pub fn timing(stages: &[(Stage, Duration)]) -> String {
    let each = stages.iter().map(|(stage, took)| format!("{stage} {:.0} ms", took.as_secs_f64() * 1000.0));
    format!("stages: {}", each.collect::<Vec<_>>().join(", "))
}

/// `9.1 MB`.
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}
