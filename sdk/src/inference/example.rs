//! ONNX files for tests.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::type_proto::{self, Value as TypeValue};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};

/// The dimension that is left open, the batch's.
pub(crate) const N: i64 = -1;

/// Numbers without meaning from -1 to 1, other ones for another seed.
pub(crate) fn noise(seed: u64, count: usize) -> Vec<f32> {
    // Knuth's MMIX.
    let next = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((*state >> 40) as f32 / (1 << 23) as f32 - 1.0)
    };
    std::iter::repeat_n((), count).scan(seed, |state, ()| next(state)).collect()
}

/// A tensor of floats that is given to the model.
pub(crate) fn input(name: &str, shape: &[i64]) -> ValueInfoProto {
    let value = |&size: &i64| if size == N { Value::DimParam("N".into()) } else { Value::DimValue(size) };
    let dim = shape.iter().map(|size| Dimension { value: Some(value(size)), ..Default::default() }).collect();
    let shape = Some(TensorShapeProto { dim });
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape };
    let r#type = Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..Default::default() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

pub(crate) fn weights(name: &str, shape: &[i64], values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto {
        dims: shape.into(),
        data_type: DataType::Float as i32,
        name: name.into(),
        raw_data,
        ..Default::default()
    }
}

/// A layer under the name of its first output. An input or output without a name is left out.
pub(crate) fn node(op: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    let all = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    let name = outputs.concat();
    NodeProto { op_type: op.into(), name, input: all(inputs), output: all(outputs), attribute, ..Default::default() }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i, ..Default::default() }
}

pub(crate) fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::String as i32, s: text.into(), ..Default::default() }
}

pub(crate) fn file(
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: &[&str],
) -> ModelProto {
    let output = outputs.iter().map(|name| ValueInfoProto { name: (*name).into(), ..Default::default() }).collect();
    let graph = GraphProto { node: nodes, initializer: weights, input: inputs, output, ..Default::default() };
    let opset_import = vec![OperatorSetIdProto { version: 13, ..Default::default() }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..Default::default() }
}
