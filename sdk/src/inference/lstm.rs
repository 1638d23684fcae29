//! LSTM over a whole sequence as one layer.
//!
//! tract runs the steps of a sequence as a loop over a graph of some ten layers, which for few units takes longer to begin and
//! end than they take to compute. Here a step is one multiplication by weights that lie as they are used, and what a row of a
//! batch gives does not depend on the other rows. What this layer does not do (peepholes, other activations, sequences of several
//! lengths, the batch first, more than [`MOST_UNITS`]) is left to tract.
//!
//! The formulas are those of ONNX's operator LSTM, whose gates are in the order input, output, forget, cell.

use multiversion::multiversion;
use tract_onnx::model::ParsingContext;
use tract_onnx::ops::rec::common::CommonRec;
use tract_onnx::ops::rec::lstm::{LSTM, lstm as of_tract};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{Slice, TypedConcat};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::{math, nn};
use tract_onnx::tract_hir::prelude::tract_linalg::routines::Func;

/// With more, tract's kernels for matrices gain more than its loop loses: for 512 units, 64 rows at a time.
const MOST_UNITS: usize = 256;
/// Gates that are computed at once: as many sums for two rows as fit the registers.
const PANEL: usize = 32;

/// Reads a node of an ONNX graph.
pub(super) fn of_node(context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let mut backward = false;
    for given in &node.attribute {
        match &*given.name {
            "activations" if given.strings.chunks(3).all(|three| three == [&b"Sigmoid"[..], b"Tanh", b"Tanh"]) => {}
            "activations" | "clip" | "input_forget" => return of_tract(context, node),
            "direction" => backward = given.s == b"reverse",
            _ => {}
        }
    }
    let body = LSTM { f: Box::new(nn::sigmoid()), g: Box::new(math::tanh()), h: Box::new(math::tanh()) };
    let common = CommonRec::from_node_and_options(node, 3, 0, Box::new(body))?;
    Ok((expand(Lstm { common, backward }), vec![]))
}

/// An LSTM as in an ONNX graph.
#[derive(Clone, Debug)]
struct Lstm {
    /// Knows the shapes, and wires what is left to tract.
    common: CommonRec,
    /// From the last step to the first, if there is one direction only.
    backward: bool,
}

impl Lstm {
    /// Whether all directions can be wired as [`Sequence`].
    fn fits(&self, model: &TypedModel, inputs: &[OutletId]) -> TractResult<bool> {
        let common = &self.common;
        let recurrent = model.outlet_fact(inputs[2])?;
        Ok(!common.batch_first
            && common.optional_p_input.is_none()
            && common.optional_sequence_lens_input.is_none()
            && common.optional_initial_h_input.is_some() == common.optional_initial_c_input.is_some()
            && recurrent.datum_type == DatumType::F32
            && recurrent.konst.as_ref().is_some_and(|recurrent| recurrent.shape()[2] <= MOST_UNITS))
    }

