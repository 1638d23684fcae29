"""Runs the ONNX graphs of the version, which the host does. Knows nothing of what library a graph came from."""

import _titan
import numpy as np

TENSOR_TYPES = {
    "float16": 0,
    "float32": 1,
    "float64": 2,
    "uint8": 4,
    "bool": 4,
    "int32": 5,
    "int64": 6,
}
"""Ordinals of wasi-nn's tensor types by numpy's names. A bool crosses as a byte."""

_DTYPES = {number: np.dtype(name) for name, number in TENSOR_TYPES.items() if name != "bool"}


def run(graph, names, arrays):
    """All outputs of the graph of that name, in its order, for contiguous arrays as the inputs `names`."""
    given = [(name, TENSOR_TYPES[array.dtype.name], array.shape, array) for name, array in zip(names, arrays)]
    return [
        np.frombuffer(data, _DTYPES[number]).reshape(shape).copy()
        for _, number, shape, data in _titan.infer(graph, given)
    ]
