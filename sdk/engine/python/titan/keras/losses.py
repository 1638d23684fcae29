"""Keras's loss functions and their reduction, in numpy with float32 arithmetic.

Every function takes `(y_true, y_pred, **arguments)` with Keras's names and gives one value a sample. What Keras
attaches to a tensor (the logits behind a sigmoid or softmax, and the mask of padded timesteps) is attached here to an
`Annotated` array, and is lost by the same operations.
"""

import numpy as np

EPSILON = np.float32(1e-7)


class Annotated(np.ndarray):
    """An array that remembers the logits it was computed from (by `activation`; None: by any), and a mask."""

    logits = None
    activation = None
    mask = None


def annotate(array, logits=None, activation=None, mask=None):
    """A view of `array` with annotations."""
    view = array.view(Annotated)
    view.logits, view.activation, view.mask = logits, activation, mask
    return view


def mask_of(array):
    """The mask attached to `array`, or None."""
    return getattr(array, "mask", None) if isinstance(array, Annotated) else None


def float32(value):
    """`value` as float32, itself where it is that already."""
    return np.asanyarray(value, dtype=np.float32)


def plain(array):
    """`array` without annotations, so that results of arithmetic carry no empty ones."""
    return array.view(np.ndarray) if isinstance(array, Annotated) else array


def same_rank(a, b, expand_rank_1=True):
    """Adds or removes a last dimension of 1 where the ranks differ by one."""
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        if b.ndim == 1 and expand_rank_1:
            b = b[..., None]
        else:
            a = plain(a)[..., 0]
    elif b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        if a.ndim == 1 and expand_rank_1:
            a = a[..., None]
        else:
            b = plain(b)[..., 0]
    return a, b


def divide_no_nan(a, b):
    """a / b, and 0 where b is 0."""
    a, b = np.broadcast_arrays(float32(a), float32(b))
    return np.divide(a, b, out=np.zeros(a.shape, np.float32), where=b != 0)


def _pair(y_true, y_pred):
    y_true, y_pred = same_rank(float32(y_true), float32(y_pred))
    return plain(y_true), plain(y_pred)


def _same_shape(y_true, y_pred):
    if y_true.shape != y_pred.shape:
        raise ValueError(f"targets of shape {y_true.shape} do not match predictions of shape {y_pred.shape}")


def _logits(y_pred, from_logits, activation):
    """The logits behind `y_pred` where they are known."""
    logits = getattr(y_pred, "logits", None)
    if logits is not None and y_pred.activation in (None, activation):
        return logits, True
    return plain(y_pred), from_logits


def _clip(x):
    return np.clip(x, EPSILON, np.float32(1) - EPSILON)


