//! The runtime: wasmtime set up for Titan, with the engine compiled; and programs loaded into it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, Module, OptLevel, PoolingAllocationConfig};

use super::imports;
use super::instance::{CallError, Instance};
use super::limits::Limits;
use super::nn;
use super::precompiled;
use super::state::Host;
use crate::engine::{self, ENGINES};
use crate::manifest::Endpoint;

/// Stack for Wasm frames. Below 2 MiB runaway recursion in Python meets the end of the stack, a trap, before CPython's own
/// limit, a `RecursionError`; the rest is room for C code under a deep Python stack.
const WASM_STACK: usize = 4 << 20;
/// Stack of the fiber a guest runs on: Wasm frames, and host functions under them (tract among them).
const FIBER_STACK: usize = WASM_STACK + (2 << 20);
/// How often a guest gives its thread to other tasks.
const TICK: Duration = Duration::from_millis(5);

/// How a runtime is set up.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Where the compiled engine is kept.
    pub cache: PathBuf,
    /// Instances that may live at once, of all programs together. Address space is reserved for each, memory is not.
    pub max_instances: u32,
    /// Bytes of linear memory one instance may grow to, at most 4 GiB.
    pub max_memory: u64,
    /// Whether instances count their instructions, which slows them: for tests.
    pub counting: bool,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        let cache = engine::cache_dir().join("engines");
        RuntimeOptions { cache, max_instances: 1000, max_memory: 4 << 30, counting: false }
    }
}

/// Why a runtime or a program cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The embedded engine is broken.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// wasmtime refuses the settings, mostly for want of address space or a readable cache.
    #[error(
        "the Wasm runtime cannot start ({0}): check that {1} is writable and the address space is not limited (ulimit -v)"
    )]
    Start(String, PathBuf),
    /// The component is malformed, or asks for what the host does not offer.
    #[error("the component cannot be loaded ({0}): compile the notebook again with this titan")]
    Component(String),
}

/// wasmtime with the engine compiled. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    /// Titan's engines by their place in [`ENGINES`], each compiled when it is first needed.
    cores: Arc<[Mutex<Option<Module>>; ENGINES.len()]>,
    cache: PathBuf,
    /// Whether instances count their instructions.
    counting: bool,
}

impl Runtime {
    /// Sets wasmtime up. Engines are compiled, or mapped from the cache, when the first program needs them; [`Runtime::ready`]
    /// does it beforehand.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn new(options: &RuntimeOptions) -> Result<Runtime, HostError> {
        let start = |e: wasmtime::Error| HostError::Start(format!("{e:#}"), options.cache.clone());
        let engine = Engine::new(&config(options)).map_err(start)?;
        tick(&engine);
        Ok(Runtime { engine, cores: Arc::default(), cache: options.cache.clone(), counting: options.counting })
    }

    /// Compiles an engine, or maps it from the cache. Blocks: seconds the first time on a machine, milliseconds afterwards.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn ready(&self, engine: &engine::Engine) -> Result<(), HostError> {
        self.core(engine).map(drop)
    }

    /// Whether the cache has this engine compiled, so that [`Runtime::ready`] takes milliseconds.
    pub fn has(&self, engine: &engine::Engine) -> bool {
        precompiled::path(&self.engine, &self.cache, engine.digest()).exists()
    }

    fn core(&self, engine: &engine::Engine) -> Result<Module, HostError> {
        let index = ENGINES.iter().position(|known| known.digest() == engine.digest()).unwrap_or_default();
        // Held while it compiles, so that nobody else compiles it too.
        let mut core = self.cores[index].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(core) = &*core {
            return Ok(core.clone());
        }
        let code = || Ok(engine.parts().map_err(wasmtime::Error::new)?.code);
        let module = precompiled::module(&self.engine, &self.cache, engine.digest(), code);
        let module = module.map_err(|e| HostError::Start(format!("{e:#}"), self.cache.clone()))?;
        *core = Some(module.clone());
        Ok(module)
    }

    /// wasmtime's own engine, for callers that make components which are not programs.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A linker that offers what `sdk/wit/world.wit` names, and `engine`. No file system, no sockets.
    ///
    /// # Errors
    /// An engine that cannot be compiled.
    pub fn linker(&self, engine: &engine::Engine) -> wasmtime::Result<Linker<Host>> {
        let mut linker = Linker::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
        nn::add_to_linker(&mut linker)?;
        linker.root().module(engine::IMPORT, &self.core(engine).map_err(wasmtime::Error::new)?)?;
        Ok(linker)
    }

    /// Loads the component whose SHA-256 is `digest`. Its compiled form is kept in the folder `cache` under that digest;
    /// only where it is missing is `component` asked for the bytes. `engine` is the one it was made for, `endpoints` are its
    /// exports in the order of their indices. Blocks.
    ///
    /// # Errors
    /// A component that cannot be read, is malformed, imports what the host lacks, or does not export every endpoint.
    pub fn load<B: AsRef<[u8]>>(
        &self,
        engine: &engine::Engine,
        digest: &str,
        component: impl FnOnce() -> io::Result<B>,
        cache: &Path,
        endpoints: &[Endpoint],
    ) -> Result<Program, HostError> {
        let bytes = || component().map_err(wasmtime::Error::new);
        let component = precompiled::component(&self.engine, cache, digest, bytes)
            .map_err(|e| HostError::Component(format!("{e:#}")))?;
        self.program(engine, &component, endpoints)
    }

    /// As [`Runtime::load`], from bytes and without a trace on disk.
    ///
    /// # Errors
    /// As [`Runtime::load`].
    pub fn load_bytes(
        &self,
        engine: &engine::Engine,
        component: &[u8],
        endpoints: &[Endpoint],
    ) -> Result<Program, HostError> {
        let component = Component::new(&self.engine, component).map_err(|e| HostError::Component(format!("{e:#}")))?;
        self.program(engine, &component, endpoints)
    }

    fn program(
        &self,
        engine: &engine::Engine,
        component: &Component,
        endpoints: &[Endpoint],
    ) -> Result<Program, HostError> {
        let refuse = |e: wasmtime::Error| HostError::Component(format!("{e:#}"));
        imports::check(&self.engine, component).map_err(HostError::Component)?;
        let pre = self.linker(engine).and_then(|linker| linker.instantiate_pre(component)).map_err(refuse)?;
        let export = |endpoint: &Endpoint| {
            component
                .get_export_index(None, &endpoint.name)
                .ok_or_else(|| HostError::Component(format!("it does not export {:?}", endpoint.name)))
        };
        let exports = endpoints.iter().map(export).collect::<Result<_, _>>()?;
        Ok(Program { pre, exports, counting: self.counting })
    }
}

