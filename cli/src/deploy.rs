//! `titan deploy`: a notebook or a bundle becomes the next version of its service.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use titan_compiler::notebook::service_name;
use titan_compiler::progress::{Progress, Stage};
use titan_sdk::api::{Deployed, VersionState};
use titan_sdk::bundle::Bundle;
use titan_sdk::engine::ENGINES;
use titan_sdk::manifest::Manifest;
use titan_sdk::signature::PrivateKey;
use titan_sdk::trial::Kind;

use crate::args::DeployArgs;
use crate::compile::{self, timing};
use crate::deployer;
use crate::keygen;
use crate::progress::Bars;

/// A bundle is a zstd frame and begins with its magic number; no notebook does.
const BUNDLE_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A bundle on its way.
struct Upload {
    manifest: Manifest,
    bytes: Vec<u8>,
    /// What its notebook's endpoints reach and how its state lives, when it was compiled just now.
    frozen: Option<String>,
    stages: Vec<(Stage, Duration)>,
}

pub fn run(args: &DeployArgs) -> anyhow::Result<()> {
    let (client, progress, trial) =
        (args.target.client()?.deploying_as(deployer::name()), Bars::new(), args.trial.kind());
    if let Some(Kind::Canary(canary)) = &trial {
        canary.check()?;
    }
    let bundle = read_bundle(&args.source)
        .map_err(|cause| anyhow!("{} cannot be read ({cause}): check the path", args.source.display()))?;
    let bundle = bundle.map(|bytes| check(args, &bytes).map(|bundle| (bundle, bytes))).transpose()?;
    let key = args.sign.as_deref().map(keygen::read).transpose()?;
    // Asked before a notebook runs for minutes in vain.
    let gateway = client.gateway()?;
    let signed = bundle.as_ref().is_some_and(|(bundle, _)| bundle.signed.is_some() && args.overrides.name.is_none());
    ensure!(
        !gateway.signed_only || key.is_some() || signed,
        "the gateway at {} takes signed bundles only: give --sign with a key it trusts",
        args.target.url
    );
    let upload = match bundle {
        Some((bundle, bytes)) => {
            ensure!(
                gateway.engines.contains(&bundle.manifest.engine),
                "{} was compiled for another engine than the gateway's: compile the notebook again with titan {}",
                args.source.display(),
                gateway.version
            );
            packed(args, bundle, bytes, key.as_ref())?
        }
        None => {
            ensure!(
                ENGINES.iter().all(|engine| gateway.engines.iter().any(|digest| digest == engine.digest())),
                "this titan compiles for another engine than that of the gateway at {}: use titan {} as it does",
                args.target.url,
                gateway.version
            );
            let service = service_name(&args.source, args.overrides.name.as_deref())?;
            let known = client.services()?.into_iter().find(|known| known.name == service);
            if let Some(candidate) = known.as_ref().and_then(|known| known.candidate.as_deref()) {
                bail!(
                    "{service:?} {candidate} is on trial: 'titan promote {service}' or 'titan abort {service}' first"
                );
            }
            ensure!(
                trial.is_none() || known.is_some(),
                "{service:?} has no version that answers, to try another beside: deploy without --canary and --shadow"
            );
            compiled(args, &progress, key.as_ref())?
        }
    };
    progress.start(Stage::Upload);
    let since = Instant::now();
    let service = &upload.manifest.service;
    let deployed = match &trial {
        None => client.deploy(service, &upload.bytes),
        Some(kind) => client.try_out(service, &upload.bytes, kind),
    };
    let took = since.elapsed();
    progress.finish(Stage::Upload, took);
    let deployed = deployed?;

    let mut out = io::stdout().lock();
    if let Some(frozen) = upload.frozen {
        writeln!(out, "{frozen}")?;
    }
    for line in compile::endpoints(&upload.manifest, &format!("/{}", deployed.service)) {
        writeln!(out, "{line}")?;
    }
    let Deployed { service, version, state, .. } = deployed;
    match state {
        VersionState::Canary | VersionState::Shadow => {
            writeln!(
                out,
                "deployed {service} {version} as a {state}: 'titan promote {service}' or 'titan abort {service}' ends its trial"
            )?;
        }
        _ => writeln!(out, "deployed {service} {version}")?,
    }
    let mut stages = upload.stages;
    stages.push((Stage::Upload, took));
    writeln!(out, "{}", timing(&stages))?;
    Ok(())
}

/// The file's content if it is a bundle, and nothing if it may be a notebook.
fn read_bundle(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    (&mut file).take(BUNDLE_MAGIC.len() as u64).read_to_end(&mut bytes)?;
    if bytes != BUNDLE_MAGIC {
        return Ok(None);
    }
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Reads and verifies a bundle.
fn check(args: &DeployArgs, bytes: &[u8]) -> anyhow::Result<Bundle> {
    let source = args.source.display();
    for (flag, given) in [("--image", args.overrides.image.is_some()), ("--no-verify", args.overrides.no_verify)] {
        if given {
            bail!("{source} is a bundle, already compiled: give {flag} with a notebook");
        }
    }
    Bundle::read(bytes, u64::MAX).with_context(|| source.to_string())
}

fn packed(
    args: &DeployArgs,
    mut bundle: Bundle,
    mut bytes: Vec<u8>,
    key: Option<&PrivateKey>,
) -> anyhow::Result<Upload> {
    if let Some(name) = &args.overrides.name {
        bundle.manifest.service.clone_from(name);
        // It was given for the other name.
        bundle.signed = None;
    }
    if args.overrides.name.is_some() || key.is_some() {
        bytes = pack(&mut bundle, key)?;
    }
    Ok(Upload { manifest: bundle.manifest, bytes, frozen: None, stages: Vec::new() })
}

fn compiled(args: &DeployArgs, progress: &Bars, key: Option<&PrivateKey>) -> anyhow::Result<Upload> {
    let mut compiled = compile::notebook(&args.source, &args.overrides, progress)?;
    let mut frozen = format!("{}\n{}", compile::frozen(&compiled), compile::state(&compiled.state));
    for line in &compiled.batch {
        frozen = format!("{frozen}\n{line}");
    }
    let bytes = pack(&mut compiled.bundle, key)?;
    Ok(Upload { manifest: compiled.bundle.manifest, bytes, frozen: Some(frozen), stages: compiled.stages })
}

fn pack(bundle: &mut Bundle, key: Option<&PrivateKey>) -> anyhow::Result<Vec<u8>> {
    if let Some(key) = key {
        bundle.sign(key)?;
    }
    let mut bytes = Vec::new();
    bundle.write(&mut bytes)?;
    Ok(bytes)
}
