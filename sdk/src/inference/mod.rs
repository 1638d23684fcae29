//! ONNX graphs on tract.
//!
//! A [`Graph`] is loaded once a version; weights are shared by all instances. A computation is charged to the version's
//! [`Budget`] before it runs, and refused when it would not fit. This module knows nothing of Wasm beyond wasi-nn's tensors.
//!
//! Layers that tract runs slowly are replaced: `lstm`, `pool`.

#[cfg(test)]
pub(crate) mod example;
mod lstm;
mod pool;

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::eval;
use tract_onnx::tract_hir::internal::{EvalContext, OpState, OutletId, SymbolValues};
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;
pub use wasmtime_wasi_nn::Tensor as RawTensor;
pub use wasmtime_wasi_nn::backend::NamedTensor;
pub use wasmtime_wasi_nn::wit::TensorType;

use crate::budget::{Budget, Charge};
use crate::manifest::Shapes;
use crate::shapes;
use crate::text;

/// A computation expected to take longer lets the other tasks of its thread go on elsewhere: handing them over takes
/// tens of microseconds.
const LONG: Duration = Duration::from_millis(1);

/// An ONNX model, optimised and ready to run on any batch size. Shared by all instances of a version.
#[derive(Debug)]
pub struct Graph {
    plan: Arc<TypedSimplePlan>,
    inputs: Vec<Port>,
    outputs: Vec<String>,
    /// Bytes of all constants.
    weight_bytes: u64,
    shapes: Shapes,
    /// Bytes of the values alive at once where most are, in terms of the symbolic dimensions.
    peak: TDim,
    /// Nanoseconds of the last computation for every byte of its inputs; the largest number before the first.
    pace: AtomicU64,
}

/// An input.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) datum: DatumType,
    /// May hold symbols, such as the batch size.
    pub(crate) shape: Vec<TDim>,
}

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// tract does not understand the model, or lacks an operator.
    #[error("the ONNX model cannot be loaded: {0}")]
    Load(String),
    /// tract lacks operators of the model: their names.
    #[error("inference lacks the operator {}", .0.join(", "))]
    Operators(Vec<String>),
    /// Inputs that do not fit the model.
    #[error("{0}")]
    Input(String),
    /// The computation failed.
    #[error("the model failed: {0}")]
    Run(String),
    /// The call's time was over before the last layer.
    #[error("the prediction was broken off after the handler's timeout")]
    Timeout,
    /// The computation would exceed the version's memory.
    #[error("out of memory: the prediction needs about {needed} bytes, over the version's limit of {limit}")]
    OutOfMemory {
        /// Bytes of inputs, outputs and intermediate values.
        needed: u64,
        /// The version's budget.
        limit: u64,
    },
}

impl Graph {
    /// Parses and optimises an ONNX file.
    ///
    /// # Errors
    /// A malformed file, or an operator tract lacks.
    pub fn load(mut onnx: &[u8]) -> Result<Graph, InferenceError> {
        let file = tract_onnx::onnx().proto_model_for_read(&mut onnx);
        Self::of_file(&file.map_err(|e| InferenceError::Load(one_line(&e)))?)
    }

    pub(crate) fn of_file(file: &ModelProto) -> Result<Graph, InferenceError> {
        let broken =
            || InferenceError::Load("tract fails on one of its layers: export it anew, or without that layer".into());
        catching(|| Self::read(file)).unwrap_or_else(|_| Err(broken()))
    }

    fn read(file: &ModelProto) -> Result<Graph, InferenceError> {
        let failed = |e: TractError| InferenceError::Load(one_line(&e));
        let mut onnx = tract_onnx::onnx();
        onnx.op_register.insert("LSTM", lstm::of_node);
        let parsed = onnx.model_for_proto_model(file).map_err(failed)?;
        let lacking: BTreeSet<_> = parsed
            .nodes()
            .iter()
            .filter_map(|node| node.op_as::<UnimplementedOp>().map(|op| operator(&Op::name(op))))
            .collect();
        if !lacking.is_empty() {
            return Err(InferenceError::Operators(lacking.into_iter().collect()));
        }
        Self::of_parsed(file, parsed).map_err(failed)
    }