    /// All states `[steps, batch, units]`, the last state and the last cells `[batch, units]` of one direction.
    fn direction(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
        number: usize,
    ) -> TractResult<TVec<OutletId>> {
        let recurrent = model.outlet_fact(inputs[2])?.konst.clone().context("recurrent weights are constants")?;
        let units = recurrent.shape()[2];
        let of_direction = |name: &str, model: &mut TypedModel, input: usize| {
            let name = format!("{prefix}.{name}");
            let slice =
                model.wire_node(format!("{name}.slice"), Slice::new(0, number, number + 1), &[inputs[input]])?;
            model.wire_node(name, AxisOp::Rm(0), &slice)
        };
        let weights = of_direction("weights", model, 1)?[0];
        let product = EinSum::new("tbi,gi->tbg".parse()?, DatumType::F32);
        let mut gates = model.wire_node(format!("{prefix}.gates"), product, &[inputs[0], weights])?[0];
        if let Some(bias) = self.common.optional_bias_input {
            let both = of_direction("bias", model, bias)?[0];
            let end = 4 * units;
            let of_weights = model.wire_node(format!("{prefix}.bias.weights"), Slice::new(0, 0, end), &[both])?[0];
            let of_state = model.wire_node(format!("{prefix}.bias.state"), Slice::new(0, end, 2 * end), &[both])?[0];
            let sum = model.wire_node(format!("{prefix}.bias.sum"), math::add(), &[of_weights, of_state])?;
            let rows = model.wire_node(format!("{prefix}.bias.rows"), AxisOp::Add(0), &sum)?;
            let rows = model.wire_node(format!("{prefix}.bias.steps"), AxisOp::Add(0), &rows)?[0];
            gates = model.wire_node(format!("{prefix}.biased"), math::add(), &[gates, rows])?[0];
        }
        let panels = panels(&recurrent.slice(0, number, number + 1)?, units)?;
        let panels = model.add_const(format!("{prefix}.recurrent"), panels)?;
        let mut given = tvec![gates, panels];
        for (name, input) in
            [("state", self.common.optional_initial_h_input), ("cells", self.common.optional_initial_c_input)]
        {
            if let Some(input) = input {
                given.push(of_direction(name, model, input)?[0]);
            }
        }
        model.wire_node(prefix, Sequence { units, backward: self.backward || number == 1 }, &given)
    }
}

impl Expansion for Lstm {
    fn name(&self) -> StaticName {
        "Lstm".into()
    }

    fn validation(&self) -> Validation {
        Validation::Rounding
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.common.nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> TractResult<()> {
        self.common.rules(solver, inputs, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        if !self.fits(model, inputs)? {
            // tract reads no direction.
            ensure!(!self.backward, "an LSTM that goes backward must be of a kind that is not left to tract");
            return self.common.wire(prefix, model, inputs);
        }
        let directions = model.outlet_fact(inputs[2])?.shape[0].to_usize()?;
        let mut sides = vec![self.direction(prefix, model, inputs, 0)?];
        if directions == 2 {
            sides.push(self.direction(&format!("{prefix}.back"), model, inputs, 1)?);
        }
        let common = &self.common;
        let mut outputs = tvec![OutletId::new(0, 0); self.nboutputs()?];
        let wanted = [common.optional_y_output, common.optional_y_h_output, common.optional_y_c_output];
        for (number, slot) in wanted.iter().enumerate().filter_map(|(number, slot)| Some((number, (*slot)?))) {
            // ONNX has the direction before the batch.
            let axis = usize::from(number == 0);
            let mut all = tvec![];
            for (side, of_side) in sides.iter().enumerate() {
                let name = format!("{prefix}.output{number}.side{side}");
                all.push(model.wire_node(name, AxisOp::Add(axis), &[of_side[number]])?[0]);
            }
            outputs[slot] = match &all[..] {
                [one] => *one,
                both => model.wire_node(format!("{prefix}.output{number}"), TypedConcat::new(axis), both)?[0],
            };
        }
        Ok(outputs)
    }
}

/// Recurrent weights `[1, gates, units]` as `[panels, units, PANEL]`: what a panel of gates is multiplied by lies together.
fn panels(recurrent: &Tensor, units: usize) -> TractResult<Tensor> {
    let gates = 4 * units;
    let weights = recurrent.try_as_plain_ram()?;
    let weights = weights.as_slice::<f32>()?;
    let count = gates.div_ceil(PANEL);
    let mut packed = vec![0f32; count * units * PANEL];
    for gate in 0..gates {
        for unit in 0..units {
            packed[((gate / PANEL) * units + unit) * PANEL + gate % PANEL] = weights[gate * units + unit];
        }
    }
    Tensor::from_shape(&[count, units, PANEL], &packed)
}

/// All steps of one direction. Inputs: what the gates are without the state `[steps, batch, 4 x units]`, the weights of
/// [`panels`], and, unless they are 0, the first state and cells `[batch, units]`.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Sequence {
    units: usize,
    backward: bool,
}

impl Op for Sequence {
    fn name(&self) -> StaticName {
        "LstmSequence".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{} units, backward: {}", self.units, self.backward)])
    }

