//! What the host keeps for one instance: its WASI context, its models, its memory charge.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::limits::{Limits, Pace};
use super::log::LogStream;
use super::nn::Models;
use crate::budget::{Budget, Charge};

/// The engine's function table has about 20,000 entries and never grows.
const TABLE_ELEMENTS: usize = 200_000;

/// The store's data of one instance.
pub struct Host {
    wasi: WasiCtx,
    pub(super) models: Models,
    pub(super) table: ResourceTable,
    budget: Arc<Budget>,
    /// Linear memory so far; none until the first memory is made.
    memory: Option<Charge>,
    pub(super) pace: Arc<dyn Pace>,
}

impl Host {
    /// The data of a new instance.
    pub fn new(limits: Limits) -> Host {
        let models = Models::new(&limits);
        // No arguments, environment, preopened folder or network: the builder's default is nothing.
        let wasi = WasiCtxBuilder::new().stderr(LogStream(limits.log)).build();
        Host { wasi, models, table: ResourceTable::new(), budget: limits.budget, memory: None, pace: limits.pace }
    }

    /// Whether memory was refused since this was last asked.
    pub fn take_out_of_memory(&self) -> bool {
        self.models.out_of_memory.swap(false, Ordering::Relaxed)
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
            self.models.out_of_memory.store(true, Ordering::Relaxed);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
