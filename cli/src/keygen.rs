//! `titan keygen`: a pair of keys to sign bundles with. And reading the private one, for the commands that sign.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use titan_sdk::signature::PrivateKey;

use crate::args::KeygenArgs;

pub fn run(args: &KeygenArgs) -> anyhow::Result<()> {
    let key = PrivateKey::generate()?;
    let (private, public) = (args.name.with_added_extension("key"), args.name.with_added_extension("pub"));
    create(&private, 0o600, &key.to_pem()?)?;
    create(&public, 0o644, &key.public().to_pem()?)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}  signs: 'titan deploy --sign {0}'; keep it secret", private.display())?;
    writeln!(out, "{}  tells what it signed: name it to a gateway as a trusted key", public.display())?;
    writeln!(out, "id {}", key.public().id())?;
    Ok(())
}

/// Reads the private key that `--sign` names.
pub fn read(file: &Path) -> anyhow::Result<PrivateKey> {
    let pem = fs::read_to_string(file)
        .map_err(|cause| anyhow!("{} cannot be read ({cause}): check --sign", file.display()))?;
    PrivateKey::from_pem(&pem).with_context(|| format!("{} cannot sign", file.display()))
}

/// A new file; one that exists may be a key that still matters.
fn create(file: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    made.and_then(|mut made| made.write_all(text.as_bytes()))
        .map_err(|cause| anyhow!("{} cannot be written ({cause}): choose another name", file.display()))
}
