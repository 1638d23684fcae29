"""Functions of tensors; most are methods as well."""

import collections
import operator

import numpy as np

from ._dtypes import as_floats, numpy_type, promoted
from ._tensor import Tensor, array_of, dims, value

Values = collections.namedtuple("Values", "values indices")
"""What functions give that say where they found their values."""

__all__ = []


def _also_method(function):
    __all__.append(function.__name__)
    setattr(Tensor, function.__name__, function)
    return function


def _only_function(function):
    __all__.append(function.__name__)
    return function


def _elementwise(name, compute, floats):
    def function(input):
        return Tensor(compute(as_floats(array_of(input)) if floats else array_of(input)))

    function.__name__ = name
    globals()[name] = _also_method(function)


for _name in "exp log sqrt tanh sin cos tan log1p expm1 log2 log10".split():
    _elementwise(_name, getattr(np, _name), True)
_elementwise("sigmoid", lambda x: 1 / (1 + np.exp(-x)), True)
_elementwise("rsqrt", lambda x: 1 / np.sqrt(x), True)
_elementwise("relu", lambda x: np.maximum(x, 0), False)
for _name in "abs sign floor ceil round isnan isinf isfinite square".split():
    _elementwise(_name, getattr(np, _name), False)


def _axis(dim):
    return None if dim is None else dims(dim)


@_also_method
def softmax(input, dim=None, dtype=None):
    x = as_floats(array_of(input, dtype))
    powers = np.exp(x - x.max(axis=dim, keepdims=True))
    return Tensor(powers / powers.sum(axis=dim, keepdims=True))


@_also_method
def log_softmax(input, dim=None, dtype=None):
    x = as_floats(array_of(input, dtype))
    x = x - x.max(axis=dim, keepdims=True)
    return Tensor(x - np.log(np.exp(x).sum(axis=dim, keepdims=True)))


@_also_method
def sum(input, dim=None, keepdim=False, dtype=None):
    x = array_of(input, dtype)
    return Tensor(x.sum(axis=_axis(dim), keepdims=keepdim, dtype=x.dtype if x.dtype.kind == "f" else np.int64))


@_also_method
def mean(input, dim=None, keepdim=False, dtype=None):
    x = array_of(input, dtype)
    if x.dtype.kind != "f":
        raise RuntimeError("mean(): input dtype should be floating point: call .float() first")
    return Tensor(x.mean(axis=_axis(dim), keepdims=keepdim))


@_also_method
def var(input, dim=None, unbiased=True, keepdim=False, correction=1):
    degrees = correction if unbiased else 0
    return Tensor(array_of(input).var(axis=_axis(dim), ddof=degrees, keepdims=keepdim))


@_also_method
def std(input, dim=None, unbiased=True, keepdim=False, correction=1):
    return var(input, dim, unbiased, keepdim, correction).sqrt()


@_also_method
def prod(input, dim=None, keepdim=False):
    x = array_of(input)
    return Tensor(x.prod(axis=dim, keepdims=keepdim, dtype=x.dtype if x.dtype.kind == "f" else np.int64))


@_also_method
def all(input, dim=None, keepdim=False):
    return Tensor(array_of(input).astype(bool).all(axis=_axis(dim), keepdims=keepdim))


@_also_method
def any(input, dim=None, keepdim=False):
    return Tensor(array_of(input).astype(bool).any(axis=_axis(dim), keepdims=keepdim))


@_also_method
def argmax(input, dim=None, keepdim=False):
    return Tensor(np.asarray(array_of(input).argmax(axis=dim, keepdims=keepdim), np.int64))


@_also_method
def argmin(input, dim=None, keepdim=False):
    return Tensor(np.asarray(array_of(input).argmin(axis=dim, keepdims=keepdim), np.int64))


def _extreme(name, whole, where):
    def function(input, dim=None, keepdim=False):
        x = array_of(input)
        if isinstance(dim, Tensor):
            return Tensor((np.maximum if name == "max" else np.minimum)(*promoted(x, value(dim))))
        if dim is None:
            return Tensor(whole(x))
        places = where(x, axis=dim, keepdims=True)
        found = np.take_along_axis(x, places, dim), places.astype(np.int64)
        return Values(*(Tensor(part if keepdim else part.squeeze(dim)) for part in found))

    function.__name__ = name
    globals()[name] = _also_method(function)


_extreme("max", np.max, np.argmax)
_extreme("min", np.min, np.argmin)


@_also_method
def sort(input, dim=-1, descending=False):
    x = array_of(input)
    places = np.argsort(-x if descending else x, axis=dim, kind="stable")
    return Values(Tensor(np.take_along_axis(x, places, dim)), Tensor(places.astype(np.int64)))


