"""Mends what tf2onnx leaves wrong in a graph, and refuses a graph that is not ONNX.

Knows nothing of Keras.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper


def repair(path, inputs, captured):
    """Rewrites the file at `path`, whose only true inputs are `inputs`.

    tf2onnx makes an input of every tensor that the traced function captured; `captured` has their values by name.
    Raises onnx.checker.ValidationError where an operator has no ONNX form.
    """
    model = onnx.load(path)
    _fill_captured(model.graph, set(inputs), captured)
    _replace_erfc(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _fill_captured(graph, inputs, captured):
    known = {tensor.name for tensor in graph.initializer}
    for port in [port for port in graph.input if port.name not in inputs]:
        graph.input.remove(port)
        if port.name not in known:
            graph.initializer.append(numpy_helper.from_array(np.asarray(captured[port.name]), port.name))


def _replace_erfc(graph):
    """ONNX has no Erfc, which TensorFlow's GELU is made of; it is 1 - Erf."""
    nodes = []
    for node in graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        one, erf = f"{node.output[0]}/one", f"{node.output[0]}/erf"
        graph.initializer.append(numpy_helper.from_array(np.float32(1), one))
        nodes.append(helper.make_node("Erf", [node.input[0]], [erf]))
        nodes.append(helper.make_node("Sub", [one, erf], [node.output[0]]))
    del graph.node[:]
    graph.node.extend(nodes)