    fn of_parsed(file: &ModelProto, parsed: InferenceModel) -> TractResult<Graph> {
        let mut typed = parsed.into_typed()?.into_decluttered()?;
        pool::replace(&mut typed)?;
        let given = typed.input_outlets()?;
        let name = |outlet: OutletId| match typed.outlet_label(outlet) {
            // An input takes over the label of an operator that did nothing to it.
            Some(label) if !given.contains(&outlet) => label.to_string(),
            _ => typed.node(outlet.node).name.clone(),
        };
        let mut inputs = Vec::new();
        for &outlet in given {
            let fact = typed.outlet_fact(outlet)?;
            inputs.push(Port { name: name(outlet), datum: fact.datum_type, shape: fact.shape.dims().to_vec() });
        }
        let outputs = typed.output_outlets()?.iter().map(|&outlet| name(outlet)).collect();
        let shapes = shapes::of(file, &typed, name)?;
        let model = typed.into_optimized()?;
        let weight_bytes = weight_bytes(&model);
        let peak = peak_bytes(&model)?;
        let plan = model.into_runnable()?;
        Ok(Graph { plan, inputs, outputs, weight_bytes, shapes, peak, pace: AtomicU64::new(u64::MAX) })
    }

    /// Bytes of the model's constants.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// The model's tensors, for people.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Names of the model's inputs, in order.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|port| port.name.as_str())
    }

    /// The outputs, in the model's order, for `inputs` in any order. What the computation takes is charged to `budget`.
    ///
    /// # Errors
    /// Inputs that do not fit, a computation that fails, would exceed the budget or does not end by the deadline.
    pub fn run(
        &self,
        inputs: Vec<NamedTensor>,
        budget: &Arc<Budget>,
        deadline: &Deadline,
    ) -> Result<Vec<NamedTensor>, InferenceError> {
        let Feed { values, bytes, charge: _charge } = self.feed(&inputs, budget)?;
        let at = deadline.get();
        let late = || at.is_some_and(|at| Instant::now() >= at);
        deadline.note(self.answer(values, bytes, late))
    }

    /// Checks `inputs`, and charges what computing with them takes to `budget`.
    pub(crate) fn feed(&self, inputs: &[NamedTensor], budget: &Arc<Budget>) -> Result<Feed, InferenceError> {
        let mut symbols = SymbolValues::default();
        let mut values = tvec!();
        let mut bytes = 0u64;
        for port in &self.inputs {
            let given = inputs.iter().find(|given| given.name == port.name).ok_or_else(|| {
                InferenceError::Input(format!("the model needs an input {:?}, which was not given", port.name))
            })?;
            bytes += given.tensor.data.len() as u64;
            values.push(port.tensor(given, &mut symbols)?);
        }
        let peak = self.peak.eval(&symbols).to_i64().ok().and_then(|peak| u64::try_from(peak).ok());
        // Inputs and outputs exist twice: here, and as the lists that cross the component boundary.
        let needed = peak.unwrap_or(u64::MAX).saturating_add(bytes.saturating_mul(2));
        let charge = budget.charge(needed);
        let charge = charge.ok_or(InferenceError::OutOfMemory { needed, limit: budget.limit() })?;
        Ok(Feed { values, bytes, charge })
    }

    /// The outputs for one prediction, broken off when it is `late`.
    pub(crate) fn answer(
        &self,
        values: TVec<Tensor>,
        bytes: u64,
        late: impl Fn() -> bool,
    ) -> Result<Vec<NamedTensor>, InferenceError> {
        let results = self.compute(values, bytes, late, eval)?;
        self.outputs.iter().zip(results).map(|(name, value)| named(name, &value)).collect()
    }

    /// Runs the layers, each by `layer`, until it is `late`. `bytes` are those of the inputs.
    pub(crate) fn compute(
        &self,
        values: TVec<Tensor>,
        bytes: u64,
        late: impl Fn() -> bool,
        layer: impl Fn(&EvalContext, Option<&mut dyn OpState>, &TypedNode, TVec<TValue>) -> TractResult<TVec<TValue>>,
    ) -> Result<TVec<TValue>, InferenceError> {
        let start = Instant::now();
        let expected = Duration::from_nanos(self.pace.load(Ordering::Relaxed).saturating_mul(bytes));
        let compute = || {
            let values = values.into_iter().map(IntoTValue::into_tvalue).collect();
            self.plan.spawn()?.run_plan_with_eval(values, |context, state, node, inputs| {
                if late() { Err(Late.into()) } else { layer(context, state, node, inputs) }
            })
        };
        let caught = || catching(compute);
        let results = if expected > LONG && may_block() { block_in_place(caught) } else { caught() };
        if let Ok(nanoseconds) = u64::try_from(start.elapsed().as_nanos()) {
            self.pace.store(nanoseconds / bytes.max(1), Ordering::Relaxed);
        }
        match results {
            Ok(Ok(results)) => Ok(results),
            Ok(Err(error)) if error.is::<Late>() => Err(InferenceError::Timeout),
            Ok(Err(error)) => Err(InferenceError::Run(one_line(&error))),
            Err(_) => Err(InferenceError::Run("a layer was given values outside its range".into())),
        }
    }

    pub(crate) fn plan(&self) -> &TypedSimplePlan {
        &self.plan
    }

    pub(crate) fn ports(&self) -> &[Port] {
        &self.inputs
    }

    pub(crate) fn output_names(&self) -> &[String] {
        &self.outputs
    }
}

