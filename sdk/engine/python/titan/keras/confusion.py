"""Keras's metrics over decisions at thresholds: true and false positives and negatives, and what follows from them."""

import numpy as np

from titan.keras.losses import divide_no_nan, float32, plain, same_rank, sigmoid

NEGATIVE_INFINITY = np.float32(-1e10)


def _evenly(thresholds):
    """Whether `thresholds` divide [0, 1] evenly; Keras then sorts predictions into buckets and compares none."""
    count = len(thresholds)
    return count >= 3 and np.allclose(thresholds, np.arange(count, dtype=np.float32) / (count - 1), atol=1e-7)


class Confusion:
    """Weighted counts at every threshold, for all predictions or (`multi_label`) for each label."""

    def __init__(self, thresholds, top_k=None, class_id=None, multi_label=False, label_weights=None, evenly=None):
        self._thresholds = float32(thresholds)
        self._evenly = _evenly(thresholds) if evenly is None else evenly
        self._outside = thresholds[0] < 0 or thresholds[-1] > 1
        self._top_k = top_k
        self._class_id = class_id
        self._multi_label = multi_label
        self._label_weights = label_weights
        self.true_positives = self.false_positives = np.float32(0)
        self.true_negatives = self.false_negatives = np.float32(0)

    def update(self, y_true, y_pred, sample_weight):
        y_true, y_pred = plain(float32(y_true)), plain(float32(y_pred))
        y_pred, y_true = same_rank(y_pred, y_true)
        weight = np.float32(1)
        if sample_weight is not None:
            _, weight = same_rank(y_true, float32(sample_weight)[..., None], expand_rank_1=False)
        if self._top_k is not None:
            y_pred = _keep_top_k(y_pred, self._top_k)
        if self._class_id is not None:
            if y_pred.ndim == 1:
                raise ValueError(f"class_id needs predictions of shape (samples, classes), found {y_pred.shape}")
            y_true, y_pred = (array[..., self._class_id, None] for array in (y_true, y_pred))
        weight = np.broadcast_to(weight, y_pred.shape)
        if self._label_weights is not None and not self._multi_label:
            weight = weight * float32(self._label_weights)
        # One row a label, where labels are told apart; else one row.
        rows = y_pred.shape[1] if self._multi_label else 1
        y_true, y_pred, weight = (array.reshape(-1, rows).T for array in (y_true, y_pred, weight))
        positive = np.where(y_true != 0, weight, np.float32(0))
        negative = np.where(y_true != 0, np.float32(0), weight)
        true_positives, false_positives = self._above(y_pred, positive), self._above(y_pred, negative)
        self.true_positives = self.true_positives + true_positives
        self.false_positives = self.false_positives + false_positives
        self.true_negatives = self.true_negatives + (self._row(negative.sum(axis=1)) - false_positives)
        self.false_negatives = self.false_negatives + (self._row(positive.sum(axis=1)) - true_positives)

    def _above(self, y_pred, weight):
        """The weight of the predictions above every threshold."""
        above = np.empty((len(y_pred), len(self._thresholds)), np.float32)
        for row, (values, weights) in enumerate(zip(y_pred, weight)):
            if self._evenly:
                above[row] = self._buckets(values, weights)
            else:
                above[row] = ((values > self._thresholds[:, None]) * weights).sum(axis=1)
        return above.T if self._multi_label else above[0]

    def _buckets(self, values, weights):
        count = len(self._thresholds)
        bucket = np.ceil(np.clip(values, 0, 1) * np.float32(count - 1)) - 1
        if self._outside:
            bucket = np.maximum(bucket, 0)
        # Predictions of exactly 0 are above no threshold.
        kept = bucket >= 0
        sums = np.bincount(bucket[kept].astype(np.int64), weights[kept], minlength=count)
        return sums[::-1].cumsum()[::-1]

    def _row(self, totals):
        return totals if self._multi_label else totals[0]

    def precision(self):
        return divide_no_nan(self.true_positives, self.true_positives + self.false_positives)

    def recall(self):
        return divide_no_nan(self.true_positives, self.true_positives + self.false_negatives)

    def specificity(self):
        return divide_no_nan(self.true_negatives, self.true_negatives + self.false_positives)

    def false_positive_rate(self):
        return divide_no_nan(self.false_positives, self.false_positives + self.true_negatives)


