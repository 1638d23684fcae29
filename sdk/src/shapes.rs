//! The tensors of an ONNX model, for people: what it takes, gives and has learned.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{ModelProto, TensorProto, tensor_proto::DataType};
use tract_onnx::prelude::*;

use crate::manifest::{Shapes, Tensor};

/// Describes `file`, whose tensors `model` has after its types were inferred. `name` names them.
pub(crate) fn of(file: &ModelProto, model: &TypedModel, name: impl Fn(OutletId) -> String) -> TractResult<Shapes> {
    let tensor = |&outlet: &OutletId| -> TractResult<Tensor> {
        let fact = model.outlet_fact(outlet)?;
        let shape = fact.shape.dims().iter().map(ToString::to_string).collect();
        Ok(Tensor { name: name(outlet), element: format!("{:?}", fact.datum_type), shape })
    };
    let all = |outlets: &[OutletId]| outlets.iter().map(tensor).collect::<TractResult<_>>();
    Ok(Shapes { inputs: all(model.input_outlets()?)?, outputs: all(model.output_outlets()?)?, weights: weights(file) })
}

/// The weights as they are in the file, in the order of the nodes that use them. An optimiser folds and reshapes them.
fn weights(file: &ModelProto) -> Vec<Tensor> {
    let Some(graph) = &file.graph else { return Vec::new() };
    let known: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let mut seen = HashSet::new();
    let used = graph.node.iter().flat_map(|node| &node.input).filter_map(|input| known.get(input.as_str()));
    used.filter(|tensor| seen.insert(tensor.name.as_str())).filter_map(|tensor| weight(tensor)).collect()
}

/// Nothing for scalars and whole numbers of 32 and 64 bits: they are an operator's settings, axes and shapes.
fn weight(tensor: &TensorProto) -> Option<Tensor> {
    if tensor.dims.is_empty() {
        return None;
    }
    let element = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float => "F32",
        DataType::Double => "F64",
        DataType::Float16 => "F16",
        DataType::Bfloat16 => "BF16",
        DataType::Int8 => "I8",
        DataType::Uint8 => "U8",
        _ => return None,
    };
    let shape = tensor.dims.iter().map(ToString::to_string).collect();
    Some(Tensor { name: tensor.name.clone(), element: element.into(), shape })
}
