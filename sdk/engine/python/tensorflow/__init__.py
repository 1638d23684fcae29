"""The part of TensorFlow that endpoints use around a deployed model: tensors over numpy arrays, and what is computed
with them.

Networks themselves run in the host (`titan.keras`). What is not here says so.
"""

import numpy as np

from titan.keras.functions import (
    abs,
    add,
    argsort,
    cast,
    convert_to_tensor,
    cos,
    divide,
    equal,
    exp,
    expand_dims,
    floor,
    greater,
    greater_equal,
    is_tensor,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    matmul,
    maximum,
    minimum,
    multiply,
    negative,
    newaxis,
    not_equal,
    ones,
    ones_like,
    repeat,
    reshape,
    round,
    shape,
    sigmoid,
    sign,
    sin,
    sort,
    sqrt,
    square,
    stack,
    subtract,
    tan,
    tanh,
    tile,
    where,
    zeros,
    zeros_like,
)
from titan.keras.tensor import Tensor
from titan.keras.tensor import Shape as TensorShape

from . import keras, math, nn
from ._names import (
    argmax,
    argmin,
    clip_by_value,
    concat,
    constant,
    fill,
    gather,
    one_hot,
    pow,
    range,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    squeeze,
    transpose,
    unstack,
)

__version__ = "2"
float16, float32, float64, double = map(np.dtype, ("float16", "float32", "float64", "float64"))
int8, int16, int32, int64 = map(np.dtype, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(np.dtype, ("uint8", "uint16", "uint32", "uint64"))
bool = np.dtype("bool")


def function(func=None, **_):
    """There are no graphs: the function runs as it is."""
    return func if func is not None else function


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"the engine's tensorflow has no {name!r}: it has tensors and what is computed with them; "
        "do the rest in a cell before"
    )
