//! The pipeline: every step from a notebook's file to its bundle, in order.
//!
//! This module knows the order of the steps and what flows between them; how each is done is its own module's affair.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use titan_sdk::bundle::{Bundle, part};
use titan_sdk::engine::{ENGINES, Engine};
use titan_sdk::manifest::{Config, FORMAT, Manifest, Model, State};

use crate::component::Role;
use crate::environment;
use crate::error::CompileError;
use crate::freeze::{self, Captured, Frozen, FrozenModel, StateChoice};
use crate::interrupt::Interrupt;
use crate::models;
use crate::notebook::Notebook;
use crate::options::Options;
use crate::parity::{self, Subject};
use crate::progress::{Clock, Progress, Stage};
use crate::snapshot::{SnapshotError, Snapshotter};

/// How often a compile that waits for the engine asks whether it is to stop.
const TICK: Duration = Duration::from_millis(50);

/// A bundle and how it came about.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Ready to be written or uploaded.
    pub bundle: Bundle,
    /// How state lives between requests, as in the manifest, and why.
    pub state: StateChoice,
    /// What comes of `batch` in the config cell, a line a model; nothing without it.
    pub batch: Vec<String>,
    /// The variables the endpoints reach.
    pub captured: Vec<Captured>,
    /// The Python the notebook ran in: `3.11.7`.
    pub python: String,
    /// Every stage with its duration, in order.
    pub stages: Vec<(Stage, Duration)>,
}

/// Compiles the notebook in the file `path`. Blocks for as long as the notebook runs.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(path: &Path, options: &Options, progress: &dyn Progress) -> Result<Compiled, CompileError> {
    let notebook = Notebook::read(path, options)?;
    let mut clock = Clock::new(progress);
    let environment = environment::prepare(&notebook, options, &mut clock)?;
    // Booting the engine takes a second, a minute the first time on a machine: that passes while the notebook runs.
    // The smallest engine does for most notebooks; which one it takes is known when it has run.
    let mut booting = (&ENGINES[0], boot(&ENGINES[0], options.cache.clone())?);
    let Frozen { engine, state, models, choice, answers, captured, python } =
        freeze::freeze(&notebook, &environment, options.verify, &options.interrupt, &mut clock)?;

    clock.begin(Stage::Heap);
    let graphs = models::load(&models, options.verify.then_some(notebook.settings.config.memory))?;
    if engine.name != booting.0.name {
        booting = (engine, boot(engine, options.cache.clone())?);
    }
    let snapshotter = booted(&booting.1, &options.interrupt, progress)?;
    let choice = settled(notebook.settings.state, choice);
    let memory = notebook.settings.config.memory;
    let heap = snapshotter.freeze(&state, graphs.clone(), choice.mode, memory, &options.interrupt);
    let heap = heap.map_err(|error| with_largest(error, &captured, &notebook))?;

    clock.begin(Stage::Component);
    options.interrupt.check()?;
    let mut endpoints: Vec<_> = notebook.endpoints.iter().map(|endpoint| endpoint.manifest()).collect();
    for endpoint in &mut endpoints {
        endpoint.example = parity::example(endpoint, &answers);
    }
    let component = snapshotter.encoder().encode(&heap, Role::Version(&endpoints))?;
    let entry = |model: &FrozenModel| Model {
        name: model.name.clone(),
        part: part(&format!("models/{}.onnx", model.name), &model.onnx),
        shapes: graphs[&model.name].shapes().clone(),
    };
    let config = Config { state: choice.mode, ..notebook.settings.config };
    let batch = config.batch.map(|batch| models::joined(&models, &graphs, batch, memory)).unwrap_or_default();

    clock.begin(Stage::Verify);
    let subject = Subject {
        runtime: snapshotter.runtime(),
        engine,
        component: &component,
        endpoints: &endpoints,
        graphs: graphs.clone(),
        config: &config,
    };
    let findings = parity::check(&subject, &answers, &options.interrupt)?;
    if options.verify {
        parity::refuse_differences(&findings, &endpoints)?;
    }

    let manifest = Manifest {
        format: FORMAT,
        service: notebook.service,
        endpoints,
        config,
        engine: engine.digest().into(),
        component: part("component.wasm", &component),
        models: models.iter().map(entry).collect(),
        notebook: part("notebook.ipynb", &notebook.bytes),
        parity: findings.into_iter().map(|finding| finding.parity).collect(),
    };
    // A bundle that a gateway would refuse is not handed out.
    manifest.check()?;
    let models = models.into_iter().map(|model| model.onnx).collect();
    let bundle = Bundle { manifest, component, models, notebook: notebook.bytes, signed: None };
    Ok(Compiled { bundle, state: choice, batch, captured, python, stages: clock.stop() })
}

/// The notebook's own word on state, or what its code calls for.
fn settled(own: Option<State>, by_code: StateChoice) -> StateChoice {
    let Some(mode) = own else { return by_code };
    let mut why = "the config cell says so".to_owned();
    if by_code.mode == State::Kernel && mode != State::Kernel {
        why = format!("{why}, although {}", by_code.why);
    }
    StateChoice { mode, why }
}

/// Names what takes most of the memory, if that is what is short.
fn with_largest(error: SnapshotError, captured: &[Captured], notebook: &Notebook) -> SnapshotError {
    let SnapshotError::OutOfMemory { limit, .. } = error else { return error };
    let largest = captured.iter().max_by_key(|variable| variable.bytes).map(|variable| {
        let endpoint = notebook.endpoints.iter().find(|endpoint| endpoint.name == variable.endpoint);
        let user = endpoint.map(|e| format!(", which {} {} uses", e.method, e.path)).unwrap_or_default();
        format!(", of which variable {}{user}, takes {} bytes", variable.name, variable.bytes)
    });
    SnapshotError::OutOfMemory { limit, largest: largest.unwrap_or_default() }
}

type Booting = Receiver<Result<Snapshotter, SnapshotError>>;

/// Starts to boot `engine` on a thread of its own. A compile that fails leaves the thread behind: what it compiles and
/// boots is kept in the cache, for the next.
fn boot(engine: &'static Engine, cache: PathBuf) -> Result<Booting, CompileError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let boot = move || {
        // Nobody receives it when the compile has failed already.
        let _ = sender.send(Snapshotter::new(engine, &cache));
    };
    let spawned = thread::Builder::new().name("titan-boot".into()).spawn(boot);
    spawned.map_err(|e| SnapshotError::Engine(e.to_string()))?;
    Ok(receiver)
}

fn booted(booting: &Booting, interrupt: &Interrupt, progress: &dyn Progress) -> Result<Snapshotter, CompileError> {
    loop {
        interrupt.check()?;
        match booting.recv_timeout(TICK) {
            Ok(booted) => return Ok(booted?),
            Err(RecvTimeoutError::Timeout) => progress.advance(0, 0, "waiting for the engine"),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(SnapshotError::Engine("its boot ended without a result".into()).into());
            }
        }
    }
}