def _keep_top_k(x, k):
    """Makes all but the `k` greatest values of each sample lower than any threshold."""
    kept = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    result = np.full_like(x, NEGATIVE_INFINITY)
    np.put_along_axis(result, kept, np.take_along_axis(x, kept, axis=-1), axis=-1)
    return result


class AtThresholds:
    """A property of the confusion counts at given thresholds: one value, or one a threshold."""

    def __init__(self, of, thresholds=None, top_k=None, class_id=None):
        if thresholds is None:
            thresholds = 0.5 if top_k is None else NEGATIVE_INFINITY
        thresholds = list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]
        self._of = of
        self._counts = Confusion(thresholds, top_k, class_id)
        self.update = self._counts.update

    def result(self):
        value = getattr(self._counts, self._of)
        value = np.atleast_1d(value() if callable(value) else value)
        return value[0] if len(value) == 1 else value


class AtConstraint:
    """The greatest `best` at a threshold where `constrained` is at least `value`."""

    def __init__(self, best, constrained, value, num_thresholds=200, class_id=None):
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        thresholds = [0.5] if num_thresholds == 1 else [0.0, *inner, 1.0]
        self._best, self._constrained, self._value = best, constrained, np.float32(value)
        self._counts = Confusion(thresholds, class_id=class_id, evenly=num_thresholds > 1)
        self.update = self._counts.update

    def result(self):
        feasible = getattr(self._counts, self._constrained)() >= self._value
        return np.where(feasible, getattr(self._counts, self._best)(), np.float32(0)).max(initial=0)


class AUC:
    """The area under a curve, approximated by a Riemann sum over thresholds."""

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        thresholds=None,
        multi_label=False,
        label_weights=None,
        from_logits=False,
    ):
        inner = thresholds
        if inner is None:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        evenly = thresholds is None or _evenly([0.0, *sorted(inner), 1.0])
        self._curve, self._method = curve, summation_method
        self._multi_label, self._label_weights = multi_label, label_weights
        self._from_logits = from_logits
        self._counts = Confusion(
            [-1e-7, *sorted(inner), 1 + 1e-7], multi_label=multi_label, label_weights=label_weights, evenly=evenly
        )

    def update(self, y_true, y_pred, sample_weight):
        if self._multi_label and y_pred.ndim != 2:
            raise ValueError(
                f"AUC with multi_label expects predictions of shape (samples, labels), found {y_pred.shape}"
            )
        if self._from_logits:
            y_pred = sigmoid(plain(float32(y_pred)))
        self._counts.update(y_true, y_pred, sample_weight)

    def result(self):
        if self._curve == "PR" and self._method == "interpolation":
            return self._over_labels(self._interpolated_precision())
        x, y = self._points()
        if self._method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        else:
            heights = (np.minimum if self._method == "minoring" else np.maximum)(y[:-1], y[1:])
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _points(self):
        counts = self._counts
        if self._curve == "ROC":
            return counts.false_positive_rate(), counts.recall()
        if self._curve == "PR":
            return counts.recall(), counts.precision()
        positives = counts.true_positives
        ratio = divide_no_nan(positives + counts.false_negatives, counts.true_negatives + counts.false_positives)
        recall = 1 - ratio * divide_no_nan(counts.false_negatives, positives)
        precision = 1 - ratio * divide_no_nan(counts.false_positives, positives)
        recall = np.where(positives == 0, np.float32(0), recall)
        return np.maximum(recall, 0), np.where(positives == 0, np.float32(1), precision)

    def _interpolated_precision(self):
        """Keras's interpolation of precision between thresholds (Davis and Goadrich 2006)."""
        counts = self._counts
        positives = counts.true_positives
        predicted = positives + counts.false_positives
        gained = positives[:-1] - positives[1:]
        slope = divide_no_nan(gained, np.maximum(predicted[:-1] - predicted[1:], 0))
        intercept = positives[1:] - slope * predicted[1:]
        both = (predicted[:-1] > 0) & (predicted[1:] > 0)
        ratio = np.where(both, divide_no_nan(predicted[:-1], predicted[1:]), np.float32(1))
        return divide_no_nan(
            slope * (gained + intercept * np.log(ratio)), np.maximum(positives[1:] + counts.false_negatives[1:], 0)
        )

    def _over_labels(self, terms):
        if not self._multi_label:
            return terms.sum()
        by_label = terms.sum(axis=0)
        if self._label_weights is None:
            return by_label.mean()
        weights = float32(self._label_weights)
        return divide_no_nan((by_label * weights).sum(), weights.sum())
