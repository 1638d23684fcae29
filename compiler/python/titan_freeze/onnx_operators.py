"""Spells operators of a graph out in simpler ones, where ONNX lacks them or the host's inference is too coarse.

Within a model the host's fast approximations are as good as any. They are not where a small number is itself the
answer: a probability of 1e-9 from a sigmoid that is right to 5e-7 is no probability.
"""

import numpy as np
from onnx import helper, numpy_helper

# Operators that move numbers without changing them.
LAYOUT = {"Concat", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}

ALWAYS = {
    # TensorFlow's GELU is made of it; ONNX has only its complement.
    "Erfc": [("Erf", "x", "erf"), ("Sub", "one erf", "y")],
    # The host takes the logarithm of a softmax that may have become 0.
    "LogSoftmax": [
        ("ReduceMax", "x", "max"),
        ("Sub", "x max", "shifted"),
        ("Exp", "shifted", "powers"),
        ("ReduceSum", "powers axes", "sum"),
        ("Log", "sum", "log"),
        ("Sub", "shifted log", "y"),
    ],
}

AS_OUTPUT = {
    "Sigmoid": [
        ("Neg", "x", "negative"),
        ("Exp", "negative", "power"),
        ("Add", "power one", "sum"),
        ("Div", "one sum", "y"),
    ],
    # max(x, 0) + log(1 + u) with u = exp(-|x|). A small u is lost in w = 1 + u, which u / (w - 1) makes up for.
    "Softplus": [
        ("Abs", "x", "size"),
        ("Neg", "size", "negative"),
        ("Exp", "negative", "u"),
        ("Add", "one u", "w"),
        ("Sub", "w one", "seen"),
        ("Log", "w", "log"),
        ("Equal", "seen zero", "is_lost"),
        ("Where", "is_lost one seen", "divisor"),
        ("Where", "is_lost one log", "factor"),
        ("Div", "u divisor", "ratio"),
        ("Mul", "ratio factor", "log1p"),
        ("Max", "x zero", "positive"),
        ("Add", "positive log1p", "y"),
    ],
}
"""How each operator is spelled out: (operator, its inputs, its output). x is the operator's input, y its output."""

NUMBERS = {"one": 1, "zero": 0}


def spell_out(graph):
    """Replaces nodes of `graph`: those of ALWAYS, those of AS_OUTPUT whose result is an output, and reversals."""
    outputs = _outputs(graph)
    nodes = []
    for node in graph.node:
        if node.op_type == "ReverseSequence" and "ReverseV2" in node.name:
            nodes.append(_reversed(graph, node))
            continue
        steps = ALWAYS.get(node.op_type)
        if steps is None and node.output[0] in outputs:
            steps = AS_OUTPUT.get(node.op_type)
        nodes.extend([node] if steps is None else _spelled(graph, node, steps))
    set_nodes(graph, nodes)


def set_nodes(graph, nodes):
    """Makes `nodes` all the nodes of `graph`, in an order in which each comes after its inputs."""
    nodes = list(nodes)
    del graph.node[:]
    graph.node.extend(nodes)


def _outputs(graph):
    """Names of the outputs, and of what they are but another layout of."""
    outputs = {port.name for port in graph.output}
    for node in reversed(graph.node):
        if node.output[0] in outputs and node.op_type in LAYOUT:
            outputs.update(node.input if node.op_type == "Concat" else node.input[:1])
    return outputs


def _reversed(graph, node):
    """Backwards along the time axis, whole: what tf2onnx writes for TensorFlow's ReverseV2."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "time_axis"), 0)
    names = [node.input[0]]
    for name, value in ("starts", -1), ("ends", np.iinfo(np.int64).min), ("axes", axis), ("steps", -1):
        names.append(f"{node.output[0]}/{name}")
        graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), names[-1]))
    return helper.make_node("Slice", names, node.output)


def _spelled(graph, node, steps):
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), -1)
    names = {"x": node.input[0], "y": node.output[0]}
    constants = {name: np.float32(value) for name, value in NUMBERS.items()} | {"axes": np.array([axis], np.int64)}
    spelled = []
    for operator, inputs, output in steps:
        for name in inputs.split():
            if name not in names:
                names[name] = f"{node.output[0]}/{name}"
                graph.initializer.append(numpy_helper.from_array(constants[name], names[name]))
        names.setdefault(output, f"{node.output[0]}/{output}")
        options = {"axes": [axis]} if operator == "ReduceMax" else {}
        spelled.append(helper.make_node(operator, [names[name] for name in inputs.split()], [names[output]], **options))
    return spelled
