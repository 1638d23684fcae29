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

_TYPES = {np.dtype(name).str: number for name, number in TENSOR_TYPES.items()}
_DTYPES = {number: np.dtype(name) for name, number in TENSOR_TYPES.items() if name != "bool"}


def run(graph, names, arrays):
    """All outputs of the graph of that name, in its order, for contiguous arrays as the inputs `names`."""
    # Not by the type's name, which numpy puts together anew whenever it is asked.
    given = [(name, _TYPES[array.dtype.str], array.shape, array) for name, array in zip(names, arrays)]
    return [np.ndarray(shape, _DTYPES[number], data).copy() for _, number, shape, data in _titan.infer(graph, given)]
