//! Makes heap images: runs the engine once, in the same sandbox that serves, and keeps its memory.
//!
//! Starting CPython and numpy takes most of a second, loading a frozen state milliseconds. So the booted engine's heap, the same
//! for every notebook, is kept in the user's cache. This module knows the engine's life cycle; what the frozen state means is
//! between the two Python packages.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use titan_sdk::budget::Budget;
use titan_sdk::engine::Engine;
use titan_sdk::host::{Host, HostError, Limits, Runtime, RuntimeOptions};
use titan_sdk::inference::Graph;
use titan_sdk::manifest::State;
use wasmtime::component::{Component, Instance, WasmList};
use wasmtime::{Store, StoreContextMut};

use crate::component::{EncodeError, Encoder, Role, SNAPSHOT_HOST};
use crate::heap::{HeapImage, PAGE};
use crate::interrupt::Interrupt;

/// Flags of a state: to run the endpoints while the heap image is made, and that code is then to learn nothing more. What the
/// bytes of a state mean says `titan.state`.
const WARM: u8 = 1;
const STILL: u8 = 2;
/// How long the endpoints may run to warm the heap up. A handler that waits or computes longer is left cold.
const WARM_UP: Duration = Duration::from_secs(10);
/// Pages the warm-up may add to the heap: a handler that hoards must not make every instance larger. 16 MiB.
const WARM_GROWTH_PAGES: u64 = (16 << 20) / PAGE as u64;
/// How long anything else may take; reached only by an engine that hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why no heap image could be made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The component around the engine cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The runtime does not start.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The engine cannot answer from the frozen state. The text is Python's: cause and remedy.
    #[error("{0}")]
    State(String),
    /// The heap outgrew the version's memory.
    #[error(
        "the notebook's state does not fit in memory ({limit} bytes){largest}: raise 'memory' in the config cell, or freeze less data"
    )]
    OutOfMemory {
        /// The version's memory in bytes.
        limit: u64,
        /// A clause on what takes most of it, or nothing.
        largest: String,
    },
    /// The engine crashed or hung.
    #[error("the engine failed while the heap image was made ({0}): report this with the notebook")]
    Engine(String),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The cache folder cannot be written.
    #[error("{0} cannot be written ({1}): make it writable, or name another cache with TITAN_CACHE")]
    Cache(PathBuf, io::Error),
}

impl SnapshotError {
    /// As far as this module knows.
    pub(crate) fn out_of_memory(limit: u64) -> SnapshotError {
        SnapshotError::OutOfMemory { limit, largest: String::new() }
    }
}

/// The engine, ready to load frozen states.
pub struct Snapshotter {
    sandbox: Sandbox,
    encoder: Encoder,
    /// Around the booted heap.
    booted: Component,
}

impl Snapshotter {
    /// Sets the runtime up and boots `engine`, or reads the booted heap from `cache`. Blocks: up to a minute the first time
    /// on a machine, a fraction of a second afterwards.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn new(engine: &'static Engine, cache: &Path) -> Result<Snapshotter, SnapshotError> {
        let sandbox = Sandbox::new(engine, cache)?;
        let (encoder, start) = Encoder::new(engine)?;
        let file = cache.join("heaps").join(engine.digest());
        let heap = match fs::File::open(&file).and_then(|file| HeapImage::read(BufReader::new(file))) {
            Ok(heap) => heap,
            Err(_) => {
                let unbooted = sandbox.load(&encoder.encode(&start, Role::Snapshot)?)?;
                let (limits, never) = (Limits::unlimited(), Interrupt::never());
                let heap = sandbox.run(&unbooted, Step::Boot, &limits, PATIENCE, &never)?.image;
                keep(&file, &heap).map_err(|e| SnapshotError::Cache(file, e))?;
                heap
            }
        };
        let booted = sandbox.load(&encoder.encode(&heap, Role::Snapshot)?)?;
        Ok(Snapshotter { sandbox, encoder, booted })
    }

    /// The runtime that heap images are made on.
    pub fn runtime(&self) -> &Runtime {
        &self.sandbox.runtime
    }

    /// The encoder for components around the heap images made here.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Loads `state`, as `titan_freeze` wrote it, into the engine and keeps the heap. The endpoints are run once, with `graphs`
    /// behind their models, so that a new instance finds caches filled. `lifetime` is how long an instance lives: code goes on
    /// specialising itself where it is worth the pages that this writes. `memory` bounds the heap and the models' weights
    /// together, in bytes.
    ///
    /// # Errors
    /// A state that does not load or fit, or an interrupt.
    pub fn freeze(
        &self,
        state: &[u8],
        graphs: HashMap<String, Arc<Graph>>,
        lifetime: State,
        memory: u64,
        interrupt: &Interrupt,
    ) -> Result<HeapImage, SnapshotError> {
        let still = if lifetime == State::Fresh { STILL } else { 0 };
        let budget = Budget::new(memory);
        let weights = graphs.values().map(|graph| graph.weight_bytes()).sum();
        let _weights = budget.charge(weights).ok_or_else(|| SnapshotError::out_of_memory(memory))?;
        let limits = Limits { budget, graphs: Arc::new(graphs), ..Limits::unlimited() };
        // Run without the warm-up first, to compare: 50 ms on two shared cores.
        let cold =
            self.sandbox.run(&self.booted, Step::Freeze { state, flags: still }, &limits, PATIENCE, interrupt)?;
        // A handler may loop, crash or hoard. That is for its requests to show: the version deploys without the warm-up.
        match self.sandbox.run(&self.booted, Step::Freeze { state, flags: WARM | still }, &limits, WARM_UP, interrupt) {
            Ok(warm) if warm.refused => tracing::info!("the warm-up ran out of memory and is left out"),
            Ok(warm) if warm.image.pages > cold.image.pages + WARM_GROWTH_PAGES => {
                let (cold, warm) = (cold.image.pages, warm.image.pages);
                tracing::info!(cold, warm, "the warm-up grew the heap by too many pages and is left out");
            }
            Ok(warm) => return Ok(warm.image),
            Err(SnapshotError::Interrupted) => return Err(SnapshotError::Interrupted),
            Err(why) => tracing::info!(%why, "the warm-up failed and is left out"),
        }
        Ok(cold.image)
    }
}

