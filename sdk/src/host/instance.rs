//! An instance: the live memory of a program, and calls into it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as Clock};

use tokio::time::{Sleep, sleep, timeout};
use wasmtime::component::{ComponentType, Lift, TypedFunc};
use wasmtime::{PoolConcurrencyLimitError, Store};

use super::batcher::Batcher;
use super::cpu::{CpuTime, thread_cpu_time};
use super::limits::{Limits, Pace};
use super::runtime::Program;
use super::state::Host;

/// What an endpoint answered; see `sdk/wit/world.wit`.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names as written in the notebook.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An exception that left an endpoint's cell; see `sdk/wit/world.wit`.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Failure {
    /// The exception's type and message.
    pub error: String,
    /// The whole traceback.
    pub traceback: String,
}

/// Why a call had no answer. The instance must be dropped: its memory may be in any state.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It ran longer than it may.
    #[error("the handler ran longer than its timeout: set 'timeout' in the config cell, or do less in the request")]
    Timeout,
    /// The version's budget is used up.
    #[error("out of memory: the version may use {limit} bytes: raise 'memory' in the config cell")]
    OutOfMemory {
        /// The budget in bytes.
        limit: u64,
    },
    /// As many instances live as the runtime may hold.
    #[error("all instances the gateway may hold are in use: try again later, delete services, or raise its limit")]
    Full,
    /// The guest trapped: a fault in the engine, or a stack overflow in C code.
    #[error("the handler crashed: {0}")]
    Trap(String),
}

type Endpoint = TypedFunc<(&'static str,), (Result<Response, Failure>,)>;

/// A program's live memory.
pub struct Instance {
    store: Store<Host>,
    endpoints: Vec<Endpoint>,
}

impl Instance {
    pub(super) async fn new(program: &Program, limits: Limits) -> Result<Instance, CallError> {
        let mut store = Store::new(program.pre.engine(), Host::new(limits));
        store.limiter(|host| host);
        store.epoch_deadline_async_yield_and_update(1);
        if program.counting {
            store.set_fuel(u64::MAX).map_err(|e| call_error(store.data(), &e))?;
        }
        let instance = program.pre.instantiate_async(&mut store).await.map_err(|e| call_error(store.data(), &e))?;
        let typed = |store: &mut Store<Host>, index| instance.get_typed_func(store, index);
        let endpoints = program.exports.iter().map(|index| typed(&mut store, index)).collect::<Result<_, _>>();
        let endpoints = endpoints.map_err(|e| call_error(store.data(), &e))?;
        Ok(Instance { store, endpoints })
    }

    /// Bytes of linear memory, most of them shared with the heap image until they are written.
    pub fn memory_bytes(&self) -> u64 {
        self.store.data().memory_bytes()
    }

    /// Instructions of Wasm since the instance was made, where the runtime counts them. They do not depend on the machine.
    pub fn instructions(&self) -> Option<u64> {
        self.store.get_fuel().ok().map(|left| u64::MAX - left)
    }

    /// CPU time of the call that runs or ran last, inference included. To be had before the call, and read while it runs.
    pub fn cpu_time(&self) -> Arc<CpuTime> {
        Arc::clone(&self.store.data().models.cpu_time)
    }

    /// Calls endpoint number `endpoint` (in the manifest's order) with a `REQUEST`, JSON as DESIGN.md's conventions say. `limit` bounds the
    /// time from now to the answer. The inner result is the guest's own.
    ///
    /// # Errors
    /// See [`CallError`]; after any of them the instance must be dropped, as after dropping the future.
    pub async fn call(
        &mut self,
        endpoint: usize,
        request: &str,
        limit: Duration,
    ) -> Result<Result<Response, Failure>, CallError> {
        let Some(function) = self.endpoints.get(endpoint).copied() else {
            return Err(CallError::Trap(format!("the component has no endpoint number {endpoint}")));
        };
        let host = self.store.data();
        host.take_out_of_memory();
        host.models.deadline.set(Clock::now() + limit);
        let (pace, cpu_time) = (Arc::clone(&host.pace), Arc::clone(&host.models.cpu_time));
        // Counts as a call that runs until this one has ended, or is dropped.
        let _running = host.models.batcher.as_ref().map(Batcher::enter);
        cpu_time.reset();
        self.store.set_epoch_deadline(1);
        let call =
            Paced { call: Box::pin(function.call_async(&mut self.store, (request,))), pace, cpu_time, pause: None };
        let result = timeout(limit, call).await.map_err(|_| CallError::Timeout)?;
        let host = self.store.data();
        // A guest whose inference was broken off may have made an answer of that.
        if host.models.deadline.broke() {
            return Err(CallError::Timeout);
        }
        match result {
            // A guest that was refused memory and answered all the same has coped with it.
            Ok((Ok(response),)) => {
                host.take_out_of_memory();
                Ok(Ok(response))
            }
            Ok((Err(_),)) if host.take_out_of_memory() => Err(CallError::OutOfMemory { limit: host.memory_limit() }),
            Ok((Err(failure),)) => Ok(Err(failure)),
            Err(error) => Err(call_error(host, &error)),
        }
    }
}

fn call_error(host: &Host, error: &wasmtime::Error) -> CallError {
    if host.take_out_of_memory() {
        return CallError::OutOfMemory { limit: host.memory_limit() };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::Full;
    }
    // The root cause names the trap; the chain above it is the Wasm backtrace.
    CallError::Trap(error.root_cause().to_string())
}

/// Runs a guest's future, telling its pace how long each slice ran and pausing for as long as the pace demands.
struct Paced<F> {
    call: Pin<Box<F>>,
    pace: Arc<dyn Pace>,
    cpu_time: Arc<CpuTime>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Paced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        // Not wall time: on a busy machine a slice lasts longer than it uses a processor.
        let start = thread_cpu_time();
        let polled = self.call.as_mut().poll(context);
        let slice = thread_cpu_time().saturating_sub(start);
        self.cpu_time.add(slice);
        let pause = self.pace.ran(slice);
        // What a finished call still owes is paid by the version's next one: the answer is not held back.
        if polled.is_pending() && !pause.is_zero() {
            let mut timer = Box::pin(sleep(pause));
            // Registers this task with the timer; the guest's own wake-up is then at worst one poll too early.
            let _ = timer.as_mut().poll(context);
            self.pause = Some(timer);
        }
        polled
    }
}
