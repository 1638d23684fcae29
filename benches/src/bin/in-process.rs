//! What a prediction costs without HTTP: tract alone for batches of 1 and 64, and the handler in a reused and in a fresh instance.
//! Prints distributions in microseconds as one line of JSON. Beside criterion's benchmark, since the comparison needs percentiles,
//! and rounds that alternate with other programs.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::Map;
use titan_benches::subject::Subject;
use titan_load::latency;
use titan_sdk::budget::Budget;
use titan_sdk::bundle::Bundle;
use titan_sdk::host::Instance;
use titan_sdk::inference::{Deadline, Graph, NamedTensor, RawTensor, TensorType};
use titan_sdk::manifest;
use tokio::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(60);
const BATCHES: [u32; 2] = [1, 64];

/// Times predictions of a bundle without HTTP.
#[derive(Parser)]
struct Arguments {
    /// A bundle with one model and the endpoint POST /prediction
    bundle: PathBuf,
    /// A file with the JSON body of a request
    body: PathBuf,
    /// How long each row is measured
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// Repeats `run`, which says how long it took, for as long as asked and a quarter of that before.
fn timed(seconds: f64, mut run: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<serde_json::Value> {
    let mut histogram = latency::histogram()?;
    let start = Instant::now() + Duration::from_secs_f64(seconds / 4.0);
    let end = start + Duration::from_secs_f64(seconds);
    loop {
        let begin = Instant::now();
        let took = run()?;
        if begin >= end {
            return Ok(latency::summary(&histogram));
        }
        if begin >= start {
            latency::record(&mut histogram, took);
        }
    }
}

/// Ones in the shape of the model's input, which has one open dimension at most.
fn tensor(input: &manifest::Tensor, batch: u32) -> anyhow::Result<NamedTensor> {
    let dimensions: Vec<u32> = input.shape.iter().map(|size| size.parse().unwrap_or(batch)).collect();
    let count = dimensions.iter().map(|&size| size as usize).product();
    let (ty, one) = match input.element.as_str() {
        "F32" => (TensorType::Fp32, 1f32.to_le_bytes()),
        "I32" => (TensorType::I32, 1i32.to_le_bytes()),
        other => anyhow::bail!("the model's input is of {other}: only F32 and I32 are timed"),
    };
    let tensor = RawTensor { dimensions, ty, data: one.repeat(count) };
    Ok(NamedTensor { name: input.name.clone(), tensor })
}

fn predict(runtime: &Runtime, subject: &Subject, instance: &mut Instance) -> anyhow::Result<()> {
    let answer = runtime.block_on(instance.call(subject.prediction, &subject.request, LIMIT))?;
    let answer = answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    ensure!(answer.status == 200, "the handler answers {}", answer.status);
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bundle = Bundle::read(File::open(&arguments.bundle).context("the bundle cannot be read")?, u64::MAX)?;
    let body = fs::read_to_string(&arguments.body).context("the body cannot be read")?;
    let seconds = arguments.seconds;
    let mut report = Map::new();

    let graph = Graph::load(bundle.models.first().context("the bundle has no model")?)?;
    let input = graph.shapes().inputs.first().context("the model has no input")?;
    for batch in BATCHES {
        let (budget, deadline) = (Arc::new(Budget::new(u64::MAX)), Deadline::default());
        let took = timed(seconds, || {
            let inputs = vec![tensor(input, batch)?];
            let start = Instant::now();
            graph.run(inputs, &budget, &deadline)?;
            Ok(start.elapsed())
        })?;
        report.insert(format!("tract, batch {batch}"), took);
    }

    let subject = Subject::of(&bundle, &body)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let made = || runtime.block_on(subject.program.instantiate(subject.limits.clone()));
    let mut instance = made()?;
    let took = timed(seconds, || {
        let start = Instant::now();
        predict(&runtime, &subject, &mut instance)?;
        Ok(start.elapsed())
    })?;
    report.insert("handler, reused instance".into(), took);
    let took = timed(seconds, || {
        let mut instance = made()?;
        let start = Instant::now();
        predict(&runtime, &subject, &mut instance)?;
        Ok(start.elapsed())
    })?;
    report.insert("handler, fresh instance: call".into(), took);
    let took = timed(seconds, || {
        let start = Instant::now();
        predict(&runtime, &subject, &mut made()?)?;
        Ok(start.elapsed())
    })?;
    report.insert("handler, fresh instance: made, called, dropped".into(), took);
    println!("{}", serde_json::Value::Object(report));
    Ok(())
}