    fn validation(&self) -> Validation {
        Validation::Rounding
    }

    op_as_typed_op!();
}

impl EvalOp for Sequence {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let units = self.units;
        let [steps, batch, _] = *inputs[0].shape() else { bail!("gates of shape {:?}", inputs[0].shape()) };
        let (mut state, mut cells) = match inputs.len() {
            4 => {
                let cells = inputs.remove(3).into_tensor();
                (inputs.remove(2).into_tensor(), cells)
            }
            _ => (Tensor::zero::<f32>(&[batch, units])?, Tensor::zero::<f32>(&[batch, units])?),
        };
        let mut all = Tensor::zero::<f32>(&[steps, batch, units])?;
        {
            let (given, panels) = (inputs[0].try_as_plain_ram()?, inputs[1].try_as_plain_ram()?);
            let (given, panels) = (given.as_slice::<f32>()?, panels.as_slice::<f32>()?);
            let mut all = all.try_as_plain_ram_mut()?;
            let all = all.as_slice_mut::<f32>()?;
            // Of one step only: the plan keeps the input, so changing it in place would copy all of it, which nobody has charged.
            let mut gates = vec![0f32; batch * 4 * units];
            let (mut state, mut cells) = (state.try_as_plain_ram_mut()?, cells.try_as_plain_ram_mut()?);
            let (state, cells) = (state.as_slice_mut::<f32>()?, cells.as_slice_mut::<f32>()?);
            let (sigmoid, tanh) = (Func::Sigmoid.ew_f32()?, Func::Tanh.ew_f32()?);
            for step in 0..steps {
                let step = if self.backward { steps - 1 - step } else { step };
                gates.copy_from_slice(&given[step * batch * 4 * units..][..batch * 4 * units]);
                recur(units, panels, state, &mut gates);
                for ((gates, cells), state) in gates
                    .chunks_exact_mut(4 * units)
                    .zip(cells.chunks_exact_mut(units))
                    .zip(state.chunks_exact_mut(units))
                {
                    sigmoid.run(&mut gates[..3 * units])?;
                    tanh.run(&mut gates[3 * units..])?;
                    let (input, rest) = gates.split_at(units);
                    let (output, rest) = rest.split_at(units);
                    let (forget, new) = rest.split_at(units);
                    for unit in 0..units {
                        cells[unit] = forget[unit] * cells[unit] + input[unit] * new[unit];
                    }
                    state.copy_from_slice(cells);
                    tanh.run(state)?;
                    for (state, output) in state.iter_mut().zip(output) {
                        *state *= output;
                    }
                }
                all[step * batch * units..][..batch * units].copy_from_slice(state);
            }
        }
        Ok(tvec![all.into_tvalue(), state.into_tvalue(), cells.into_tvalue()])
    }
}

impl TypedOp for Sequence {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [steps, batch, _] = inputs[0].shape.dims() else { bail!("gates of shape {:?}", inputs[0].shape) };
        let units = self.units.to_dim();
        let last = f32::fact([batch.clone(), units.clone()]);
        Ok(tvec![f32::fact([steps.clone(), batch.clone(), units]), last.clone(), last])
    }

    as_op!();
}

/// Adds to every row of `gates` what the row of `state` gives.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn recur(units: usize, panels: &[f32], state: &[f32], gates: &mut [f32]) {
    let mut states = state.chunks_exact(2 * units);
    let mut rows = gates.chunks_exact_mut(2 * 4 * units);
    for (state, gates) in states.by_ref().zip(rows.by_ref()) {
        multiply::<2>(units, panels, state, gates);
    }
    if !states.remainder().is_empty() {
        multiply::<1>(units, panels, states.remainder(), rows.into_remainder());
    }
}