/// Where the engine runs: the runtime that also serves, and a thread's worth of executor.
struct Sandbox {
    engine: &'static Engine,
    runtime: Runtime,
    executor: tokio::runtime::Runtime,
}

impl Sandbox {
    fn new(engine: &'static Engine, cache: &Path) -> Result<Sandbox, SnapshotError> {
        // One instance lives at a time; the second slot is for the one being dropped.
        let options = RuntimeOptions { cache: cache.join("engines"), max_instances: 2, ..RuntimeOptions::default() };
        let runtime = Runtime::new(&options)?;
        runtime.ready(engine)?;
        let executor = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let executor = executor.map_err(|e| SnapshotError::Engine(e.to_string()))?;
        Ok(Sandbox { engine, runtime, executor })
    }

    fn load(&self, component: &[u8]) -> Result<Component, SnapshotError> {
        let loaded = Component::new(self.runtime.engine(), component);
        loaded.map_err(|e| SnapshotError::Engine(format!("{e:#}")))
    }

    /// Makes an instance of `component`, runs the step, and keeps memory.
    fn run(
        &self,
        component: &Component,
        step: Step<'_>,
        limits: &Limits,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Kept, SnapshotError> {
        let mut store = Store::new(self.runtime.engine(), Host::new(limits.clone()));
        store.limiter(|host| host);
        store.epoch_deadline_async_yield_and_update(1);
        let kept = Arc::new(Mutex::new(None));
        let instantiate_and_run = async {
            let mut linker = self.runtime.linker(self.engine)?;
            let slot = Arc::clone(&kept);
            let receive = move |store: StoreContextMut<'_, Host>, (memory,): (WasmList<u8>,)| {
                let image = HeapImage::of_memory(memory.as_le_slice(&store));
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
                Ok(())
            };
            linker.instance(SNAPSHOT_HOST)?.func_wrap("keep", receive)?;
            let instance = linker.instantiate_async(&mut store, component).await?;
            call(&mut store, &instance, step).await
        };
        let outcome = self.executor.block_on(async {
            tokio::select! {
                outcome = tokio::time::timeout(patience, instantiate_and_run) => Ok(outcome),
                () = interrupt.asked() => Err(SnapshotError::Interrupted),
            }
        })?;
        let limit = limits.budget.limit();
        let refused = store.data().take_out_of_memory();
        match outcome {
            Ok(Ok(Ok(()))) => {}
            Ok(_) if refused => return Err(SnapshotError::out_of_memory(limit)),
            Ok(Ok(Err(python))) => return Err(step.failure(python)),
            Ok(Err(trap)) => return Err(SnapshotError::Engine(format!("{:#}", trap))),
            Err(_) => {
                return Err(SnapshotError::Engine(format!("it ran for more than {} seconds", patience.as_secs())));
            }
        }
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let image = kept.ok_or_else(|| SnapshotError::Engine("it kept no memory".into()))?;
        Ok(Kept { image, refused })
    }
}

/// What a run left behind.
struct Kept {
    image: HeapImage,
    /// Whether the guest was refused memory on the way, and coped.
    refused: bool,
}

/// What an engine is run for.
#[derive(Clone, Copy)]
enum Step<'a> {
    Boot,
    Freeze { state: &'a [u8], flags: u8 },
}

impl Step<'_> {
    fn failure(self, python: String) -> SnapshotError {
        match self {
            Step::Boot => SnapshotError::Engine(python),
            // What the engine itself found wrong; anything else is a fault in it.
            Step::Freeze { .. } => match python.strip_prefix("StateError: ") {
                Some(found) => SnapshotError::State(found.into()),
                None => SnapshotError::Engine(python),
            },
        }
    }
}

/// Runs the step and hands memory over. The inner error is Python's.
async fn call(store: &mut Store<Host>, instance: &Instance, step: Step<'_>) -> wasmtime::Result<Result<(), String>> {
    let (outcome,) = match step {
        Step::Boot => {
            let boot = instance.get_typed_func::<(), (Result<(), String>,)>(&mut *store, "boot")?;
            boot.call_async(&mut *store, ()).await?
        }
        Step::Freeze { state, flags } => {
            let freeze = instance.get_typed_func::<(&[u8],), (Result<(), String>,)>(&mut *store, "freeze")?;
            let input = [&[flags], state].concat();
            freeze.call_async(&mut *store, (&input,)).await?
        }
    };
    if outcome.is_ok() {
        instance.get_typed_func::<(), ()>(&mut *store, "keep")?.call_async(&mut *store, ()).await?;
    }
    Ok(outcome)
}

/// Writes the image under its final name at once, so that two compilers may run side by side.
fn keep(file: &Path, image: &HeapImage) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    {
        let mut buffered = io::BufWriter::new(temporary.as_file_mut());
        image.write(&mut buffered)?;
        buffered.flush()?;
    }
    temporary.persist(file)?;
    Ok(())
}
