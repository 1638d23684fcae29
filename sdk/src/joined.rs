//! Several predictions of one graph as one computation, each with the answer that it would get alone, to the last bit.
//!
//! tract's kernels for matrices, convolutions and functions of single numbers compute an element in the same way however many
//! rows there are. Its sums within a row (softmax, means, norms) do not: they are split where memory is aligned, so
//! what is rounded depends on where the row lies. Layers that sum are therefore run for each prediction apart. Whether all this
//! holds for a graph on this machine's processor is not taken on trust: a graph is tried before it is joined.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::nn::{Reduce, RmsNorm, ScaledRmsNorm, Softmax};
use tract_onnx::tract_core::ops::scan::OptScan;
use tract_onnx::tract_core::plan::eval;
use tract_onnx::tract_hir::internal::{DimLike, EvalContext, OutletId};

use crate::budget::Budget;
use crate::inference::{Feed, Graph, InferenceError, NamedTensor, Port, named, one_line};
use crate::manifest::Batch;

/// Different predictions that a graph is tried with.
const SAMPLES: usize = 8;
/// Time that the trial of a graph may take.
const TRIAL: Duration = Duration::from_secs(5);
/// Length, in the trial, of open dimensions other than that of the rows.
const OPEN: usize = 8;

/// A graph whose predictions can be joined.
#[derive(Debug)]
pub struct Joined {
    graph: Arc<Graph>,
    /// The layers that run for each prediction apart, by node, with the axes of their rows.
    apart: HashMap<usize, Axes>,
}

#[derive(Clone, Copy, Debug)]
struct Axes {
    input: usize,
    output: usize,
}

/// Why predictions of a graph cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum Unjoinable {
    /// Nothing to lay side by side.
    #[error("its inputs have no open first dimension in common")]
    Inputs,
    /// Answers could not be told apart.
    #[error("its output {0:?} has no row for every row of the inputs")]
    Output(String),
    /// A row's answer may depend on its neighbours.
    #[error("its layer {0:?} does not work row by row")]
    Layer(String),
    /// Answers would change.
    #[error("on this machine its answers to several rows differ from those to each alone")]
    Differs,
    /// The trial did not end well.
    #[error("it cannot be tried: {0}")]
    Trial(#[from] InferenceError),
}

impl Joined {
    /// Finds out whether predictions of `graph` can be joined as `batch` says, in `memory` bytes. Blocks: it computes.
    ///
    /// # Errors
    /// Why not.
    pub fn new(graph: &Arc<Graph>, batch: Batch, memory: u64) -> Result<Joined, Unjoinable> {
        let rows = rows_of(graph.ports())?;
        let model = graph.plan().model();
        let fact = |outlet: OutletId| &model.node(outlet.node).outputs[outlet.slot].fact;
        for (name, &outlet) in graph.output_names().iter().zip(&model.outputs) {
            if axis_of(&rows, fact(outlet)) != Some(0) {
                return Err(Unjoinable::Output(name.clone()));
            }
        }
        let mut apart = HashMap::new();
        for node in model.nodes().iter().filter(|node| sums(node)) {
            let mut inputs = node.inputs.iter().map(|&outlet| fact(outlet));
            let (Some(first), [output]) = (inputs.next(), node.outputs.as_slice()) else { continue };
            let alike = !inputs.any(|fact| mentions(&rows, fact));
            match (axis_of(&rows, first), axis_of(&rows, &output.fact)) {
                (Some(input), Some(output)) if alike && !node.op_is::<OptScan>() => {
                    apart.insert(node.id, Axes { input, output });
                }
                _ if alike && !mentions(&rows, first) => {}
                _ => return Err(Unjoinable::Layer(node.name.clone())),
            }
        }
        let joined = Joined { graph: Arc::clone(graph), apart };
        joined.trial(batch.max as usize, &Budget::new(memory))?;
        Ok(joined)
    }

    /// The graph.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The answers to all of `feeds`, which are alike, in their order. Broken off when it is `late`.
    pub(crate) fn run(
        &self,
        feeds: &[&Feed],
        late: impl Fn() -> bool,
    ) -> Result<Vec<Vec<NamedTensor>>, InferenceError> {
        if let [feed] = feeds {
            return Ok(vec![self.graph.answer(feed.values.clone(), feed.bytes, late)?]);
        }
        let failed = |error: TractError| InferenceError::Run(one_line(&error));
        let mut values = tvec!();
        for input in 0..self.graph.ports().len() {
            let parts: Vec<&Tensor> = feeds.iter().map(|feed| &feed.values[input]).collect();
            values.push(Tensor::stack_tensors(0, &parts).map_err(failed)?);
        }
        let mut end = 0;
        let of_feed = |feed: &&Feed| {
            let start = end;
            end += rows(feed);
            (start, end)
        };
        let ranges: Vec<(usize, usize)> = feeds.iter().map(of_feed).collect();
        let bytes = feeds.iter().map(|feed| feed.bytes).sum();
        let results =
            self.graph.compute(values, bytes, late, |context, state, node, inputs| match self.apart.get(&node.id) {
                None => eval(context, state, node, inputs),
                Some(&axes) => each(context, node, inputs, axes, &ranges),
            })?;
        let answer = |&(start, end): &(usize, usize)| {
            let outputs = self.graph.output_names().iter().zip(&results);
            outputs.map(|(name, value)| named(name, &value.slice(0, start, end).map_err(failed)?)).collect()
        };
        ranges.iter().map(answer).collect()
    }

