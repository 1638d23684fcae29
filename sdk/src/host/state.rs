//! What the host keeps for one instance: its WASI context, its models, its memory charge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_nn::Registry;
use wasmtime_wasi_nn::wit::{WasiNnCtx, WasiNnView};

use super::limits::{Limits, Pace};
use super::log::LogStream;
use crate::budget::{Budget, Charge};
use crate::inference::{self, Deadline};

/// The engine's function table has about 20,000 entries and never grows.
const TABLE_ELEMENTS: usize = 200_000;

/// The store's data of one instance.
pub struct Host {
    wasi: WasiCtx,
    nn: WasiNnCtx,
    table: ResourceTable,
    budget: Arc<Budget>,
    /// Linear memory so far; none until the first memory is made.
    memory: Option<Charge>,
    /// Whether memory was refused since the call began. The guest may hide its failure, the host must not.
    out_of_memory: Arc<AtomicBool>,
    pub(super) pace: Arc<dyn Pace>,
    /// When the running call must have ended; models break off their work then.
    pub(super) deadline: Arc<Deadline>,
}

impl Host {
    /// The data of a new instance.
    pub fn new(limits: Limits) -> Host {
        let out_of_memory = Arc::new(AtomicBool::new(false));
        let deadline = Arc::default();
        let observer = &limits.inferences;
        let registry = inference::Registry::new(&limits.graphs, &limits.budget, &out_of_memory, &deadline, observer);
        // No arguments, environment, preopened folder or network: the builder's default is nothing.
        let wasi = WasiCtxBuilder::new().stderr(LogStream(limits.log)).build();
        Host {
            wasi,
            nn: WasiNnCtx::new([], Registry::from(registry)),
            table: ResourceTable::new(),
            budget: limits.budget,
            memory: None,
            out_of_memory,
            pace: limits.pace,
            deadline,
        }
    }

    pub(super) fn nn(&mut self) -> WasiNnView<'_> {
        WasiNnView::new(&mut self.table, &mut self.nn)
    }

    /// Whether memory was refused since this was last asked.
    pub fn take_out_of_memory(&self) -> bool {
        self.out_of_memory.swap(false, Ordering::Relaxed)
    }

    /// Bytes of linear memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory.as_ref().map_or(0, Charge::bytes)
    }

    pub(super) fn memory_limit(&self) -> u64 {
        self.budget.limit()
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired - current) as u64;
        let granted = match &mut self.memory {
            Some(charge) => charge.grow(more),
            None => {
                self.memory = self.budget.charge(more);
                self.memory.is_some()
            }
        };
        if !granted {
            self.out_of_memory.store(true, Ordering::Relaxed);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