/// Inputs that fit a graph, and the memory that computing with them takes.
pub(crate) struct Feed {
    /// In the order of the graph's inputs.
    pub(crate) values: TVec<Tensor>,
    /// Bytes of the values.
    pub(crate) bytes: u64,
    /// Held as long as anything of the computation is.
    pub(crate) charge: Charge,
}

/// When an instance's running call must have ended.
#[derive(Debug, Default)]
pub struct Deadline {
    at: Mutex<Option<Instant>>,
    /// Whether a computation was broken off since `at` was set.
    broke: AtomicBool,
}

impl Deadline {
    /// For a call that begins.
    pub fn set(&self, at: Instant) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        self.broke.store(false, Ordering::Relaxed);
    }

    /// Whether a computation of the call was broken off.
    pub fn broke(&self) -> bool {
        self.broke.load(Ordering::Relaxed)
    }

    /// Remembers if the computation was broken off.
    pub(crate) fn note<T>(&self, result: Result<T, InferenceError>) -> Result<T, InferenceError> {
        if matches!(result, Err(InferenceError::Timeout)) {
            self.broke.store(true, Ordering::Relaxed);
        }
        result
    }

    pub(crate) fn get(&self) -> Option<Instant> {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The deadline passed between two layers.
#[derive(Debug, thiserror::Error)]
#[error("the deadline has passed")]
struct Late;

/// What tract panicked of is an error of what it was given: it indexes with shapes and values that come from clients, and
/// panics where these are out of range. Nothing outlives the failed work that it could have left half done.
fn catching<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(work))
}