    /// Compares what predictions give alone and joined.
    fn trial(&self, max: usize, memory: &Arc<Budget>) -> Result<(), Unjoinable> {
        let end = Instant::now() + TRIAL;
        let late = || Instant::now() >= end;
        let mut noise = Noise(1);
        // Some of one row, some of two.
        let mut sample = |number: usize| {
            let inputs = self.graph.ports().iter().map(|port| noise.input(port, 1 + number % 2, memory));
            self.graph.feed(&inputs.collect::<Result<Vec<_>, _>>()?, memory)
        };
        let samples: Vec<_> = (0..max.min(SAMPLES)).map(&mut sample).collect::<Result<_, _>>()?;
        let alone = samples.iter().map(|sample| self.graph.answer(sample.values.clone(), sample.bytes, late));
        let alone: Vec<_> = alone.collect::<Result<_, _>>()?;
        let same = |one: &NamedTensor, other: &NamedTensor| {
            one.tensor.dimensions == other.tensor.dimensions && one.tensor.data == other.tensor.data
        };
        for count in [2, 3, 5, max / 2, max * 2 / 3] {
            let numbers = || (count..count * 2).map(|place| place % samples.len());
            let feeds: Vec<_> = numbers().map(|number| &samples[number]).collect();
            let needed = feeds.iter().map(|feed| feed.charge.bytes()).fold(0, u64::saturating_add);
            let out_of_memory = InferenceError::OutOfMemory { needed, limit: memory.limit() };
            let _charge = memory.charge(needed).ok_or(out_of_memory)?;
            let answers = self.run(&feeds, late)?;
            let expected = numbers().map(|number| &alone[number]);
            if answers.iter().zip(expected).any(|(got, wanted)| !got.iter().zip(wanted).all(|(a, b)| same(a, b))) {
                return Err(Unjoinable::Differs);
            }
        }
        Ok(())
    }
}

/// How many rows a prediction has.
pub(crate) fn rows(feed: &Feed) -> usize {
    feed.values.first().and_then(|value| value.shape().first()).copied().unwrap_or(0)
}

/// Whether two predictions differ in nothing but their rows.
pub(crate) fn alike(one: &Feed, other: &Feed) -> bool {
    one.values.iter().zip(&other.values).all(|(one, other)| one.shape()[1..] == other.shape()[1..])
}

/// The symbol that is the first dimension of every input, and no other dimension.
fn rows_of(inputs: &[Port]) -> Result<Symbol, Unjoinable> {
    let mut rows = None;
    for port in inputs {
        let Some((TDim::Sym(symbol), others)) = port.shape.split_first() else { return Err(Unjoinable::Inputs) };
        if rows.get_or_insert(symbol) != &symbol || others.iter().any(|dim| dim.symbols().contains(symbol)) {
            return Err(Unjoinable::Inputs);
        }
    }
    rows.cloned().ok_or(Unjoinable::Inputs)
}

fn mentions(rows: &Symbol, fact: &TypedFact) -> bool {
    fact.shape.dims().iter().any(|dim| dim.symbols().contains(rows))
}

/// The one axis along which a value has its rows.
fn axis_of(rows: &Symbol, fact: &TypedFact) -> Option<usize> {
    let mut axes = fact.shape.dims().iter().enumerate().filter(|(_, dim)| dim.symbols().contains(rows));
    let (axis, dim) = axes.next()?;
    (axes.next().is_none() && matches!(dim, TDim::Sym(symbol) if symbol == rows)).then_some(axis)
}

/// Whether a layer adds up numbers in an order that depends on where they lie, or has one within it that does.
fn sums(node: &TypedNode) -> bool {
    node.op_is::<Softmax>()
        || node.op_is::<Reduce>()
        || node.op_is::<RmsNorm>()
        || node.op_is::<ScaledRmsNorm>()
        || node.op_as::<OptScan>().is_some_and(|scan| scan.plan.model().nodes().iter().any(sums))
}

/// Runs a layer for each range of rows apart. Layers that sum have no state.
fn each(
    context: &EvalContext,
    node: &TypedNode,
    inputs: TVec<TValue>,
    axes: Axes,
    ranges: &[(usize, usize)],
) -> TractResult<TVec<TValue>> {
    let mut parts = Vec::with_capacity(ranges.len());
    for &(start, end) in ranges {
        let mut inputs = inputs.clone();
        inputs[0] = inputs[0].slice(axes.input, start, end)?.into_tvalue();
        parts.extend(eval(context, None, node, inputs)?.into_iter().map(TValue::into_tensor));
    }
    Ok(tvec!(Tensor::stack_tensors(axes.output, &parts)?.into_tvalue()))
}

