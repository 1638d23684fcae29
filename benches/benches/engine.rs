//! What happens once a machine, once a process and once a deploy: the engine's compilation and its cache, the heap image, and
//! loading a version. Prints one table: these take seconds or happen once, so criterion's sampling does not fit them.

use std::time::{Duration, Instant};

use anyhow::Context;
use titan_benches::subject;
use titan_compiler::snapshot::Snapshotter;
use titan_sdk::engine::Engine;
use titan_sdk::host::{Runtime, RuntimeOptions};

/// Median and range of `times` runs.
fn timed(times: usize, mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<(Duration, Duration, Duration)> {
    let mut took = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        run()?;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    Ok((took[took.len() / 2], took[0], took[took.len() - 1]))
}

fn show(what: &str, (median, low, high): (Duration, Duration, Duration)) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{what:42} {:10.2} ms   ({:.2} to {:.2})", ms(median), ms(low), ms(high));
}

fn main() -> anyhow::Result<()> {
    let bundle = subject::bundle()?;
    let engine = Engine::of_digest(&bundle.manifest.engine)
        .context("the example was compiled for another engine: run benches/run.sh")?;
    let cache = tempfile::tempdir()?;
    let options = RuntimeOptions { cache: cache.path().join("engines"), max_instances: 8, ..RuntimeOptions::default() };
    show("engine: compile, cache empty", timed(1, || Runtime::new(&options)?.ready(engine).map_err(Into::into))?);
    show("engine: load from the cache", timed(15, || Runtime::new(&options)?.ready(engine).map_err(Into::into))?);
    show(
        "engine: boot Python and numpy, cache empty",
        timed(1, || Snapshotter::new(engine, cache.path()).map(drop).map_err(Into::into))?,
    );
    show(
        "engine: read the booted heap",
        timed(15, || Snapshotter::new(engine, cache.path()).map(drop).map_err(Into::into))?,
    );

    let runtime = Runtime::new(&options)?;
    let load =
        || runtime.load_bytes(engine, &bundle.component, &bundle.manifest.endpoints).map(drop).map_err(Into::into);
    show("version: compile and load its component", timed(15, load)?);
    let mut packed = Vec::new();
    bundle.write(&mut packed)?;
    println!("{:42} {:10.2} MB", "version: component, most of it heap image", bundle.component.len() as f64 / 1e6);
    println!("{:42} {:10.2} MB", "version: bundle as it is uploaded", packed.len() as f64 / 1e6);
    Ok(())
}
