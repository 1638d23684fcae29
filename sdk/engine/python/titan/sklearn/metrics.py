"""Metrics of predicted classes and numbers, with scikit-learn's arguments and results."""

import numpy as np

from .base import accuracy, r2
from .inputs import table

__all__ = """
    accuracy_score balanced_accuracy_score classification_report confusion_matrix explained_variance_score
    f1_score fbeta_score hamming_loss jaccard_score matthews_corrcoef max_error mean_absolute_error
    mean_absolute_percentage_error mean_squared_error mean_squared_log_error median_absolute_error
    precision_recall_fscore_support precision_score r2_score recall_score root_mean_squared_error zero_one_loss
""".split()


def _labels(*values):
    arrays = [table(value) for value in values]
    return [a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a for a in arrays]


def _unique(y_true, y_pred):
    return np.unique(np.concatenate([np.unique(y_true), np.unique(y_pred)]))


def accuracy_score(y_true, y_pred, *, normalize=True, sample_weight=None):
    share = accuracy(*_labels(y_true, y_pred), sample_weight)
    return share if normalize else share * _total(len(table(y_true)), sample_weight)


def _total(count, sample_weight):
    return float(count if sample_weight is None else np.sum(sample_weight))


def zero_one_loss(y_true, y_pred, *, normalize=True, sample_weight=None):
    right = accuracy_score(y_true, y_pred, normalize=normalize, sample_weight=sample_weight)
    return 1 - right if normalize else _total(len(table(y_true)), sample_weight) - right


def hamming_loss(y_true, y_pred, *, sample_weight=None):
    wrong = np.not_equal(*_labels(y_true, y_pred))
    return float(np.average(wrong if wrong.ndim == 1 else wrong.mean(axis=1), weights=sample_weight))


def confusion_matrix(y_true, y_pred, *, labels=None, sample_weight=None, normalize=None):
    y_true, y_pred = _labels(y_true, y_pred)
    labels = _unique(y_true, y_pred) if labels is None else np.asarray(labels)
    places = {label: i for i, label in enumerate(labels.tolist())}
    weights = np.ones(len(y_true), np.int64) if sample_weight is None else np.asarray(sample_weight)
    matrix = np.zeros((len(labels), len(labels)), np.float64 if weights.dtype.kind == "f" else np.int64)
    for true, predicted, weight in zip(y_true.tolist(), y_pred.tolist(), weights):
        if true in places and predicted in places:
            matrix[places[true], places[predicted]] += weight
    if normalize is None:
        return matrix
    whole = matrix.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
    return matrix / np.where(whole == 0, 1, whole)


def balanced_accuracy_score(y_true, y_pred, *, sample_weight=None, adjusted=False):
    matrix = confusion_matrix(y_true, y_pred, sample_weight=sample_weight)
    present = matrix.sum(axis=1) > 0
    score = (np.diag(matrix)[present] / matrix.sum(axis=1)[present]).mean()
    chance = 1 / present.sum()
    return float((score - chance) / (1 - chance) if adjusted else score)


def matthews_corrcoef(y_true, y_pred, *, sample_weight=None):
    matrix = confusion_matrix(y_true, y_pred, sample_weight=sample_weight).astype(np.float64)
    true, predicted, total = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
    spread = (total**2 - predicted @ predicted) * (total**2 - true @ true)
    return float((np.trace(matrix) * total - true @ predicted) / np.sqrt(spread)) if spread else 0.0


def _counts(y_true, y_pred, labels, sample_weight):
    """(true positives, predicted, true) of every label; several labels a sample come as columns of 0 and 1."""
    y_true, y_pred = _labels(y_true, y_pred)
    weights = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if y_true.ndim == 2:
        chosen = slice(None) if labels is None else labels
        y_true, y_pred = y_true[:, chosen] != 0, y_pred[:, chosen] != 0
        parts = y_true & y_pred, y_pred, y_true
    else:
        labels = _unique(y_true, y_pred) if labels is None else np.asarray(labels)
        y_true, y_pred = y_true[:, None] == labels, y_pred[:, None] == labels
        parts = y_true & y_pred, y_pred, y_true
    whole = np.int64 if sample_weight is None else np.float64
    return [(part * weights[:, None]).sum(axis=0).astype(whole) for part in parts]


def _divided(numerator, denominator, zero_division):
    empty = 0.0 if zero_division == "warn" else zero_division
    return np.where(denominator == 0, empty, numerator / np.where(denominator == 0, 1, denominator))


def precision_recall_fscore_support(
    y_true,
    y_pred,
    *,
    beta=1.0,
    labels=None,
    pos_label=1,
    average=None,
    warn_for=(),
    sample_weight=None,
    zero_division="warn",
):
    if average == "binary":
        present = _unique(*_labels(y_true, y_pred)).tolist()
        if len(present) > 2:
            raise ValueError("Target is multiclass but average='binary'. Please choose another average setting.")
        if len(present) == 2 and pos_label not in present:
            raise ValueError(f"pos_label={pos_label} is not a valid label. It should be one of {present}")
        labels = [pos_label]
    both, predicted, true = _counts(y_true, y_pred, labels, sample_weight)
    if average == "micro":
        both, predicted, true = (part.sum(keepdims=True) for part in (both, predicted, true))
    precision, recall = (_divided(both, part, zero_division) for part in (predicted, true))
    score = _divided((1 + beta**2) * both, beta**2 * true + predicted, zero_division)
    if average is None:
        return precision, recall, score, true
    weights = true if average == "weighted" and true.sum() else None
    return *(float(np.average(part, weights=weights)) for part in (precision, recall, score)), None