/// Numbers without meaning, the same every time.
struct Noise(u64);

impl Noise {
    /// From -1 to 1.
    fn number(&mut self) -> f32 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// A tensor for an input; whole numbers are 0 or 1, since many models look something up by them.
    fn input(&mut self, port: &Port, rows: usize, memory: &Budget) -> Result<NamedTensor, InferenceError> {
        let failed = |error: TractError| InferenceError::Run(one_line(&error));
        let mut shape: Vec<usize> = port.shape.iter().map(|dim| dim.to_usize().unwrap_or(OPEN)).collect();
        shape[0] = rows;
        let length = shape.iter().try_fold(1usize, |all, &dim| all.checked_mul(dim)).unwrap_or(usize::MAX);
        let needed = (length as u64).saturating_mul(size_of::<f32>() as u64);
        if needed > memory.limit() {
            return Err(InferenceError::OutOfMemory { needed, limit: memory.limit() });
        }
        let number = |_| if port.datum.is_float() { self.number() } else { f32::from(u8::from(self.number() > 0.0)) };
        let numbers: Vec<f32> = (0..length).map(number).collect();
        let tensor = Tensor::from_shape(&shape, &numbers).map_err(failed)?;
        named(&port.name, &*tensor.cast_to_dt(port.datum).map_err(failed)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tract_onnx::pb::NodeProto;

    use super::*;
    use crate::inference::example::{self, N, file, input, int, noise, weights};

    const BATCH: Batch = Batch { max: 9, wait_us: 1000 };
    const MEMORY: u64 = 1 << 24;

    fn node(op: &str, inputs: &[&str], output: &str, axis: Option<i64>) -> NodeProto {
        example::node(op, inputs, &[output], axis.map(|axis| int("axis", axis)).into_iter().collect())
    }

    /// `x` of ten columns, times weights of 10x7, then `nodes` from `m` to `y`.
    fn graph(nodes: Vec<NodeProto>) -> Arc<Graph> {
        let product = node("MatMul", &["x", "w"], "m", None);
        let weights = vec![weights("w", &[10, 7], &noise(7, 70))];
        let file = file([vec![product], nodes].concat(), weights, vec![input("x", &[N, 10])], &["y"]);
        Arc::new(Graph::of_file(&file).unwrap())
    }

    /// A network that ends in a softmax.
    pub(crate) fn classifier() -> Arc<Graph> {
        graph(vec![node("Tanh", &["m"], "t", None), node("Softmax", &["t"], "y", Some(1))])
    }

    fn joined(nodes: Vec<NodeProto>) -> Result<Joined, Unjoinable> {
        Joined::new(&graph(nodes), BATCH, MEMORY)
    }

    #[test]
    fn every_prediction_has_the_answer_that_it_has_alone() {
        answers_as_alone(Joined::new(&classifier(), BATCH, MEMORY).unwrap());
        // What looks at all rows looks at those of one prediction only.
        answers_as_alone(joined(vec![node("Softmax", &["m"], "y", Some(0))]).unwrap());
    }

    fn answers_as_alone(joined: Joined) {
        let (budget, mut noise) = (Budget::new(MEMORY), Noise(3));
        let port = &joined.graph.ports()[0];
        let feed = |rows| joined.graph.feed(&[noise.input(port, rows, &budget).unwrap()], &budget).unwrap();
        let feeds: Vec<_> = [1, 1, 3, 1, 2, 7, 1, 1, 5, 11].map(feed).into_iter().collect();
        let answers = joined.run(&feeds.iter().collect::<Vec<_>>(), || false).unwrap();
        for (feed, answer) in feeds.iter().zip(answers) {
            let alone = joined.graph.answer(feed.values.clone(), feed.bytes, || false).unwrap();
            assert_eq!(answer[0].tensor.data, alone[0].tensor.data);
            assert_eq!(answer[0].tensor.dimensions, [rows(feed) as u32, 7]);
        }
    }

    #[test]
    fn what_looks_at_other_predictions_is_not_joined() {
        let square = joined(vec![node("Transpose", &["m"], "t", None), node("MatMul", &["m", "t"], "y", None)]);
        assert!(matches!(square, Err(Unjoinable::Output(_))), "{square:?}");
        let average = joined(vec![node("ReduceMean", &["m"], "a", None), node("Sub", &["m", "a"], "y", None)]);
        assert!(matches!(average, Err(Unjoinable::Layer(_))), "{average:?}");
        let mixed = joined(vec![
            node("Transpose", &["m"], "t", None),
            node("MatMul", &["t", "m"], "g", None),
            node("MatMul", &["m", "g"], "y", None),
        ]);
        assert!(matches!(mixed, Err(Unjoinable::Differs)), "{mixed:?}");
    }

    #[test]
    fn a_trial_keeps_to_the_memory() {
        let refused = Joined::new(&classifier(), BATCH, 100);
        assert!(matches!(refused, Err(Unjoinable::Trial(InferenceError::OutOfMemory { .. }))), "{refused:?}");
    }
}
