//! Checks models before they are served: each is loaded as a gateway loads it, and must give for sample inputs what its own
//! library gave, so that one which cannot be served, or would answer wrongly, fails the deploy and not its requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use titan_sdk::budget::Budget;
use titan_sdk::inference::{Deadline, Graph, InferenceError, NamedTensor};
use titan_sdk::joined::Joined;
use titan_sdk::manifest::Batch;
use wasmtime_wasi_nn::Tensor;
use wasmtime_wasi_nn::wit::TensorType;

use crate::error::CompileError;
use crate::freeze::{Array, FrozenModel, Sample};

/// How far an output may be from the notebook's, relative to the largest in it. Inference computes in another order, and
/// approximates activations.
const TOLERANCE: f64 = 1e-3;
/// What is as good as zero.
const ZERO: f64 = 1e-6;

/// Loads every model. With `memory`, the version's in bytes, each is compared with what its own library computes.
///
/// # Errors
/// A model that inference cannot load, or that differs.
pub(crate) fn load(models: &[FrozenModel], memory: Option<u64>) -> Result<HashMap<String, Arc<Graph>>, CompileError> {
    let load = |model: &FrozenModel| {
        let failed =
            |error: InferenceError| CompileError::Model { place: model.place.clone(), cause: error.to_string() };
        let graph = Graph::load(&model.onnx).map_err(failed)?;
        for sample in memory.iter().flat_map(|_| &model.samples) {
            let budget = Budget::new(memory.unwrap_or_default());
            match compare(&graph, sample, &budget) {
                Ok(None) => {}
                // Whether it fits with the rest, requests show.
                Err(InferenceError::OutOfMemory { .. }) => {}
                Ok(Some(difference)) => {
                    return Err(CompileError::ModelDiffers { place: model.place.clone(), difference });
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok((model.name.clone(), Arc::new(graph)))
    };
    models.iter().map(load).collect()
}

/// What comes of `batch` for every model, a line each, as a gateway on this machine will find.
pub(crate) fn joined(
    models: &[FrozenModel],
    graphs: &HashMap<String, Arc<Graph>>,
    batch: Batch,
    memory: u64,
) -> Vec<String> {
    let line = |model: &FrozenModel| match Joined::new(&graphs[&model.name], batch, memory) {
        Ok(_) => {
            let wait = Duration::from_micros(batch.wait_us);
            format!("batch: predictions of {}, are joined, {} rows at most, within {wait:?}", model.place, batch.max)
        }
        Err(reason) => format!("batch: predictions of {}, are not joined: {reason}", model.place),
    };
    if models.is_empty() {
        return vec!["batch: no endpoint predicts with a model, so there is nothing to join".into()];
    }
    models.iter().map(line).collect()
}

/// The first difference, for people.
fn compare(graph: &Graph, sample: &Sample, budget: &Arc<Budget>) -> Result<Option<String>, InferenceError> {
    let inputs = sample.inputs.iter().map(input).collect::<Result<_, _>>()?;
    let outputs = graph.run(inputs, budget, &Deadline::default())?;
    Ok(sample.outputs.iter().zip(&outputs).enumerate().find_map(|(number, (wanted, got))| {
        let difference = differs(wanted, &got.tensor)?;
        Some(format!("output {number} for inputs of shape {}: {difference}", shapes(&sample.inputs)))
    }))
}

fn shapes(inputs: &[Array]) -> String {
    inputs.iter().map(|input| format!("{:?}", input.shape)).collect::<Vec<_>>().join(", ")
}

fn input(array: &Array) -> Result<NamedTensor, InferenceError> {
    let ty = match array.dtype.as_str() {
        "float16" => TensorType::Fp16,
        "float32" => TensorType::Fp32,
        "float64" => TensorType::Fp64,
        "uint8" | "bool" => TensorType::U8,
        "int32" => TensorType::I32,
        "int64" => TensorType::I64,
        other => return Err(InferenceError::Input(format!("input {:?} has type {other}", array.name))),
    };
    let tensor = Tensor::new(array.shape.clone(), ty, array.data.clone());
    Ok(NamedTensor { name: array.name.clone(), tensor })
}

fn differs(wanted: &Array, got: &Tensor) -> Option<String> {
    if wanted.shape != got.dimensions {
        return Some(format!("it has shape {:?}, and {:?} in the notebook", got.dimensions, wanted.shape));
    }
    let wanted = numbers(
        &wanted.data,
        match wanted.dtype.as_str() {
            "float32" => TensorType::Fp32,
            "float64" => TensorType::Fp64,
            "uint8" | "bool" => TensorType::U8,
            "int32" => TensorType::I32,
            "int64" => TensorType::I64,
            _ => return None,
        },
    )?;
    let got = numbers(&got.data, got.ty)?;
    let largest = wanted.iter().filter(|x| x.is_finite()).fold(0f64, |most, x| most.max(x.abs()));
    let margin = TOLERANCE * largest + ZERO;
    let same = |(one, other): &(&f64, &f64)| {
        one == other || (one.is_nan() && other.is_nan()) || (*one - *other).abs() <= margin
    };
    let (one, other) = wanted.iter().zip(&got).find(|pair| !same(pair))?;
    Some(format!("it gives {other}, and {one} in the notebook"))
}

/// The elements; None for a type whose numbers are too coarse to compare.
fn numbers(data: &[u8], ty: TensorType) -> Option<Vec<f64>> {
    fn each<const N: usize>(data: &[u8], number: fn([u8; N]) -> f64) -> Vec<f64> {
        data.chunks_exact(N).filter_map(|bytes| bytes.try_into().ok().map(number)).collect()
    }
    Some(match ty {
        TensorType::Fp32 => each(data, |bytes| f32::from_le_bytes(bytes).into()),
        TensorType::Fp64 => each(data, f64::from_le_bytes),
        TensorType::U8 => each(data, |[byte]: [u8; 1]| byte.into()),
        TensorType::I32 => each(data, |bytes| i32::from_le_bytes(bytes).into()),
        TensorType::I64 => each(data, |bytes| i64::from_le_bytes(bytes) as f64),
        TensorType::Fp16 | TensorType::Bf16 => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: &[f32]) -> Array {
        let data = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Array { name: "y".into(), dtype: "float32".into(), shape: vec![values.len() as u32], data }
    }

    fn tensor(values: &[f32]) -> Tensor {
        let Array { shape, data, .. } = array(values);
        Tensor::new(shape, TensorType::Fp32, data)
    }

    #[test]
    fn outputs_may_differ_by_what_another_order_of_sums_makes() {
        for (wanted, got, same) in [
            (&[1.0, 2.0][..], &[1.0, 2.0015][..], true),
            (&[1.0, 2.0], &[1.0, 2.1], false),
            // A small element beside a large one.
            (&[1e-7, 1000.0], &[3e-7, 1000.0], true),
            (&[1e-3, 2e-3], &[1e-3, 3e-3], false),
            (&[f32::NAN, f32::INFINITY], &[f32::NAN, f32::INFINITY], true),
            (&[f32::NAN], &[1.0], false),
            (&[1.0], &[f32::INFINITY], false),
        ] {
            assert_eq!(differs(&array(wanted), &tensor(got)).is_none(), same, "{wanted:?} {got:?}");
        }
        assert!(differs(&array(&[1.0]), &tensor(&[1.0, 1.0])).is_some_and(|text| text.contains("shape [2], and [1]")));
    }
}
