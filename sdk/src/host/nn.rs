//! wasi-nn for guests, as `sdk/wit/deps/nn.wit` says it: models by name, tensors in and out.
//!
//! `compute` is asynchronous: a prediction may wait for others that it is joined with, and holds no thread meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime_wasi_nn::Tensor;
use wasmtime_wasi_nn::wit::TensorType;

use super::batcher::Batcher;
use super::cpu::CpuTime;
use super::limits::Limits;
use super::state::Host;
use crate::budget::Budget;
use crate::inference::{Deadline, Graph, InferenceError, NamedTensor, Observer};
use crate::joined::Joined;

/// What one instance computes with.
pub(super) struct Models {
    graphs: Arc<HashMap<String, Arc<Graph>>>,
    pub(super) batcher: Option<Arc<Batcher>>,
    budget: Arc<Budget>,
    observer: Observer,
    /// When the running call must have ended; computations are broken off then.
    pub(super) deadline: Deadline,
    /// Whether memory was refused since the call began. The guest may hide its failure, the host must not.
    pub(super) out_of_memory: AtomicBool,
    /// CPU time of the call that runs or ran last.
    pub(super) cpu_time: Arc<CpuTime>,
}

/// A model that the guest has loaded.
struct LoadedGraph(Arc<Model>);

/// The same, to compute with.
struct Context(Arc<Model>);

struct Model {
    name: String,
    graph: Arc<Graph>,
    /// Where its predictions are joined.
    joined: Option<(Arc<Batcher>, Arc<Joined>)>,
}

/// What the guest is told of a failure.
struct Failure {
    code: ErrorCode,
    /// One line.
    text: String,
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[allow(dead_code, reason = "wasi-nn names more kinds of failure than there are here")]
#[repr(u8)]
enum ErrorCode {
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "invalid-encoding")]
    InvalidEncoding,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "runtime-error")]
    RuntimeError,
    #[component(name = "unsupported-operation")]
    UnsupportedOperation,
    #[component(name = "too-large")]
    TooLarge,
    #[component(name = "not-found")]
    NotFound,
    #[component(name = "security")]
    Security,
    #[component(name = "unknown")]
    Unknown,
}

impl Models {
    pub(super) fn new(limits: &Limits) -> Models {
        Models {
            graphs: Arc::clone(&limits.graphs),
            batcher: limits.batcher.clone(),
            budget: Arc::clone(&limits.budget),
            observer: Arc::clone(&limits.inferences),
            deadline: Deadline::default(),
            out_of_memory: AtomicBool::new(false),
            cpu_time: Arc::default(),
        }
    }

    fn load(&self, name: String) -> Option<Arc<Model>> {
        let graph = Arc::clone(self.graphs.get(&name)?);
        let joined =
            self.batcher.as_ref().and_then(|batcher| Some((Arc::clone(batcher), Arc::clone(batcher.model(&name)?))));
        Some(Arc::new(Model { name, graph, joined }))
    }

    // `&mut`, since what a future holds must be `Send`.
    async fn compute(&mut self, model: &Model, inputs: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, InferenceError> {
        let start = Instant::now();
        let outputs = match &model.joined {
            None => model.graph.run(inputs, &self.budget, &self.deadline),
            Some((batcher, joined)) => batcher.run(joined, inputs, &self.budget, &self.deadline, &self.cpu_time).await,
        };
        (self.observer)(&model.name, start);
        if matches!(outputs, Err(InferenceError::OutOfMemory { .. })) {
            self.out_of_memory.store(true, Ordering::Relaxed);
        }
        outputs
    }
}

impl Host {
    fn fail<T>(&mut self, code: ErrorCode, text: String) -> wasmtime::Result<Result<T, Resource<Failure>>> {
        Ok(Err(self.table.push(Failure { code, text })?))
    }
}

fn code(error: &InferenceError) -> ErrorCode {
    match error {
        InferenceError::Input(_) => ErrorCode::InvalidArgument,
        InferenceError::Timeout => ErrorCode::Timeout,
        InferenceError::OutOfMemory { .. } => ErrorCode::TooLarge,
        InferenceError::Load(_) | InferenceError::Operators(_) | InferenceError::Run(_) => ErrorCode::RuntimeError,
    }
}

type Named = (String, Resource<Tensor>);

/// Offers a type whose values are in the host's table until the guest drops them.
fn resource<T: Send + 'static>(interface: &mut LinkerInstance<'_, Host>, name: &str) -> wasmtime::Result<()> {
    interface.resource(name, ResourceType::host::<T>(), |mut store, rep| {
        store.data_mut().table.delete(Resource::<T>::new_own(rep))?;
        Ok(())
    })
}