def _one(place):
    def metric(y_true, y_pred, *, average="binary", **options):
        return precision_recall_fscore_support(y_true, y_pred, average=average, **options)[place]

    return metric


precision_score, recall_score, f1_score = _one(0), _one(1), _one(2)


def fbeta_score(y_true, y_pred, *, beta, average="binary", **options):
    return precision_recall_fscore_support(y_true, y_pred, beta=beta, average=average, **options)[2]


def jaccard_score(
    y_true, y_pred, *, labels=None, pos_label=1, average="binary", sample_weight=None, zero_division="warn"
):
    labels = [pos_label] if average == "binary" else labels
    both, predicted, true = _counts(y_true, y_pred, labels, sample_weight)
    if average == "micro":
        both, predicted, true = (part.sum(keepdims=True) for part in (both, predicted, true))
    scores = _divided(both, predicted + true - both, zero_division)
    return scores if average is None else float(np.average(scores, weights=true if average == "weighted" else None))


def classification_report(
    y_true,
    y_pred,
    *,
    labels=None,
    target_names=None,
    sample_weight=None,
    digits=2,
    output_dict=False,
    zero_division="warn",
):
    several = _labels(y_true)[0].ndim == 2
    present = np.arange(_labels(y_true)[0].shape[1]) if several else _unique(*_labels(y_true, y_pred))
    chosen = present if labels is None else np.asarray(labels)
    names = [str(label) for label in chosen] if target_names is None else list(target_names)
    options = {"labels": chosen, "sample_weight": sample_weight, "zero_division": zero_division}
    precision, recall, score, support = precision_recall_fscore_support(y_true, y_pred, **options)
    rows = [(name, *values) for name, *values in zip(names, precision, recall, score, support)]
    averages = []
    for average in ("micro", "macro", "weighted"):
        values = precision_recall_fscore_support(y_true, y_pred, average=average, **options)[:3]
        accurate = average == "micro" and not several and set(chosen.tolist()) >= set(present.tolist())
        averages.append(("accuracy" if accurate else f"{average} avg", *values, support.sum()))
    headers = ["precision", "recall", "f1-score", "support"]
    if output_dict:
        report = {name: dict(zip(headers, map(float, values))) for name, *values in rows + averages}
        if "accuracy" in report:
            report["accuracy"] = report["accuracy"]["precision"]
        return report
    return _report(headers, rows, averages, digits)


def _report(headers, rows, averages, digits):
    width = max(len("weighted avg"), digits, *(len(row[0]) for row in rows))

    def line(name, *values, support):
        shown = "".join(f" {'' if value is None else format(value, f'.{digits}f'):>9}" for value in values)
        return f"{name:>{width}s} {shown} {support:>9}"

    lines = [" " * width + " " + "".join(f" {header:>9}" for header in headers), ""]
    lines += [line(name, *values, support=support) for name, *values, support in rows]
    lines.append("")
    for name, *values, support in averages:
        values = [None, None, values[2]] if name == "accuracy" else values
        lines.append(line(name, *values, support=support))
    return "\n".join(lines) + "\n"


def _errors(measure):
    """A metric from `measure(y_true, y_pred)`, the errors of samples and outputs."""

    def metric(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
        errors = np.average(measure(*_numbers(y_true, y_pred)), axis=0, weights=sample_weight)
        return _joined(errors, multioutput)

    return metric


def _joined(errors, multioutput):
    if isinstance(multioutput, str) and multioutput == "raw_values":
        return errors
    return float(np.average(errors, weights=None if isinstance(multioutput, str) else multioutput))


def _numbers(y_true, y_pred):
    arrays = [table(value) for value in (y_true, y_pred)]
    if len(arrays[0]) != len(arrays[1]):
        counts = [len(array) for array in arrays]
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {counts}")
    return [array.astype(np.float64, copy=False).reshape(len(array), -1) for array in arrays]


mean_squared_error = _errors(lambda y, p: (y - p) ** 2)
mean_absolute_error = _errors(lambda y, p: np.abs(y - p))
mean_absolute_percentage_error = _errors(lambda y, p: np.abs(p - y) / np.maximum(np.abs(y), np.finfo(np.float64).eps))
mean_squared_log_error = _errors(lambda y, p: (np.log1p(y) - np.log1p(p)) ** 2)


def root_mean_squared_error(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    errors = mean_squared_error(y_true, y_pred, sample_weight=sample_weight, multioutput="raw_values")
    return _joined(np.sqrt(errors), multioutput)


def median_absolute_error(y_true, y_pred, *, multioutput="uniform_average"):
    y, p = _numbers(y_true, y_pred)
    return _joined(np.median(np.abs(y - p), axis=0), multioutput)


def max_error(y_true, y_pred):
    y, p = _numbers(y_true, y_pred)
    return float(np.abs(y - p).max())


def r2_score(y_true, y_pred, *, sample_weight=None):
    return r2(y_true, y_pred, sample_weight)


def explained_variance_score(y_true, y_pred, *, sample_weight=None):
    y, p = _numbers(y_true, y_pred)
    differences = y - p
    return r2(y, y - (differences - np.average(differences, axis=0, weights=sample_weight)), sample_weight)
