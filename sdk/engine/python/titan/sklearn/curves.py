"""Metrics of scores and probabilities: curves over thresholds, the areas below them, and losses."""

import numpy as np

from .inputs import column, table

__all__ = """
    auc average_precision_score brier_score_loss log_loss precision_recall_curve roc_auc_score roc_curve
    top_k_accuracy_score
""".split()


def auc(x, y):
    """The area below a curve, by trapezoids."""
    x, y = column(x), column(y)
    area = np.trapezoid(y, x)
    return float(-area if (np.diff(x) <= 0).all() and (np.diff(x) < 0).any() else area)


def _counts(y_true, y_score, pos_label, sample_weight):
    """(false positives, true positives, thresholds), from the highest score down."""
    labels, scores = column(y_true), column(y_score)
    if pos_label is None:
        present = np.unique(labels)
        if not set(present.tolist()) <= {0, 1} and not set(present.tolist()) <= {-1, 1}:
            raise ValueError(
                f"y_true takes value in {present.tolist()} and pos_label is not specified: either make y_true take "
                "value in {0, 1} or {-1, 1} or pass pos_label explicitly."
            )
        pos_label = 1
    order = np.argsort(-scores, kind="stable")
    positive, scores = (labels == pos_label)[order].astype(np.float64), scores[order]
    weights = np.ones(len(scores)) if sample_weight is None else np.asarray(sample_weight, np.float64)[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    return ((1 - positive) * weights).cumsum()[ends], (positive * weights).cumsum()[ends], scores[ends]


def roc_curve(y_true, y_score, *, pos_label=None, sample_weight=None, drop_intermediate=True):
    false, true, thresholds = _counts(y_true, y_score, pos_label, sample_weight)
    if drop_intermediate and len(false) > 2:
        kept = np.flatnonzero(np.r_[True, (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), True])
        false, true, thresholds = false[kept], true[kept], thresholds[kept]
    rates = [np.r_[0.0, part] / part[-1] if part[-1] > 0 else np.full(len(part) + 1, np.nan) for part in (false, true)]
    return *rates, np.r_[np.inf, thresholds.astype(np.float64)]


def precision_recall_curve(y_true, y_score, *, pos_label=None, sample_weight=None, drop_intermediate=False):
    false, true, thresholds = _counts(y_true, y_score, pos_label, sample_weight)
    if drop_intermediate and len(false) > 2:
        changes = np.diff(true) != 0
        kept = np.flatnonzero(np.r_[True, changes[:-1] | changes[1:], True])
        false, true, thresholds = false[kept], true[kept], thresholds[kept]
    chosen = true + false
    precision = np.where(chosen != 0, true / np.where(chosen == 0, 1, chosen), 0.0)
    recall = true / true[-1] if true[-1] else np.ones_like(true)
    return np.r_[precision[::-1], 1.0], np.r_[recall[::-1], 0.0], thresholds[::-1]


def _over_outputs(score, y_true, y_score, average, sample_weight):
    """Averages `score(labels, scores, weights)` over columns."""
    if y_true.ndim == 1:
        return score(y_true, y_score, sample_weight)
    if average == "micro":
        weights = None if sample_weight is None else np.repeat(sample_weight, y_true.shape[1])
        return score(y_true.ravel(), y_score.ravel(), weights)
    scores = np.array([score(y, s, sample_weight) for y, s in zip(y_true.T, y_score.T)])
    if average is None:
        return scores
    weights = y_true.sum(axis=0) if average == "weighted" else None
    return float(np.average(scores, weights=weights))


def _binarized(labels, classes):
    return (labels[:, None] == classes).astype(np.int64)


def average_precision_score(y_true, y_score, *, average="macro", pos_label=1, sample_weight=None):
    def score(labels, scores, weights):
        precision, recall, _ = precision_recall_curve(labels, scores, pos_label=pos_label, sample_weight=weights)
        return float(max(0.0, -(np.diff(recall) * precision[:-1]).sum()))

    y_true, y_score = table(y_true), table(y_score)
    if y_true.ndim == 1 and len(np.unique(y_true)) > 2:
        y_true = _binarized(y_true, np.unique(y_true))
    return _over_outputs(score, y_true, y_score, average, sample_weight)


def _binary_area(labels, scores, weights):
    if len(np.unique(labels)) != 2:
        return float("nan")
    return auc(*roc_curve(labels, scores, pos_label=labels.max(), sample_weight=weights)[:2])


def roc_auc_score(y_true, y_score, *, average="macro", sample_weight=None, multi_class="raise", labels=None):
    y_true, y_score = table(y_true), table(y_score)
    if y_true.ndim == 2:
        return _over_outputs(_binary_area, y_true, y_score, average, sample_weight)
    classes = np.unique(y_true) if labels is None else np.asarray(labels)
    if y_score.ndim == 1:
        return _binary_area((y_true == classes[-1]).astype(np.int64), y_score, sample_weight)
    if multi_class == "ovr":
        return _over_outputs(_binary_area, _binarized(y_true, classes), y_score, average, sample_weight)
    if multi_class != "ovo":
        raise ValueError("multi_class must be in ('ovo', 'ovr')")
    areas, shares = [], []
    for i, first in enumerate(classes):
        for j in range(i + 1, len(classes)):
            chosen = (y_true == first) | (y_true == classes[j])
            both = [
                (_binary_area((y_true[chosen] == classes[k]).astype(np.int64), y_score[chosen, k], None))
                for k in (i, j)
            ]
            areas.append(sum(both) / 2)
            shares.append(chosen.mean())
    return np.average(areas, weights=shares if average == "weighted" else None)


def log_loss(y_true, y_proba, *, normalize=True, sample_weight=None, labels=None):
    y_true, p = column(y_true), table(y_proba)
    p = p if p.dtype == np.float32 else p.astype(np.float64)
    classes = np.unique(y_true if labels is None else labels)
    p = np.stack([1 - p.ravel(), p.ravel()], axis=1) if p.ndim == 1 or p.shape[1] == 1 else p
    margin = np.finfo(p.dtype).eps
    p = np.clip(p, margin, 1 - margin)
    losses = -np.log(p[np.arange(len(p)), np.searchsorted(classes, y_true)])
    weights = np.ones(len(p)) if sample_weight is None else np.asarray(sample_weight)
    return float(np.average(losses, weights=weights) if normalize else losses @ weights)


def brier_score_loss(y_true, y_proba, *, sample_weight=None, pos_label=None):
    labels, p = column(y_true), column(y_proba)
    positive = labels == (np.unique(labels)[-1] if pos_label is None else pos_label)
    return float(np.average((positive - p) ** 2, weights=sample_weight))


def top_k_accuracy_score(y_true, y_score, *, k=2, normalize=True, sample_weight=None, labels=None):
    y_true, scores = column(y_true), table(y_score)
    classes = np.unique(y_true if labels is None else labels)
    best = np.argsort(scores, axis=1, kind="mergesort")[:, ::-1][:, :k]
    right = (np.searchsorted(classes, y_true)[:, None] == best).any(axis=1)
    return float(np.average(right, weights=sample_weight)) if normalize else float(right.sum())
