"""Mathematics by its names in `tensorflow.math`."""

from titan.keras.functions import (
    abs,
    add,
    ceil,
    cos,
    divide,
    equal,
    exp,
    expm1,
    floor,
    greater,
    less,
    log,
    log1p,
    log_softmax,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    sqrt,
    square,
    squared_difference,
    subtract,
    tan,
    tanh,
    top_k,
)
from titan.keras.functions import isfinite as is_finite
from titan.keras.functions import isnan as is_nan
from titan.keras.functions import normalize as _normalize

from ._names import (
    argmax,
    argmin,
    pow,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_std,
    reduce_sum,
    reduce_variance,
)


def l2_normalize(x, axis=-1, epsilon=1e-12, name=None):
    return _normalize(x, axis, 2, epsilon**0.5)
