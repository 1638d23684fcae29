"""The part of PyTorch that endpoints use around a deployed module: tensors over numpy arrays, without gradients or
devices.

Networks themselves run in the host (`titan.torch`). Types, shapes and promotion are PyTorch's. What is not here says
so.
"""

import contextlib

import numpy as np

from . import cuda, nn
from ._dtypes import (
    bfloat16,
    bool,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    short,
    uint8,
)
from ._functions import *
from ._tensor import Size, Tensor, array_of, device

inf, nan, pi, e = np.inf, np.nan, np.pi, np.e
__version__ = "2"


class _Mode(contextlib.ContextDecorator):
    """A context or decorator about gradients, which there are none of."""

    def __init__(self, mode=True):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, function=None):
        return self if function is None else super().__call__(function)


class no_grad(_Mode):
    pass


class inference_mode(_Mode):
    pass


class enable_grad(_Mode):
    pass


class set_grad_enabled(_Mode):
    pass


def tensor(data, dtype=None, device=None, requires_grad=False):
    """A tensor of its own memory."""
    return Tensor(np.array(array_of(data, dtype)))


def as_tensor(data, dtype=None, device=None):
    return Tensor(array_of(data, dtype))


def from_numpy(array):
    """A tensor over the memory of the array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    return Tensor(array)


def FloatTensor(data):
    return tensor(data, float32)


def LongTensor(data):
    return tensor(data, int64)


def is_tensor(value):
    return isinstance(value, Tensor)


def manual_seed(seed):
    """There is nothing random here."""


def set_num_threads(count):
    """Threads are the host's affair."""


def get_default_dtype():
    return float32


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"the engine's torch has no {name!r}: it has tensors and what is computed with them; "
        "do the rest in a cell before"
    )
