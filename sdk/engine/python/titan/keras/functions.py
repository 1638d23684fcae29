"""What endpoints compute with tensors around a deployed model: the functions that `tensorflow` and `keras.ops` share.

Each is that of numpy, on the types that TensorFlow would choose: Python's floats are float32, its integers int32, and
arrays keep their type.
"""

import builtins

import numpy as np

from .tensor import Tensor

newaxis = None


def array(value, dtype=None):
    """The numpy array of a tensor, an array, or nested lists of numbers and tensors."""
    if isinstance(value, Tensor):
        made = value._array
    elif isinstance(value, (np.ndarray, np.generic)):
        made = np.asarray(value)
    elif hasattr(value, "to_numpy"):
        made = value.to_numpy()
    else:
        made = np.array(_plain(value))
        if not _has_types(value):
            made = made.astype({"f": np.float32, "i": np.int32}.get(made.dtype.kind, made.dtype))
    return made if dtype is None else made.astype(_dtype(dtype), copy=False)


def _plain(value):
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else np.asarray(value)


def _has_types(value):
    if isinstance(value, (list, tuple)):
        return builtins.any(map(_has_types, value))
    return hasattr(value, "dtype")


def _dtype(dtype):
    return np.dtype(dtype)


def _alike(*values):
    """The arrays of operands: a Python number takes the type of a tensor beside it."""
    typed = [value for value in values if hasattr(value, "dtype")]
    kind = typed[0].dtype if typed else None
    return [array(value) if kind is None or hasattr(value, "dtype") else np.asarray(value, kind) for value in values]


def _float(x):
    x = array(x)
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def convert_to_tensor(value, dtype=None, **_):
    return Tensor(array(value, dtype))


def convert_to_numpy(x):
    return np.array(array(x))


def is_tensor(value):
    return isinstance(value, Tensor)


def cast(x, dtype):
    return Tensor(array(x).astype(_dtype(dtype)))


def shape(x):
    return Tensor(np.array(array(x).shape, np.int32))


def reshape(tensor, shape):
    return Tensor(array(tensor).reshape([int(size) for size in np.atleast_1d(array(shape))]))


def expand_dims(x, axis):
    return Tensor(np.expand_dims(array(x), axis))


def squeeze(x, axis=None):
    return Tensor(np.squeeze(array(x), tuple(axis) if isinstance(axis, list) else axis))


def transpose(x, axes=None):
    return Tensor(np.transpose(array(x), axes))


def concatenate(xs, axis=0):
    return Tensor(np.concatenate(_alike(*xs), axis))


def stack(xs, axis=0):
    return Tensor(np.stack(_alike(*xs), axis))


def tile(x, repeats):
    return Tensor(np.tile(array(x), array(repeats)))


def repeat(x, repeats, axis=None):
    return Tensor(np.repeat(array(x), array(repeats), axis))


def take(x, indices, axis=0):
    return Tensor(np.take(array(x), array(indices), axis))


def where(condition, x1=None, x2=None):
    if x1 is None:
        return Tensor(np.argwhere(array(condition)))
    return Tensor(np.where(array(condition), *_alike(x1, x2)))


def one_hot(x, num_classes, axis=-1, dtype=np.float32):
    classes = np.arange(int(num_classes))
    return Tensor(np.moveaxis((array(x)[..., None] == classes).astype(_dtype(dtype)), -1, axis))


def sort(x, axis=-1):
    return Tensor(np.sort(array(x), axis))


def argsort(x, axis=-1):
    return Tensor(np.argsort(array(x), axis, kind="stable").astype(np.int32))


def top_k(x, k, sorted=True):
    """(values, indices) of the `k` largest along the last axis."""
    x = array(x)
    places = np.argsort(-x, axis=-1, kind="stable")[..., : int(k)]
    return Tensor(np.take_along_axis(x, places, -1)), Tensor(places.astype(np.int32))


def _elementwise(compute, floats):
    def function(x):
        return Tensor(compute(_float(x) if floats else array(x)))

    return function