def _smooth_binary(y_true, label_smoothing):
    return y_true * (1 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def _smooth_categorical(y_true, label_smoothing):
    return y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[-1] if label_smoothing else y_true


def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def softmax(x, axis=-1):
    """exp(x) scaled to the sum 1."""
    exp = np.exp(x - x.max(axis=axis, keepdims=True))
    return exp / exp.sum(axis=axis, keepdims=True)


def _log_softmax(x, axis=-1):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _normalize(x, axis):
    return x / np.sqrt(np.maximum(np.square(x).sum(axis=axis, keepdims=True), np.square(EPSILON)))


def mean_squared_error(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    return np.square(y_true - y_pred).mean(axis=-1)


def mean_absolute_error(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    return np.abs(y_true - y_pred).mean(axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    return 100 * np.abs((y_true - y_pred) / np.maximum(np.abs(y_true), EPSILON)).mean(axis=-1)


def mean_squared_logarithmic_error(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    log_pred = np.log(np.maximum(y_pred, EPSILON) + 1)
    log_true = np.log(np.maximum(y_true, EPSILON) + 1)
    return np.square(log_pred - log_true).mean(axis=-1)


def cosine_proximity(y_true, y_pred, axis=-1):
    """The cosine of the angle between targets and predictions: Keras's metric `cosine_similarity`."""
    y_true, y_pred = _pair(y_true, y_pred)
    return (_normalize(y_true, axis) * _normalize(y_pred, axis)).sum(axis=axis)


def cosine_similarity(y_true, y_pred, axis=-1):
    """Keras's loss of this name: the negative of the metric of this name."""
    return -cosine_proximity(y_true, y_pred, axis)


def huber(y_true, y_pred, delta=1.0):
    y_true, y_pred = _pair(y_true, y_pred)
    error = np.abs(y_pred - y_true)
    return np.where(error <= delta, 0.5 * np.square(error), delta * error - 0.5 * delta * delta).mean(axis=-1)


def log_cosh(y_true, y_pred):
    y_true, y_pred = _pair(y_true, y_pred)
    error = y_pred - y_true
    return (error + _softplus(-2 * error) - np.log(np.float32(2))).mean(axis=-1)


def kl_divergence(y_true, y_pred):
    y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
    y_true, y_pred = np.clip(y_true, EPSILON, 1), np.clip(y_pred, EPSILON, 1)
    return (y_true * np.log(y_true / y_pred)).sum(axis=-1)


def poisson(y_true, y_pred):
    y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
    return (y_pred - y_true * np.log(y_pred + EPSILON)).mean(axis=-1)


def _hinge(y_true, y_pred):
    y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
    if np.all((y_true == 0) | (y_true == 1)):
        y_true = 2 * y_true - 1
    return np.maximum(1 - y_true * y_pred, 0)


def hinge(y_true, y_pred):
    return _hinge(y_true, y_pred).mean(axis=-1)


def squared_hinge(y_true, y_pred):
    return np.square(_hinge(y_true, y_pred)).mean(axis=-1)


def categorical_hinge(y_true, y_pred):
    y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
    right = (y_true * y_pred).sum(axis=-1)
    wrong = ((1 - y_true) * y_pred).max(axis=-1)
    return np.maximum(wrong - right + 1, 0)


def _binary_crossentropy(y_true, y_pred, from_logits):
    _same_shape(y_true, y_pred)
    output, from_logits = _logits(y_pred, from_logits, "Sigmoid")
    if from_logits:
        return np.maximum(output, 0) - output * y_true + np.log1p(np.exp(-np.abs(output)))
    output = _clip(output)
    return -(y_true * np.log(output) + (1 - y_true) * np.log(1 - output))


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    y_true = _smooth_binary(plain(float32(y_true)), label_smoothing)
    return _binary_crossentropy(y_true, float32(y_pred), from_logits).mean(axis=axis)


def binary_focal_crossentropy(
    y_true, y_pred, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    y_pred = float32(y_pred)
    y_true = _smooth_binary(plain(float32(y_true)), label_smoothing)
    if from_logits:
        y_pred = sigmoid(plain(y_pred))
    bce = _binary_crossentropy(y_true, y_pred, from_logits=False)
    y_pred = plain(y_pred)
    focal = np.power(1 - (y_true * y_pred + (1 - y_true) * (1 - y_pred)), np.float32(gamma)) * bce
    if apply_class_balancing:
        focal = (y_true * alpha + (1 - y_true) * (1 - alpha)) * focal
    return focal.mean(axis=axis)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    y_pred = float32(y_pred)
    y_true = _smooth_categorical(plain(float32(y_true)), label_smoothing)
    _same_shape(y_true, y_pred)
    output, from_logits = _logits(y_pred, from_logits, "Softmax")
    if from_logits:
        return -(y_true * _log_softmax(output, axis)).sum(axis=axis)
    return -(y_true * np.log(_clip(output / output.sum(axis=axis, keepdims=True)))).sum(axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    y_pred = plain(float32(y_pred))
    y_true = _smooth_categorical(plain(float32(y_true)), label_smoothing)
    if from_logits:
        y_pred = softmax(y_pred, axis)
    output = _clip(y_pred / y_pred.sum(axis=axis, keepdims=True))
    weight = np.power(1 - output, np.float32(gamma)) * float32(alpha)
    return (weight * -y_true * np.log(output)).sum(axis=axis)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    y_true, y_pred = plain(np.asanyarray(y_true)), float32(y_pred)
    if axis not in (-1, y_pred.ndim - 1):
        raise ValueError(f"sparse_categorical_crossentropy looks at the last axis only, not at {axis}")
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    valid = None
    if ignore_class is not None:
        valid = y_true != ignore_class
        y_true = np.where(valid, y_true, 0)
        y_pred = np.where(valid[..., None], plain(y_pred), np.float32(0))
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(f"labels of shape {y_true.shape} do not match predictions of shape {y_pred.shape}")
    labels = y_true.astype(np.int64)
    if labels.size and (labels.min() < 0 or labels.max() >= y_pred.shape[-1]):
        raise ValueError(f"labels must be in [0, {y_pred.shape[-1]}), found {labels.min()} to {labels.max()}")
    output, from_logits = _logits(y_pred, from_logits, "Softmax")
    if not from_logits:
        output = np.log(_clip(output))
    losses = -np.take_along_axis(_log_softmax(output), labels[..., None], axis=-1)[..., 0]
    if valid is None:
        return losses
    return annotate(np.where(valid, losses, np.float32(0)), mask=valid)


def dice(y_true, y_pred, axis=None):
    y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
    axis = _axes(axis)
    both = (y_true * y_pred).sum(axis=axis)
    return 1 - 2 * both / (y_true.sum(axis=axis) + y_pred.sum(axis=axis) + EPSILON)


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
    axis = _axes(axis)
    both = (y_true * y_pred).sum(axis=axis)
    false_positives = ((1 - y_pred) * y_true).sum(axis=axis)
    false_negatives = (y_pred * (1 - y_true)).sum(axis=axis)
    return 1 - both / (both + false_positives * alpha + false_negatives * beta + EPSILON)


def _axes(axis):
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def circle(y_true, y_pred, remove_diagonal=True, gamma=80.0, margin=0.4):
    y_pred = plain(float32(y_pred))
    labels = plain(np.asanyarray(y_true)).astype(np.int32).reshape(len(y_pred), -1)
    distance = np.maximum(1 - y_pred @ y_pred.T, 0)
    same = labels == labels.T
    different = ~same
    if remove_diagonal:
        same &= ~np.eye(len(labels), dtype=bool)
    pull = np.maximum((margin + distance) * same, 0) * -gamma * (margin - distance)
    push = np.maximum((1 + margin - distance) * different, 0) * gamma * (1 - margin - distance)
    losses = _softplus(_log_sum_exp(pull, same) + _log_sum_exp(push, different))
    return annotate(losses, mask=losses > 0)


def _log_sum_exp(x, where):
    """log(sum(exp(x))) over the last axis of what `where` selects; -inf where it selects nothing."""
    top = np.where(where, x, -np.inf).max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(np.float32)
    return np.log((np.exp(x - top) * where).sum(axis=1)) + top[:, 0]


def categorical_generalized_cross_entropy(y_true, y_pred, q=0.5):
    y_pred = plain(float32(y_pred))
    labels = plain(np.asanyarray(y_true)).astype(np.int64)
    p = (y_pred * (labels[..., None] == np.arange(y_pred.shape[-1]))).sum(axis=-1)
    return (1 - np.power(p, np.float32(q))) / np.float32(q)


class Loss:
    """A loss function with its arguments and the reduction of its values to one."""

    def __init__(self, function, arguments, reduction):
        self._function = function
        self._arguments = arguments
        self._reduction = reduction

    def __call__(self, y_true, y_pred, sample_weight=None):
        mask = mask_of(y_pred)
        y_true, y_pred = same_rank(float32(y_true), float32(y_pred))
        losses = self._function(y_true, y_pred, **self._arguments)
        own = mask_of(losses)
        if own is not None:
            mask = own if mask is None else mask & own
        return self._reduce(plain(losses), sample_weight, mask)

    def _reduce(self, values, sample_weight, mask):
        sample_weight = None if sample_weight is None else float32(sample_weight)
        weight = apply_mask(sample_weight, mask, scaled=self._reduction in ("mean", "sum_over_batch_size"))
        if weight is not None:
            values, weight = same_rank(values, weight)
            values = values * weight
        if self._reduction in (None, "none") or values.shape in ((), (0,)):
            return values
        total = values.sum()
        if self._reduction == "sum":
            return total
        if self._reduction == "mean_with_sample_weight" and weight is not None:
            return divide_no_nan(total, weight.sum())
        return divide_no_nan(total, values.size)


def apply_mask(sample_weight, mask, scaled):
    """Sample weights that are 0 where `mask` is False. `scaled`: and greater elsewhere, so that their mean stays."""
    if mask is None:
        return sample_weight
    weight = float32(mask)
    if scaled:
        weight = weight * divide_no_nan(weight.size, weight.sum())
    if sample_weight is None:
        return weight
    weight, sample_weight = same_rank(weight, sample_weight)
    return sample_weight * weight