/// Whether the thread's other tasks can go on elsewhere.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// The operator's name in what tract calls one that it lacks: `Unimplemented(Det)`.
fn operator(name: &str) -> String {
    name.strip_prefix("Unimplemented(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(name).to_owned()
}

impl Port {
    fn tensor(&self, given: &NamedTensor, symbols: &mut SymbolValues) -> Result<Tensor, InferenceError> {
        let wrong = |what: String| InferenceError::Input(format!("model input {:?} {what}", self.name));
        let datum = datum_type(given.tensor.ty);
        if datum != Some(self.datum) && !(self.datum == DatumType::Bool && datum == Some(DatumType::U8)) {
            return Err(wrong(format!("has type {:?}, the model expects {:?}", given.tensor.ty, self.datum)));
        }
        let shape: Vec<usize> = given.tensor.dimensions.iter().map(|&d| d as usize).collect();
        let fits = shape.len() == self.shape.len()
            && self.shape.iter().zip(&shape).all(|(want, &have)| match want {
                TDim::Sym(symbol) => match symbols.get(symbol) {
                    Some(bound) => bound == have as i64,
                    None => {
                        symbols.set(symbol, have as i64);
                        true
                    }
                },
                other => other.eval(symbols).to_i64().is_ok_and(|want| want == have as i64),
            });
        if !fits {
            return Err(wrong(format!("has shape {shape:?}, the model expects {:?}", self.shape)));
        }
        let length = shape.iter().try_fold(self.datum.size_of(), |all, &dim| all.checked_mul(dim));
        if length != Some(given.tensor.data.len()) {
            return Err(wrong(format!("has {} bytes, too many or too few for its shape", given.tensor.data.len())));
        }
        let mut tensor = Tensor::zero_dt(self.datum, &shape).map_err(|e| InferenceError::Run(one_line(&e)))?;
        tensor.as_bytes_mut().copy_from_slice(&given.tensor.data);
        Ok(tensor)
    }
}

pub(crate) fn named(name: &str, value: &Tensor) -> Result<NamedTensor, InferenceError> {
    let ty = tensor_type(value.datum_type())
        .ok_or_else(|| InferenceError::Run(format!("output {name:?} has type {:?}", value.datum_type())))?;
    let dimensions = value.shape().iter().map(|&dim| dim as u32).collect();
    let tensor = wasmtime_wasi_nn::Tensor::new(dimensions, ty, value.as_bytes().to_vec());
    Ok(NamedTensor { name: name.into(), tensor })
}

fn datum_type(ty: TensorType) -> Option<DatumType> {
    Some(match ty {
        TensorType::Fp16 => DatumType::F16,
        TensorType::Fp32 => DatumType::F32,
        TensorType::Fp64 => DatumType::F64,
        TensorType::U8 => DatumType::U8,
        TensorType::I32 => DatumType::I32,
        TensorType::I64 => DatumType::I64,
        TensorType::Bf16 => return None,
    })
}

pub(crate) fn tensor_type(datum: DatumType) -> Option<TensorType> {
    Some(match datum {
        DatumType::F16 => TensorType::Fp16,
        DatumType::F32 => TensorType::Fp32,
        DatumType::F64 => TensorType::Fp64,
        DatumType::U8 | DatumType::Bool => TensorType::U8,
        DatumType::I32 => TensorType::I32,
        DatumType::I64 => TensorType::I64,
        _ => return None,
    })
}

fn weight_bytes(model: &TypedModel) -> u64 {
    let constants = model.nodes().iter().flat_map(|node| &node.outputs).filter_map(|out| out.fact.konst.as_ref());
    constants.map(|tensor| (tensor.len() * tensor.datum_type().size_of()) as u64).sum()
}

/// The bytes of the values alive at the step where most are. Which step that is, is decided with every symbol at 1: all of
/// a feed-forward model's values grow with the same batch size, so the step stays the peak as the batch grows.
fn peak_bytes(model: &TypedModel) -> TractResult<TDim> {
    let order = model.eval_order()?;
    let size = |node: usize| -> TDim {
        let outputs = model.node(node).outputs.iter().filter(|out| out.fact.konst.is_none());
        outputs
            .map(|out| out.fact.shape.volume() * out.fact.datum_type.size_of() as i64)
            .fold(TDim::Val(0), |a, b| a + b)
    };
    let mut last_use = HashMap::new();
    for (step, &node) in order.iter().enumerate() {
        for input in &model.node(node).inputs {
            last_use.insert(input.node, step);
        }
    }
    for outlet in model.output_outlets()? {
        last_use.insert(outlet.node, order.len());
    }
    let mut live: Vec<usize> = Vec::new();
    let (mut peak, mut highest) = (TDim::Val(0), i64::MIN);
    for (step, &node) in order.iter().enumerate() {
        live.push(node);
        let now = live.iter().map(|&node| size(node)).fold(TDim::Val(0), |a, b| a + b);
        let mut ones = SymbolValues::default();
        for symbol in now.symbols() {
            ones.set(&symbol, 1);
        }
        let rank = now.eval(&ones).to_i64().unwrap_or(i64::MAX);
        if rank > highest {
            (peak, highest) = (now, rank);
        }
        live.retain(|node| last_use.get(node).is_some_and(|&last| last > step));
    }
    Ok(peak)
}

/// An error with its causes on one line, most general first.
pub(crate) fn one_line(error: &TractError) -> String {
    let causes: Vec<String> = error.chain().map(text::one_line).collect();
    causes.join(": ")
}

/// Told which model computed, and since when; it has ended just now. Called on the thread that runs the guest.
pub type Observer = Arc<dyn Fn(&str, Instant) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::example::{N, file, input, int, node, weights};
    use super::*;

    #[test]
    fn what_tract_panics_of_is_an_error() {
        // It wants to know the batch's size where no first state is given.
        let gru = node("GRU", &["x", "w", "r"], &["y"], vec![int("hidden_size", 2)]);
        let weights = vec![weights("w", &[1, 6, 3], &[0.0; 18]), weights("r", &[1, 6, 2], &[0.0; 12])];
        let refused = Graph::of_file(&file(vec![gru], weights, vec![input("x", &[2, N, 3])], &["y"]));
        assert!(matches!(&refused, Err(InferenceError::Load(why)) if why.contains("tract fails")), "{refused:?}");
    }
}