exp, log, log1p, expm1, sqrt, sin, cos, tan, tanh = (
    _elementwise(getattr(np, name), True) for name in "exp log log1p expm1 sqrt sin cos tan tanh".split()
)
abs, sign, floor, ceil, round, square, negative, isnan, isfinite, logical_not = (
    _elementwise(getattr(np, name), False)
    for name in "abs sign floor ceil round square negative isnan isfinite logical_not".split()
)
sigmoid = _elementwise(lambda x: 1 / (1 + np.exp(-x)), True)
relu = _elementwise(lambda x: np.maximum(x, 0), False)
rsqrt = _elementwise(lambda x: 1 / np.sqrt(x), True)
softplus = _elementwise(lambda x: np.logaddexp(x, np.zeros((), x.dtype)), True)


def softmax(x, axis=-1):
    x = _float(x)
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return Tensor(powers / powers.sum(axis=axis, keepdims=True))


def log_softmax(x, axis=-1):
    x = _float(x)
    x = x - x.max(axis=axis, keepdims=True)
    return Tensor(x - np.log(np.exp(x).sum(axis=axis, keepdims=True)))


def normalize(x, axis=-1, order=2, epsilon=None):
    """Divided by the norm along the axis."""
    x = _float(x)
    norms = np.linalg.norm(x, order, axis, keepdims=True)
    return Tensor(x / np.maximum(norms, np.finfo(x.dtype).tiny if epsilon is None else epsilon))


def _pairwise(compute):
    def function(x1, x2):
        return Tensor(compute(*_alike(x1, x2)))

    return function


(
    add, subtract, multiply, divide, floor_divide, mod, power, maximum, minimum, equal, not_equal, greater,
    greater_equal, less, less_equal, logical_and, logical_or, matmul, squared_difference,
) = (
    _pairwise(getattr(np, name, None) or (lambda a, b: (a - b) ** 2))
    for name in """
        add subtract multiply divide floor_divide mod power maximum minimum equal not_equal greater greater_equal less
        less_equal logical_and logical_or matmul squared_difference
    """.split()
)


def clip(x, x_min, x_max):
    x = array(x)
    return Tensor(np.clip(x, *(np.asarray(array(bound), x.dtype) for bound in (x_min, x_max))))


def _axis(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def _reduction(compute, floats=False, flags=False):
    def function(x, axis=None, keepdims=False):
        x = _float(x) if floats else array(x)
        made = np.asarray(compute(x, axis=_axis(axis), keepdims=keepdims))
        return Tensor(made if flags else made.astype(x.dtype, copy=False))

    return function


sum, prod, max, min = (_reduction(getattr(np, name)) for name in "sum prod max min".split())
mean, std, var = (_reduction(getattr(np, name), floats=True) for name in "mean std var".split())
all, any = (_reduction(getattr(np, name), flags=True) for name in "all any".split())


def argmax(x, axis=None, keepdims=False):
    return Tensor(np.argmax(array(x), axis, keepdims=keepdims).astype(np.int32))


def argmin(x, axis=None, keepdims=False):
    return Tensor(np.argmin(array(x), axis, keepdims=keepdims).astype(np.int32))


def zeros(shape, dtype=np.float32):
    return Tensor(np.zeros(tuple(shape) if np.ndim(shape) else shape, _dtype(dtype)))


def ones(shape, dtype=np.float32):
    return Tensor(np.ones(tuple(shape) if np.ndim(shape) else shape, _dtype(dtype)))


def zeros_like(x, dtype=None):
    return Tensor(np.zeros_like(array(x, dtype)))


def ones_like(x, dtype=None):
    return Tensor(np.ones_like(array(x, dtype)))


def arange(start, stop=None, step=1, dtype=None):
    kind = dtype or (np.int32 if all_integers(start, stop, step) else np.float32)
    return Tensor(np.arange(start, stop, step, dtype=_dtype(kind)) if stop is not None else np.arange(start, dtype=kind))


def all_integers(*values):
    return not [value for value in values if value is not None and np.asarray(value).dtype.kind == "f"]