@_also_method
def argsort(input, dim=-1, descending=False):
    return sort(input, dim, descending).indices


@_also_method
def topk(input, k, dim=-1, largest=True, sorted=True):
    found = sort(input, dim, descending=largest)
    return Values(*(Tensor(part.numpy().take(range(k), axis=dim)) for part in found))


@_also_method
def cumsum(input, dim):
    x = array_of(input)
    return Tensor(x.cumsum(axis=dim, dtype=x.dtype if x.dtype.kind == "f" else np.int64))


@_also_method
def norm(input, p=2, dim=None, keepdim=False):
    powers = np.abs(array_of(input)) ** p
    return Tensor(powers.sum(axis=_axis(dim), keepdims=keepdim) ** (1 / p))


@_also_method
def clamp(input, min=None, max=None):
    x = array_of(input)
    return Tensor(np.clip(x, value(min), value(max)).astype(x.dtype, copy=False))


@_also_method
def pow(input, exponent):
    return Tensor(array_of(input)) ** exponent


def _comparison(name):
    def function(input, other):
        return getattr(operator, name)(Tensor(array_of(input)), other)

    function.__name__ = name
    globals()[name] = _also_method(function)


for _name in "eq ne lt le gt ge".split():
    _comparison(_name)


@_also_method
def matmul(input, other):
    return Tensor(array_of(input) @ array_of(other))


mm = bmm = dot = mv = matmul
__all__ += ["mm", "bmm", "dot", "mv"]
for _name in ("mm", "bmm", "dot", "mv"):
    setattr(Tensor, _name, matmul)


@_only_function
def squeeze(input, dim=None):
    return input.squeeze(dim)


@_also_method
def gather(input, dim, index):
    return Tensor(np.take_along_axis(array_of(input), array_of(index), dim))


@_also_method
def index_select(input, dim, index):
    return Tensor(array_of(input).take(array_of(index), axis=dim))


@_only_function
def where(condition, input=None, other=None):
    if input is None:
        return tuple(Tensor(part.astype(np.int64)) for part in np.nonzero(array_of(condition)))
    return Tensor(np.where(array_of(condition), *promoted(value(input), value(other))))


@_only_function
def stack(tensors, dim=0):
    return Tensor(np.stack([array_of(part) for part in tensors], axis=dim))


@_only_function
def cat(tensors, dim=0):
    return Tensor(np.concatenate([array_of(part) for part in tensors], axis=dim))


concat = concatenate = cat
__all__ += ["concat", "concatenate"]


@_only_function
def unsqueeze(input, dim):
    return input.unsqueeze(dim)


@_only_function
def flatten(input, start_dim=0, end_dim=-1):
    return input.flatten(start_dim, end_dim)


@_only_function
def reshape(input, shape):
    return input.reshape(shape)


@_only_function
def transpose(input, dim0, dim1):
    return input.transpose(dim0, dim1)


@_only_function
def permute(input, dims):
    return input.permute(dims)


def _shape(shape):
    return dims(shape[0]) if shape and isinstance(shape[0], (list, tuple)) else shape


@_only_function
def zeros(*shape, dtype=None, device=None):
    return Tensor(np.zeros(_shape(shape), numpy_type(dtype or np.float32)))


@_only_function
def ones(*shape, dtype=None, device=None):
    return Tensor(np.ones(_shape(shape), numpy_type(dtype or np.float32)))


@_only_function
def full(size, fill_value, dtype=None, device=None):
    return Tensor(np.full(size, array_of(fill_value, dtype)))


@_only_function
def zeros_like(input, dtype=None):
    return Tensor(np.zeros_like(array_of(input, dtype)))


@_only_function
def ones_like(input, dtype=None):
    return Tensor(np.ones_like(array_of(input, dtype)))


@_only_function
def arange(*bounds, dtype=None, device=None):
    kinds = {array_of(bound).dtype for bound in bounds}
    kind = np.dtype(np.float32 if np.dtype(np.float32) in kinds else np.int64)
    return Tensor(np.arange(*bounds, dtype=kind if dtype is None else numpy_type(dtype)))


@_only_function
def linspace(start, end, steps, dtype=None, device=None):
    return Tensor(np.linspace(start, end, steps, dtype=numpy_type(dtype or np.float32)))


@_only_function
def eye(n, m=None, dtype=None, device=None):
    return Tensor(np.eye(n, m, dtype=numpy_type(dtype or np.float32)))


@_only_function
def allclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    return bool(np.allclose(array_of(input), array_of(other), rtol, atol, equal_nan))


@_only_function
def equal(input, other):
    return np.array_equal(array_of(input), array_of(other))


@_only_function
def numel(input):
    return input.numel()
