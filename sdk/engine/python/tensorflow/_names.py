"""Functions that TensorFlow names, or orders the arguments of, otherwise than numpy does."""

import numpy as np

from titan.keras import functions
from titan.keras.tensor import Tensor


def constant(value, dtype=None, shape=None, name=None):
    made = functions.array(value, dtype)
    if shape is not None:
        made = np.full(shape, made) if made.size == 1 else made.reshape(shape)
    return Tensor(np.array(made))


def concat(values, axis, name=None):
    return functions.concatenate(values, axis)


def unstack(value, num=None, axis=0, name=None):
    return [Tensor(part) for part in np.moveaxis(functions.array(value), axis, 0)]


def transpose(a, perm=None, conjugate=False, name=None):
    return functions.transpose(a, None if perm is None else functions.array(perm))


def squeeze(input, axis=None, name=None):
    return functions.squeeze(input, axis)


def gather(params, indices, validate_indices=None, axis=0, batch_dims=0, name=None):
    if batch_dims:
        raise ValueError("the engine's tensorflow gathers without batch_dims: use numpy.take_along_axis")
    return functions.take(params, indices, axis)


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1, dtype=np.float32, name=None):
    hot = functions.one_hot(indices, depth, axis, bool)
    return Tensor(np.where(hot._array, on_value, off_value).astype(dtype))


def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    return functions.clip(t, clip_value_min, clip_value_max)


def pow(x, y, name=None):
    return functions.power(x, y)


def fill(dims, value, name=None):
    return Tensor(np.full(tuple(functions.array(dims)), functions.array(value)))


def range(start, limit=None, delta=1, dtype=None, name=None):
    return functions.arange(start, limit, delta, dtype)


def argmax(input, axis=None, output_type=np.int64, name=None):
    return functions.cast(functions.argmax(input, 0 if axis is None else axis), output_type)


def argmin(input, axis=None, output_type=np.int64, name=None):
    return functions.cast(functions.argmin(input, 0 if axis is None else axis), output_type)


def _reduction(compute):
    def reduce(input_tensor, axis=None, keepdims=False, name=None):
        return compute(input_tensor, axis, keepdims)

    return reduce


reduce_sum, reduce_prod, reduce_max, reduce_min, reduce_all, reduce_any, reduce_std, reduce_variance = map(
    _reduction,
    (
        functions.sum, functions.prod, functions.max, functions.min, functions.all, functions.any, functions.std,
        functions.var,
    ),
)


def reduce_mean(input_tensor, axis=None, keepdims=False, name=None):
    """As in TensorFlow, the mean of integers is an integer."""
    x = functions.array(input_tensor)
    return functions.cast(functions.mean(x, axis, keepdims), x.dtype)