/// [`recur`] for so many rows.
#[inline(always)]
fn multiply<const ROWS: usize>(units: usize, panels: &[f32], state: &[f32], gates: &mut [f32]) {
    for (panel, weights) in panels.chunks_exact(units * PANEL).enumerate() {
        let start = panel * PANEL;
        let width = PANEL.min(4 * units - start);
        let mut sums = [[0f32; PANEL]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            sums[..width].copy_from_slice(&gates[row * 4 * units + start..][..width]);
        }
        for (unit, weights) in weights.chunks_exact(PANEL).enumerate() {
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = state[row * units + unit];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            gates[row * 4 * units + start..][..width].copy_from_slice(&sums[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tract_onnx::prelude::Tensor;
    use tract_onnx::tract_hir::internal::Op;

    use super::super::example::{N, file, input, int, node, noise, text, weights};
    use super::super::{Deadline, Graph, named};
    use crate::budget::Budget;

    const STEPS: usize = 5;
    const WIDTH: usize = 3;

    /// The weights of a direction, without a shape.
    struct Side {
        units: usize,
        w: Vec<f32>,
        r: Vec<f32>,
        b: Vec<f32>,
    }

    fn side(units: usize, seed: u64) -> Side {
        let noise = |more, count| noise(seed * 3 + more, count);
        Side { units, w: noise(0, 4 * units * WIDTH), r: noise(1, 4 * units * units), b: noise(2, 8 * units) }
    }

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// ONNX's formulas for one row: all states in the order of the steps, and the last cells.
    fn formulas(side: &Side, x: &[f32], backward: bool, state: &[f32], cells: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let units = side.units;
        let mut state: Vec<f64> = state.iter().copied().map(f64::from).collect();
        let mut cells: Vec<f64> = cells.iter().copied().map(f64::from).collect();
        let mut all = vec![0.0; STEPS * units];
        for step in 0..STEPS {
            let step = if backward { STEPS - 1 - step } else { step };
            let gate = |number: usize, unit: usize| {
                let row = number * units + unit;
                let given = x[step * WIDTH..][..WIDTH].iter().zip(&side.w[row * WIDTH..]);
                let kept = state.iter().zip(&side.r[row * units..]);
                let bias = f64::from(side.b[row]) + f64::from(side.b[4 * units + row]);
                let given: f64 = given.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                bias + given + kept.map(|(h, r)| h * f64::from(*r)).sum::<f64>()
            };
            let cell = |unit| sigmoid(gate(2, unit)) * cells[unit] + sigmoid(gate(0, unit)) * gate(3, unit).tanh();
            let next: Vec<f64> = (0..units).map(cell).collect();
            state = (0..units).map(|unit| sigmoid(gate(1, unit)) * next[unit].tanh()).collect();
            cells = next;
            all[step * units..][..units].copy_from_slice(&state);
        }
        (all, cells)
    }

    /// The layer `direction` as a model of the inputs x, h and c, or of x alone, with the outputs y and z, the last cells.
    fn model(sides: &[&Side], direction: &str, given: bool) -> Graph {
        let (count, units) = (sides.len() as i64, sides[0].units as i64);
        let all = |part: fn(&Side) -> &[f32]| sides.iter().flat_map(|side| part(side)).copied().collect::<Vec<_>>();
        let weights = vec![
            weights("w", &[count, 4 * units, WIDTH as i64], &all(|side| &side.w)),
            weights("r", &[count, 4 * units, units], &all(|side| &side.r)),
            weights("b", &[count, 8 * units], &all(|side| &side.b)),
        ];
        let mut inputs = vec![input("x", &[STEPS as i64, N, WIDTH as i64])];
        if given {
            inputs.extend([input("h", &[count, N, units]), input("c", &[count, N, units])]);
        }
        let names = ["x", "w", "r", "b", "", "h", "c"];
        let attributes = vec![int("hidden_size", units), text("direction", direction)];
        let lstm = node("LSTM", &names[..if given { 7 } else { 4 }], &["y", "", "z"], attributes);
        Graph::of_file(&file(vec![lstm], weights, inputs, &["y", "z"])).unwrap()
    }

    fn run(graph: &Graph, inputs: &[(&str, &[usize], &[f32])]) -> Vec<Vec<f32>> {
        let inputs =
            inputs.iter().map(|(name, shape, values)| named(name, &Tensor::from_shape(shape, values).unwrap()));
        let inputs = inputs.collect::<Result<_, _>>().unwrap();
        let outputs = graph.run(inputs, &Budget::new(1 << 24), &Deadline::default()).unwrap();
        let numbers =
            |bytes: &[u8]| bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        outputs.iter().map(|output| numbers(&output.tensor.data)).collect()
    }

    fn is_one_layer(graph: &Graph) -> bool {
        graph.plan().model().nodes().iter().any(|node| Op::name(&*node.op) == "LstmSequence")
    }

    #[test]
    fn every_row_is_what_the_formulas_say() {
        // Fewer gates than a panel, as many as some panels, and a part of one more.
        for (units, batch) in [(1, 1), (8, 2), (16, 5), (11, 4)] {
            for (count, direction) in [(1, "forward"), (1, "reverse"), (2, "bidirectional")] {
                let sides: Vec<Side> = (0..count).map(|number| side(units, 1 + number)).collect();
                let graph = model(&sides.iter().collect::<Vec<_>>(), direction, true);
                assert!(is_one_layer(&graph));
                let count = count as usize;
                let x = noise(20, STEPS * batch * WIDTH);
                let (h, c) = (noise(21, count * batch * units), noise(22, count * batch * units));
                let first = [count, batch, units];
                let results = run(&graph, &[("x", &[STEPS, batch, WIDTH], &x), ("h", &first, &h), ("c", &first, &c)]);
                let [y, z] = &results[..] else { panic!("{} outputs", results.len()) };
                for (number, side) in sides.iter().enumerate() {
                    for row in 0..batch {
                        let of_row = |step: usize| x[(step * batch + row) * WIDTH..][..WIDTH].to_vec();
                        let of_row: Vec<f32> = (0..STEPS).flat_map(of_row).collect();
                        let own = |values: &[f32]| values[(number * batch + row) * units..][..units].to_vec();
                        let backward = direction == "reverse" || number == 1;
                        let (all, cells) = formulas(side, &of_row, backward, &own(&h), &own(&c));
                        let what = format!("{direction} {number}, {units} units, row {row} of {batch}");
                        for step in 0..STEPS {
                            let got = &y[((step * count + number) * batch + row) * units..][..units];
                            assert_close(got, &all[step * units..][..units], &what);
                        }
                        assert_close(&own(z), &cells, &what);
                    }
                }
            }
        }
    }

    fn assert_close(got: &[f32], want: &[f64], what: &str) {
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 2e-6, "{what}: {got} is not {want}");
        }
    }

    #[test]
    fn a_row_is_the_same_to_the_last_bit_in_any_batch_and_begins_at_0() {
        let side = side(24, 5);
        let graph = model(&[&side], "forward", false);
        let x = noise(30, STEPS * 3 * WIDTH);
        let together = &run(&graph, &[("x", &[STEPS, 3, WIDTH], &x)])[1];
        let zeros = vec![0.0; 24];
        for row in 0..3 {
            let alone: Vec<f32> = (0..STEPS).flat_map(|step| x[(step * 3 + row) * WIDTH..][..WIDTH].to_vec()).collect();
            let cells = &run(&graph, &[("x", &[STEPS, 1, WIDTH], &alone)])[1];
            assert_eq!(cells, &together[row * 24..][..24]);
            assert_close(cells, &formulas(&side, &alone, false, &zeros, &zeros).1, "without a first state");
        }
    }

    #[test]
    fn too_many_units_are_left_to_tract() {
        let side = side(super::MOST_UNITS + 1, 1);
        assert!(!is_one_layer(&model(&[&side], "forward", true)));
    }
}
