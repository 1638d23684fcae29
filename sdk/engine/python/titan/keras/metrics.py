"""Keras's metrics that average, sum or correlate: state over batches, in numpy with float32 arithmetic.

A metric has `update(y_true, y_pred, sample_weight)` and `result()`, and starts empty. Metrics that count decisions at
thresholds are in `confusion`.
"""

import numpy as np

from titan.keras import losses
from titan.keras.losses import EPSILON, float32, mask_of, plain, same_rank


def accuracy(y_true, y_pred):
    y_pred = plain(y_pred)
    y_true, y_pred = same_rank(np.asarray(y_true).astype(y_pred.dtype), y_pred)
    return float32(y_true == y_pred)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    y_true, y_pred = same_rank(np.asarray(y_true), plain(y_pred))
    return float32(y_true == (y_pred > np.float32(threshold)).astype(y_true.dtype))


def categorical_accuracy(y_true, y_pred):
    return float32(np.asarray(y_true).argmax(axis=-1) == plain(y_pred).argmax(axis=-1))


def sparse_categorical_accuracy(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true), plain(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    matches = float32(y_true == y_pred.argmax(axis=-1))
    return matches[..., 0] if matches.ndim > 1 and matches.shape[-1] == 1 else matches


def _in_top_k(labels, predictions, k):
    flat, labels = predictions.reshape(-1, predictions.shape[-1]), labels.astype(np.int64).reshape(-1)
    inside = (labels >= 0) & (labels < flat.shape[1])
    own = np.take_along_axis(flat, np.where(inside, labels, 0)[:, None], axis=1)
    return inside & np.isfinite(own[:, 0]) & ((flat > own).sum(axis=1) < k)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    labels = np.asarray(y_true).argmax(axis=-1)
    return float32(_in_top_k(labels, plain(y_pred), k).reshape(labels.shape))


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    labels, y_pred = np.asarray(y_true), plain(y_pred)
    if from_sorted_ids:
        flat = y_pred.reshape(-1, y_pred.shape[-1])
        matches = (labels.astype(y_pred.dtype).reshape(-1, 1) == flat[:, :k]).any(axis=1)
    else:
        matches = _in_top_k(labels, y_pred, k)
    return float32(matches.reshape(labels.shape))


def pearson_correlation(y_true, y_pred, axis=-1):
    y_true, y_pred = same_rank(float32(y_true), plain(float32(y_pred)))
    y_true = y_true - y_true.mean(axis=axis, keepdims=True)
    y_pred = y_pred - y_pred.mean(axis=axis, keepdims=True)
    y_true = y_true / y_true.std(axis=axis, keepdims=True)
    y_pred = y_pred / y_pred.std(axis=axis, keepdims=True)
    return (y_true * y_pred).mean(axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    y_true, y_pred = same_rank(float32(y_true), plain(float32(y_pred)))
    mean_true, mean_pred = y_true.mean(axis=axis, keepdims=True), y_pred.mean(axis=axis, keepdims=True)
    # Keras subtracts the mean of the predictions from both.
    covariance = (y_true - mean_pred) * (y_pred - mean_pred)
    norm = y_true.var(axis=axis, keepdims=True) + y_pred.var(axis=axis, keepdims=True)
    norm = norm + np.square(mean_true - mean_pred)
    return (2 * covariance / (norm + EPSILON)).mean(axis=axis)


def samplewise(values, sample_weight):
    """`values`, weighted, and the weights, both averaged to one a sample."""
    mask = mask_of(values)
    values = plain(float32(values))
    if sample_weight is not None:
        sample_weight = float32(sample_weight)
        if mask is not None:
            sample_weight = losses.apply_mask(sample_weight, mask, scaled=False)
        values, sample_weight = same_rank(values, sample_weight)
        rank = sample_weight.ndim
        if values.ndim > rank:
            values = values.mean(axis=tuple(range(rank, values.ndim)))
        sample_weight = np.broadcast_to(sample_weight, values.shape)
        values = values * sample_weight
        if rank > 1:
            sample_weight = sample_weight.mean(axis=tuple(range(1, rank)))
    if values.ndim > 1:
        values = values.mean(axis=tuple(range(1, values.ndim)))
    return values, sample_weight


class Mean:
    """The mean of values over all samples."""

    def __init__(self):
        self._total = np.float32(0)
        self._count = np.float32(0)

    def add(self, values, sample_weight=None):
        values, weight = samplewise(values, sample_weight)
        self._total += values.sum()
        if weight is not None:
            self._count += weight.sum()
        else:
            self._count += len(values) if values.ndim else 1

    def result(self):
        return self._total / self._count if self._count else np.float32(0)


class MeanOf(Mean):
    """The mean of `function(y_true, y_pred)`."""

    def __init__(self, function, arguments):
        super().__init__()
        self._function = function
        self._arguments = arguments

    def update(self, y_true, y_pred, sample_weight):
        values = self._function(y_true, y_pred, **self._arguments)
        if sample_weight is not None:
            sample_weight = float32(sample_weight)
        self.add(values, losses.apply_mask(sample_weight, mask_of(y_pred), scaled=False))


class RootMeanSquaredError(Mean):
    def update(self, y_true, y_pred, sample_weight):
        y_true, y_pred = same_rank(float32(y_true), plain(float32(y_pred)))
        self.add(np.square(y_pred - y_true), sample_weight)

    def result(self):
        return np.sqrt(super().result())


class R2Score:
    """The coefficient of determination."""

    def __init__(self, class_aggregation="uniform_average", num_regressors=0):
        self._aggregation = class_aggregation
        self._regressors = num_regressors
        self._samples = 0
        self._sum = self._squares = self._residual = self._count = np.float32(0)

    def update(self, y_true, y_pred, sample_weight):
        y_true, y_pred = same_rank(float32(y_true), plain(float32(y_pred)))
        if y_pred.ndim != 2:
            raise ValueError(f"R2Score expects predictions of shape (samples, outputs), found {y_pred.shape}")
        weight = float32(1 if sample_weight is None else sample_weight)
        weight = np.broadcast_to(weight[:, None] if weight.ndim == 1 else weight, y_true.shape)
        self._sum = self._sum + (y_true * weight).sum(axis=0)
        self._squares = self._squares + (y_true * (y_true * weight)).sum(axis=0)
        self._residual = self._residual + (np.square(y_true - y_pred) * weight).sum(axis=0)
        self._count = self._count + weight.sum(axis=0)
        self._samples += y_true.size

    def result(self):
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self._squares - self._sum * (self._sum / self._count)
            scores = 1 - self._residual / total
            scores = np.where(np.isinf(scores), np.float32(0), scores)
            if self._aggregation == "uniform_average":
                scores = scores.mean()
            elif self._aggregation == "variance_weighted_average":
                scores = (total * scores).sum() / total.sum()
        if 0 < self._regressors < self._samples - 1:
            spare = np.float32(self._samples - self._regressors - 1)
            scores = 1 - (1 - scores) * np.float32(self._samples - 1) / spare
        return scores


class FBetaScore:
    """The weighted harmonic mean of precision and recall, by class."""

    def __init__(self, average=None, beta=1.0, threshold=None):
        self._average = average
        self._beta = beta
        self._threshold = threshold
        self._right = self._false_positives = self._false_negatives = self._weights = np.float32(0)

    def update(self, y_true, y_pred, sample_weight):
        y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
        if y_pred.ndim != 2 or y_true.ndim != 2:
            raise ValueError(
                f"FBetaScore expects targets and predictions of shape (samples, outputs), found {y_true.shape} and "
                f"{y_pred.shape}"
            )
        if self._threshold is None:
            chosen = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (np.abs(y_pred) > 1e-9)
        else:
            chosen = y_pred > np.float32(self._threshold)
        chosen = float32(chosen)
        weight = 1 if sample_weight is None else float32(sample_weight)[:, None]
        axis = None if self._average == "micro" else 0
        self._right = self._right + (chosen * y_true * weight).sum(axis=axis)
        self._false_positives = self._false_positives + (chosen * (1 - y_true) * weight).sum(axis=axis)
        self._false_negatives = self._false_negatives + ((1 - chosen) * y_true * weight).sum(axis=axis)
        self._weights = self._weights + (y_true * weight).sum(axis=axis)

    def result(self):
        precision = self._right / (self._right + self._false_positives + EPSILON)
        recall = self._right / (self._right + self._false_negatives + EPSILON)
        square = self._beta * self._beta
        score = precision * recall / (square * precision + recall + EPSILON) * (1 + square)
        if self._average == "weighted":
            return (score * (self._weights / (self._weights.sum() + EPSILON))).sum()
        return score if self._average is None else score.mean()


class IoU:
    """Intersection over union, averaged over the target classes."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
        threshold=None,
    ):
        self._targets = list(target_class_ids)
        self._ignored = ignore_class
        self._sparse = sparse_y_true, sparse_y_pred
        self._axis = axis
        self._threshold = threshold
        self._matrix = np.zeros((num_classes, num_classes), np.int64)

    def update(self, y_true, y_pred, sample_weight):
        y_true, y_pred = np.asarray(y_true), plain(y_pred)
        if self._threshold is not None:
            y_pred = y_pred >= np.float32(self._threshold)
        y_true = y_true if self._sparse[0] else y_true.argmax(axis=self._axis)
        y_pred = y_pred if self._sparse[1] else y_pred.argmax(axis=self._axis)
        y_true, y_pred = y_true.astype(np.int32).reshape(-1), y_pred.astype(np.int32).reshape(-1)
        weight = np.asarray(1 if sample_weight is None else sample_weight).astype(np.int32)
        weight = np.broadcast_to(weight.reshape(-1) if weight.ndim else weight, y_true.shape)
        classes = len(self._matrix)
        valid = (y_true >= 0) & (y_true < classes) & (y_pred >= 0) & (y_pred < classes)
        if self._ignored is not None:
            valid = valid & (y_true != self._ignored)
        np.add.at(self._matrix, (y_true[valid], y_pred[valid]), weight[valid])

    def result(self):
        right = np.diag(self._matrix)
        union = self._matrix.sum(axis=0) + self._matrix.sum(axis=1) - right
        right, union = float32(right[self._targets]), float32(union[self._targets])
        valid = union > 0
        iou = np.where(valid, right / (union + EPSILON), np.float32(0))
        return iou.sum() / (valid.sum(dtype=np.float32) + EPSILON)


class LossMean(Mean):
    """The mean over batches of a loss with its own reduction."""

    def __init__(self, loss):
        super().__init__()
        self._loss = loss

    def update(self, y_true, y_pred, sample_weight):
        if sample_weight is not None:
            sample_weight = float32(sample_weight)
        value = self._loss(y_true, y_pred)
        self.add(value, losses.apply_mask(sample_weight, mask_of(y_pred), scaled=False))
