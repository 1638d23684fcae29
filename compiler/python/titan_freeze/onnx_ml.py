"""Says the linear models and scalers of ONNX's domain `ai.onnx.ml`, as skl2onnx writes them, in the operators of ONNX
itself, which the host has. Trees it has as they are. Knows nothing of who wrote the graph."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .onnx_operators import set_nodes

DOMAIN = "ai.onnx.ml"


def spell_out(graph):
    """Replaces the nodes that it knows."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        spell = _SPELLED.get(node.op_type) if node.domain == DOMAIN else None
        written = spell and spell(_Steps(graph, node, constants))
        nodes.extend(written or [node])
    set_nodes(graph, nodes)


class _Steps:
    """The nodes that take the place of one."""

    def __init__(self, graph, node, constants):
        self.node, self.constants, self._graph = node, constants, graph
        self.options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        self.nodes = []

    def text(self, name, default):
        return self.options.get(name, default.encode()).decode()

    def constant(self, name, value):
        """The name of a constant of its own."""
        name = f"{self.node.output[0]}/{name}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def step(self, operator, inputs, output=None, **options):
        """Adds a node and returns the name of its output."""
        output = output or f"{self.node.output[0]}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **options))
        return output

    def floats(self):
        """The input as float32."""
        kinds = {port.name: port.type.tensor_type.elem_type for port in self._graph.input}
        if kinds.get(self.node.input[0], TensorProto.FLOAT) == TensorProto.FLOAT:
            return self.node.input[0]
        return self.step("Cast", [self.node.input[0]], to=TensorProto.FLOAT)


def _scaler(steps):
    offset, scale = (np.float32(steps.options.get(name, [default])) for name, default in (("offset", 0), ("scale", 1)))
    shifted = steps.step("Sub", [steps.floats(), steps.constant("offset", offset)])
    steps.step("Mul", [shifted, steps.constant("scale", scale)], steps.node.output[0])
    return steps.nodes


def _normalizer(steps):
    x = steps.floats()
    # "MAX" is the largest number, not the largest size.
    operator = {"MAX": "ReduceMax", "L1": "ReduceL1", "L2": "ReduceL2"}[steps.text("norm", "MAX")]
    axes = steps.constant("axes", np.array([-1]))
    size = steps.step(operator, [x, axes], keepdims=1)
    zero, one = steps.constant("zero", np.float32(0)), steps.constant("one", np.float32(1))
    divisor = steps.step("Where", [steps.step("Equal", [size, zero]), one, size])
    steps.step("Div", [x, divisor], steps.node.output[0])
    return steps.nodes


def _scores(steps, rows, output=None):
    """The products with `rows` of coefficients, and the intercepts."""
    weights = np.float32(steps.options["coefficients"]).reshape(rows, -1).T
    intercepts = steps.options.get("intercepts")
    product = steps.step("MatMul", [steps.floats(), steps.constant("weights", weights)], None if intercepts else output)
    if not intercepts:
        return product
    return steps.step("Add", [product, steps.constant("intercepts", np.float32(intercepts))], output)


def _linear_regressor(steps):
    if steps.text("post_transform", "NONE") != "NONE":
        return None
    _scores(steps, steps.options.get("targets", 1), steps.node.output[0])
    return steps.nodes


def _linear_classifier(steps):
    labels = steps.options.get("classlabels_ints")
    transform = steps.text("post_transform", "NONE")
    operator = {"NONE": "Identity", "LOGISTIC": "Sigmoid", "SOFTMAX": "Softmax"}.get(transform)
    width = len(steps.options["coefficients"])
    if not labels or operator is None or width % len(labels) or len(steps.options.get("intercepts", labels)) != len(labels):
        return None
    scores = _scores(steps, len(labels))
    best = steps.step("ArgMax", [scores], axis=1, keepdims=0)
    steps.step("Gather", [steps.constant("labels", np.array(labels, np.int64)), best], steps.node.output[0])
    steps.step(operator, [scores], steps.node.output[1], **({"axis": 1} if operator == "Softmax" else {}))
    return steps.nodes


def _array_feature_extractor(steps):
    table, places = steps.node.input
    flat = steps.step("Reshape", [places, steps.constant("flat", np.array([-1]))])
    alone = table in steps.constants and len(steps.constants[table].dims) == 1
    found = steps.step("Gather", [table, flat], None if alone else steps.node.output[0], axis=-1)
    if alone:
        steps.step("Unsqueeze", [found, steps.constant("first", np.array([0]))], steps.node.output[0])
    return steps.nodes


_SPELLED = {
    "ArrayFeatureExtractor": _array_feature_extractor,
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "Normalizer": _normalizer,
    "Scaler": _scaler,
}
