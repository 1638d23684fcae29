"""Mends inputs and shapes of a graph that tf2onnx leaves wrong or beyond the host, and refuses what is no ONNX.

Knows nothing of Keras.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import onnx_operators

# Operators that shapes are computed with, and which of their inputs hold the computed values.
ARITHMETIC = {
    **dict.fromkeys(("Add", "Concat", "Div", "Max", "Min", "Mul", "Sub"), slice(None)),
    **dict.fromkeys(("Gather", "Identity", "ReduceProd", "Reshape", "Slice", "Squeeze", "Unsqueeze"), slice(1)),
}


class NotOnnx(Exception):
    """Why a graph has no form in ONNX that could be run."""


def repair(path, inputs, captured):
    """Rewrites the file at `path`, whose only true inputs are `inputs`.

    tf2onnx makes an input of every tensor that the traced function captured; `captured` has their values by name.
    """
    model = onnx.load(path)
    graph = model.graph
    _fill_captured(graph, set(inputs), captured)
    onnx_operators.spell_out(graph)
    _share_batch(graph)
    if not has_loops(graph):
        _widen_shapes(graph)
        _multiply_out(graph)
        _give_rank(model)
    for node in graph.node:
        if not onnx.defs.has(node.op_type, node.domain):
            raise NotOnnx(f"{_layer(node.name)} needs the operator {node.op_type}, which ONNX does not have")
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return graph


def _layer(name):
    """The layer that the node or tensor `name` comes from, without the models around it and the operation within."""
    return "/".join(name.split("/")[2:-1]) or name


def has_loops(graph):
    """Whether a node of `graph` holds a graph."""
    kinds = onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS
    return any(attribute.type in kinds for node in graph.node for attribute in node.attribute)


def _fill_captured(graph, inputs, captured):
    known = {tensor.name for tensor in graph.initializer}
    for port in [port for port in graph.input if port.name not in inputs]:
        graph.input.remove(port)
        if port.name in known:
            continue
        if port.name not in captured:
            raise NotOnnx(f"{_layer(port.name)} looks values up in a table, which ONNX does not have")
        graph.initializer.append(numpy_helper.from_array(np.asarray(captured[port.name]), port.name))


def _share_batch(graph):
    """Gives the first dimension of all inputs and outputs one name, where it is open: each has the same batch."""
    for port in [*graph.input, *graph.output]:
        dimensions = port.type.tensor_type.shape.dim
        if dimensions and not dimensions[0].HasField("dim_value"):
            dimensions[0].dim_param = "batch"


def _widen_shapes(graph):
    """Computes shapes with int64 throughout.

    tf2onnx casts shapes to int32, as TensorFlow has them, and back. The casts change nothing, but keep the host's
    inference from following the open batch size through them.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shapes, widened, nodes = set(), set(), []

    def as_type(name, type_):
        """The name of `name` cast to `type_`."""
        cast = f"{name}/as_{type_}"
        if name in constants:
            if cast not in constants:
                dtype = helper.tensor_dtype_to_np_dtype(type_)
                constants[cast] = numpy_helper.from_array(numpy_helper.to_array(constants[name]).astype(dtype), cast)
                graph.initializer.append(constants[cast])
        elif not any(cast in node.output for node in nodes):
            nodes.append(helper.make_node("Cast", [name], [cast], to=type_))
        return cast

    for node in graph.node:
        from_shape = [name in shapes for name in node.input]
        if node.op_type == "Shape":
            shapes.update(node.output)
        elif node.op_type == "Cast" and from_shape[0] and node.attribute[0].i in (TensorProto.INT32, TensorProto.INT64):
            if node.attribute[0].i == TensorProto.INT32:
                widened.update(node.output)
            shapes.update(node.output)
            node = helper.make_node("Identity", node.input, node.output)
        elif any(from_shape[ARITHMETIC.get(node.op_type, slice(0))]):
            where = ARITHMETIC[node.op_type]
            if widened.intersection(node.input[where]):
                for index in range(len(node.input))[where]:
                    if node.input[index] not in shapes:
                        node.input[index] = as_type(node.input[index], TensorProto.INT64)
                widened.update(node.output)
            shapes.update(node.output)
        elif node.op_type != "Cast":
            # Something else than a shape is made of it, for which its type matters.
            for index, name in enumerate(node.input):
                if name in widened:
                    node.input[index] = as_type(name, TensorProto.INT32)
        nodes.append(node)
    for port in graph.output:
        if port.name in widened:
            port.type.tensor_type.elem_type = TensorProto.INT64
    onnx_operators.set_nodes(graph, nodes)


def _multiply_out(graph):
    """Replaces products over sizes of a shape by multiplications, through which the host can follow an open size."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    nodes = []
    for node in graph.node:
        gather = makers.get(node.input[0]) if node.op_type == "ReduceProd" else None
        if gather is None or gather.op_type != "Gather" or gather.input[1] not in constants:
            nodes.append(node)
            continue
        product = None
        for index in numpy_helper.to_array(constants[gather.input[1]]).reshape(-1):
            name = f"{node.output[0]}/{index}"
            graph.initializer.append(numpy_helper.from_array(np.array([index], np.int64), f"{name}/index"))
            nodes.append(helper.make_node("Gather", [gather.input[0], f"{name}/index"], [name]))
            if product is not None:
                nodes.append(helper.make_node("Mul", [product, name], [f"{name}/product"]))
                name = f"{name}/product"
            product = name
        nodes.append(helper.make_node("Identity", [product], node.output))
    onnx_operators.set_nodes(graph, nodes)


def _give_rank(model):
    """Gives numbers that are expanded to a shape the rank of that shape, without which the host loses it."""
    graph = model.graph
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if not tensor.dims}
    expanded = [node for node in graph.node if node.op_type == "Expand" and node.input[0] in numbers]
    if not expanded:
        return
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in inferred}
    for node in expanded:
        name = f"{node.output[0]}/number"
        number = numbers[node.input[0]].reshape([1] * ranks.get(node.output[0], 0))
        graph.initializer.append(numpy_helper.from_array(number, name))
        node.input[0] = name