/// One version's component, ready to be instantiated. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pub(super) pre: InstancePre<Host>,
    /// In the order of endpoint indices.
    pub(super) exports: Arc<[ComponentExportIndex]>,
    /// Whether instances count their instructions.
    pub(super) counting: bool,
}

impl Program {
    /// Makes a new instance, whose memory is the heap image.
    ///
    /// # Errors
    /// [`CallError::OutOfMemory`] when the budget does not allow another instance, [`CallError::Full`] when the runtime does
    /// not.
    pub async fn instantiate(&self, limits: Limits) -> Result<Instance, CallError> {
        Instance::new(self, limits).await
    }
}

fn config(options: &RuntimeOptions) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    let instances = options.max_instances;
    pool.total_component_instances(instances)
        // The engine, the heap, the trampolines and the glue.
        .total_core_instances(instances.saturating_mul(4))
        .max_core_instances_per_component(4)
        .total_memories(instances)
        .max_memories_per_component(1)
        // The engine's function table, and the trampolines' one slot.
        .total_tables(instances.saturating_mul(2))
        .max_tables_per_component(2)
        .table_elements(40_000)
        .total_stacks(instances)
        // Slots that no instance is in, but which keep pages of their last one for the next of its program.
        .max_unused_warm_slots(available_parallelism().map_or(1, |cores| cores.get() as u32 * 2))
        .max_memory_size(usize::try_from(options.max_memory).unwrap_or(usize::MAX))
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        // Pages an instance has written are restored in place by copying instead of being given back to the kernel and
        // faulted in again: measured 1.7 times faster for a fresh instance. Few handlers write more than this, and what a slot
        // keeps counts for no version.
        .linear_memory_keep_resident(8 << 20)
        // The engine's function table, filled in as functions are first called by it.
        .table_keep_resident(1 << 20)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .cranelift_opt_level(OptLevel::Speed)
        // A heap image is mapped copy-on-write whatever its size; beyond this default limit it would be copied into each instance.
        .memory_guaranteed_dense_image_size(options.max_memory)
        .epoch_interruption(true)
        .consume_fuel(options.counting)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK);
    config
}

/// Advances the epoch until the engine is gone.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    let ticker = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::park_timeout(TICK);
        }
    };
    let spawned = std::thread::Builder::new().name("titan-epoch".into()).spawn(ticker);
    // Without the thread guests would never yield and no timeout would hold: better not to start.
    spawned.expect("the operating system refuses a thread");
}
