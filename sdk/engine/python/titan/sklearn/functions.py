"""The mathematics that several kinds of estimators share: links, distances and kernels."""

import math

import numpy as np

erf = np.frompyfunc(math.erf, 1, 1)


def expit(x):
    """1 / (1 + exp(-x))"""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


def logsumexp(x):
    """The logarithm of the sum of exponentials of every row, as a column."""
    highest = x.max(axis=1, keepdims=True)
    is_highest = x == highest
    count = is_highest.sum(axis=1, keepdims=True).astype(x.dtype)
    with np.errstate(invalid="ignore"):
        others = np.where(is_highest, 0, np.exp(x - highest)).sum(axis=1, keepdims=True)
    return np.log1p(others / count) + np.log(count) + highest


def softmax(x):
    """Of every row."""
    exponential = np.exp(x - x.max(axis=1, keepdims=True))
    return exponential / exponential.sum(axis=1, keepdims=True)


def two_columns(p):
    """The probabilities of two classes from that of the second."""
    return np.stack([1 - p, p], axis=1)


def normalized(p):
    """Rows divided by their sums; all classes are as probable where the sum is zero."""
    total = p.sum(axis=1, keepdims=True)
    return np.where(total == 0, 1 / p.shape[1], p / np.where(total == 0, 1, total))


def one_against_one(predictions, confidences, classes):
    """One score a class from those of all pairs of classes: votes, and confidences that break ties."""
    votes = np.zeros((len(predictions), classes))
    sums = np.zeros_like(votes)
    pairs = ((i, j) for i in range(classes) for j in range(i + 1, classes))
    for k, (i, j) in enumerate(pairs):
        sums[:, i] -= confidences[:, k]
        sums[:, j] += confidences[:, k]
        votes[predictions[:, k] == 0, i] += 1
        votes[predictions[:, k] == 1, j] += 1
    return votes + sums / (3 * (np.abs(sums) + 1))


def squared_distances(x, y):
    """Squared Euclidean distances of all rows of x to all of y: from differences, which lose no digits."""
    found = np.empty((len(x), len(y)), np.result_type(x, y, np.float32))
    step = max(1, (1 << 20) // max(1, y.size))
    for start in range(0, len(x), step):
        differences = x[start : start + step, None, :] - y
        found[start : start + step] = np.einsum("ijk,ijk->ij", differences, differences)
    return found


def _over_differences(function):
    def distances(x, y, **options):
        found = np.empty((len(x), len(y)))
        step = max(1, (1 << 20) // max(1, y.size))
        for start in range(0, len(x), step):
            found[start : start + step] = function(x[start : start + step, None, :], y[None], **options)
        return found

    return distances


def _minkowski(x, y, p=2, w=None):
    powers = np.abs(x - y) ** p
    return (powers if w is None else powers * w).sum(axis=-1) ** (1 / p)


def _canberra(x, y):
    total = np.abs(x) + np.abs(y)
    return (np.abs(x - y) / np.where(total == 0, 1, total)).sum(axis=-1)


def _unit(x):
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return x / np.where(length == 0, 1, length)


def _cosine(x, y):
    return np.clip(1 - _unit(x) @ _unit(y).T, 0, 2)


def _correlation(x, y):
    return _cosine(x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True))


def _haversine(x, y):
    halves = np.sin((x - y) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(halves[..., 0] + np.cos(x[..., 0]) * np.cos(y[..., 0]) * halves[..., 1]))


def _mahalanobis(x, y, VI=None, V=None):
    inverse = np.linalg.inv(V) if VI is None else VI
    differences = x - y
    return np.sqrt(np.einsum("...i,ij,...j", differences, inverse, differences))


def _nonzero(function):
    """A distance of what is true in the rows, by how many features are true in both, and in one only."""

    def distance(x, y):
        x, y = x != 0, y != 0
        return function((x & y).sum(axis=-1), (x ^ y).sum(axis=-1), x.shape[-1])

    return distance


_METRICS = {
    "euclidean": lambda x, y: np.sqrt(squared_distances(x, y)),
    "sqeuclidean": squared_distances,
    "manhattan": _over_differences(lambda x, y: np.abs(x - y).sum(axis=-1)),
    "chebyshev": _over_differences(lambda x, y: np.abs(x - y).max(axis=-1)),
    "minkowski": _over_differences(_minkowski),
    "canberra": _over_differences(_canberra),
    "hamming": _over_differences(lambda x, y: (x != y).mean(axis=-1)),
    "haversine": _over_differences(_haversine),
    "mahalanobis": _over_differences(_mahalanobis),
    "seuclidean": _over_differences(lambda x, y, V: np.sqrt(((x - y) ** 2 / V).sum(axis=-1))),
    "jaccard": _over_differences(_nonzero(lambda both, one, _: one / np.maximum(both + one, 1))),
    "dice": _over_differences(_nonzero(lambda both, one, _: one / np.maximum(2 * both + one, 1))),
    "cosine": _cosine,
    "correlation": _correlation,
}
_METRICS.update(
    l1=_METRICS["manhattan"],
    cityblock=_METRICS["manhattan"],
    l2=_METRICS["euclidean"],
    infinity=_METRICS["chebyshev"],
    p=_METRICS["minkowski"],
)


def distances(x, y, metric, **options):
    """Distances of all rows of x to all of y by the metric of this name, or by a function of two rows."""
    if callable(metric):
        return np.array([[metric(a, b, **options) for b in y] for a in x])
    return _METRICS[metric](x, y, **options)


def closest(x, y, metric="euclidean", **options):
    """For every row of x the index of the closest row of y."""
    if metric == "euclidean":
        return squared_distances(x, y).argmin(axis=1)
    return distances(x, y, metric, **options).argmin(axis=1)


def kernel(x, y, name, gamma=None, degree=3, coef0=1, **options):
    """The kernel of this name between all rows of x and of y, or a function of two rows."""
    if callable(name):
        return np.array([[name(a, b, **options) for b in y] for a in x])
    gamma = 1 / x.shape[1] if gamma is None and name != "chi2" else gamma
    if name == "linear":
        return x @ y.T
    if name in ("poly", "polynomial"):
        return (gamma * (x @ y.T) + coef0) ** degree
    if name == "sigmoid":
        return np.tanh(gamma * (x @ y.T) + coef0)
    if name == "rbf":
        return np.exp(-gamma * squared_distances(x, y))
    if name == "laplacian":
        return np.exp(-gamma * distances(x, y, "manhattan"))
    if name == "cosine":
        return _unit(x) @ _unit(y).T
    if name == "precomputed":
        return x
    raise ValueError(
        f"the kernel {name!r} is not known to the engine: use linear, poly, sigmoid, rbf, laplacian or cosine"
    )
