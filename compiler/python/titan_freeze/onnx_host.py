"""Says in other words what the host's inference cannot run as it is written. Knows nothing of who wrote it."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from . import onnx_ml
from .onnx_operators import set_nodes


def adapt_file(path):
    """Rewrites the model in a file."""
    model = onnx.load(path)
    adapt(model)
    onnx.save(model, path)


def adapt(model):
    """Rewrites `model` for the host; what it computes stays the same."""
    onnx_ml.spell_out(model.graph)
    _widen_grus(model.graph)


def _widen_grus(graph):
    """The host's GRU fails on steps of a single number: such a number is given twice, the second time with weight 0."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        tensor = weights.get(node.input[1]) if node.op_type == "GRU" else None
        if tensor is not None and tensor.dims[-1] == 1:
            wide, weight = f"{node.output[0] or node.name}/wide", f"{node.output[0] or node.name}/weight"
            nodes.append(helper.make_node("Concat", [node.input[0], node.input[0]], [wide], axis=2))
            own = numpy_helper.to_array(tensor)
            graph.initializer.append(numpy_helper.from_array(np.concatenate([own, np.zeros_like(own)], -1), weight))
            node.input[0], node.input[1] = wide, weight
        nodes.append(node)
    set_nodes(graph, nodes)