/// Offers the interfaces of `wasi:nn` to guests.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut errors = linker.instance("wasi:nn/errors@0.2.0-rc-2024-10-28")?;
    resource::<Failure>(&mut errors, "error")?;
    errors.func_wrap("[method]error.code", |store, (error,): (Resource<Failure>,)| {
        Ok((store.data().table.get(&error)?.code,))
    })?;
    errors.func_wrap("[method]error.data", |store, (error,): (Resource<Failure>,)| {
        Ok((store.data().table.get(&error)?.text.clone(),))
    })?;

    let mut tensor = linker.instance("wasi:nn/tensor@0.2.0-rc-2024-10-28")?;
    resource::<Tensor>(&mut tensor, "tensor")?;
    tensor.func_wrap("[constructor]tensor", |mut store, (dimensions, ty, data): (Vec<u32>, TensorType, Vec<u8>)| {
        Ok((store.data_mut().table.push(Tensor::new(dimensions, ty, data))?,))
    })?;
    tensor.func_wrap("[method]tensor.dimensions", |store, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data().table.get(&tensor)?.dimensions.clone(),))
    })?;
    tensor.func_wrap("[method]tensor.ty", |store, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data().table.get(&tensor)?.ty,))
    })?;
    tensor.func_wrap("[method]tensor.data", |store, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data().table.get(&tensor)?.data.clone(),))
    })?;

    let mut inference = linker.instance("wasi:nn/inference@0.2.0-rc-2024-10-28")?;
    resource::<Context>(&mut inference, "graph-execution-context")?;
    inference.func_wrap_async(
        "[method]graph-execution-context.compute",
        |mut store, (context, inputs): (Resource<Context>, Vec<Named>)| {
            Box::new(async move {
                let host = store.data_mut();
                let model = Arc::clone(&host.table.get(&context)?.0);
                let mut given = Vec::with_capacity(inputs.len());
                for (name, tensor) in inputs {
                    given.push(NamedTensor { name, tensor: host.table.delete(tensor)? });
                }
                let outputs = match host.models.compute(&model, given).await {
                    Ok(outputs) => outputs,
                    Err(error) => return Ok((host.fail(code(&error), error.to_string())?,)),
                };
                let mut results: Vec<Named> = Vec::with_capacity(outputs.len());
                for NamedTensor { name, tensor } in outputs {
                    results.push((name, host.table.push(tensor)?));
                }
                Ok((Ok(results),))
            })
        },
    )?;

    let mut graph = linker.instance("wasi:nn/graph@0.2.0-rc-2024-10-28")?;
    resource::<LoadedGraph>(&mut graph, "graph")?;
    graph.func_wrap("load-by-name", |mut store, (name,): (String,)| {
        let host = store.data_mut();
        let missing = format!("the version has no model {name:?}");
        Ok((match host.models.load(name) {
            Some(model) => Ok(host.table.push(LoadedGraph(model))?),
            None => host.fail(ErrorCode::NotFound, missing)?,
        },))
    })?;
    graph.func_wrap("[method]graph.init-execution-context", |mut store, (graph,): (Resource<LoadedGraph>,)| {
        let host = store.data_mut();
        let context = Context(Arc::clone(&host.table.get(&graph)?.0));
        // Making a context cannot fail.
        let made: Result<_, Resource<Failure>> = Ok(host.table.push(context)?);
        Ok((made,))
    })
}
