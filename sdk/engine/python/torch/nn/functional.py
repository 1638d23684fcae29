"""What endpoints do with the outputs of a network."""

import math

import numpy as np

from .._dtypes import as_floats
from .._functions import log_softmax as _log_softmax
from .._functions import relu as _relu
from .._functions import sigmoid, tanh
from .._functions import softmax as _softmax
from .._tensor import Tensor, array_of

_erf = np.frompyfunc(math.erf, 1, 1)


def softmax(input, dim=None, dtype=None):
    return _softmax(input, dim, dtype)


def log_softmax(input, dim=None, dtype=None):
    return _log_softmax(input, dim, dtype)


def relu(input, inplace=False):
    return _relu(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    x = array_of(input)
    return Tensor(np.where(x > 0, x, x * x.dtype.type(negative_slope)))


def gelu(input, approximate="none"):
    x = as_floats(array_of(input))
    return Tensor((x * (1 + _erf(x / math.sqrt(2)).astype(np.float64)) / 2).astype(x.dtype))


def softplus(input):
    return Tensor(np.logaddexp(as_floats(array_of(input)), np.float32(0)))


def one_hot(tensor, num_classes=-1):
    numbers = array_of(tensor)
    count = int(numbers.max()) + 1 if num_classes == -1 else num_classes
    return Tensor((numbers[..., None] == np.arange(count)).astype(np.int64))


def normalize(input, p=2.0, dim=1, eps=1e-12):
    x = array_of(input)
    length = (np.abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p)
    return Tensor((x / np.maximum(length, eps)).astype(x.dtype))


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    a, b = as_floats(array_of(x1)), as_floats(array_of(x2))
    lengths = (np.sqrt((x * x).sum(axis=dim)) for x in (a, b))
    return Tensor((a * b).sum(axis=dim) / np.prod([np.maximum(length, eps) for length in lengths], axis=0))


def mse_loss(input, target, reduction="mean"):
    return _reduced((array_of(input) - array_of(target)) ** 2, reduction)


def l1_loss(input, target, reduction="mean"):
    return _reduced(np.abs(array_of(input) - array_of(target)), reduction)


def cross_entropy(input, target, reduction="mean"):
    logs = _log_softmax(input, 1).numpy()
    return _reduced(-np.take_along_axis(logs, array_of(target)[:, None], 1)[:, 0], reduction)


def binary_cross_entropy(input, target, reduction="mean"):
    p, y = array_of(input), array_of(target)
    with np.errstate(divide="ignore"):
        logs = [np.maximum(np.log(x), -100) for x in (p, 1 - p)]
    return _reduced(-(y * logs[0] + (1 - y) * logs[1]), reduction)


def binary_cross_entropy_with_logits(input, target, reduction="mean"):
    x, y = array_of(input), array_of(target)
    return _reduced(np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x))), reduction)


def _reduced(losses, reduction):
    return Tensor(losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum())


__all__ = ["sigmoid", "tanh"]
