"""What callers may give as X: arrays, lists, frames with named columns, and what `transform` returned sparse."""

import numpy as np

from .sparse import Sparse

FLOATS = (np.float64, np.float32)
"""For `dtype`: floats stay what they are, all else becomes float64."""


def columns_of(X):
    """The names of the columns of a frame or of a dict of columns, or None."""
    if isinstance(X, dict):
        names = list(X)
    elif hasattr(X, "columns") and hasattr(X, "to_numpy"):
        names = list(X.columns)
    else:
        return None
    return np.asarray(names, dtype=object) if names and all(isinstance(name, str) for name in names) else None


def rows(X):
    """The number of samples."""
    if isinstance(X, dict):
        return len(next(iter(X.values()), ()))
    return X.shape[0] if hasattr(X, "shape") else len(X)


def take(X, places):
    """The columns at `places` (numbers, a slice, a mask, or names of a frame's columns) of X."""
    if isinstance(X, dict):
        names = list(places) if isinstance(places[0], str) else np.asarray(list(X), dtype=object)[places]
        return {name: X[name] for name in names}
    if hasattr(X, "iloc"):
        named = not isinstance(places, slice) and len(places) and isinstance(places[0], str)
        return X[list(places)] if named else X.iloc[:, places]
    return (X if isinstance(X, Sparse) else np.asarray(X))[:, places]


def table(X):
    """X as an array of whatever it holds."""
    if isinstance(X, dict):
        values = [np.asarray(column) for column in X.values()]
        same = len({value.dtype.kind in "OUST" for value in values}) < 2
        return np.stack(values if same else [value.astype(object) for value in values], axis=1)
    if isinstance(X, Sparse):
        return X.toarray()
    if hasattr(X, "to_numpy"):
        return X.to_numpy()
    return np.asarray(X)


def check(estimator, X, dtype="numeric", missing=False, copy=False, names=True, features=True):
    """X as a matrix: of its own numbers for "numeric", of anything for None, of the first of a tuple of dtypes
    unless it has another of them. `missing` admits NaN, `copy` makes it safe to write; `names` and `features`
    compare with those the estimator was fitted with."""
    if names:
        _check_names(estimator, X)
    array = table(X)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead: reshape your data using array.reshape(-1, 1) if it "
            "has a single feature or array.reshape(1, -1) if it is a single sample"
        )
    if not len(array):
        raise ValueError(f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required")
    own = array
    array = _convert(array, dtype)
    if not missing:
        _check_finite(estimator, array)
    elif array.dtype.kind == "f" and missing != "all" and np.isinf(array).any():
        raise ValueError("Input X contains infinity or a value too large for " + repr(array.dtype) + ".")
    wanted = getattr(estimator, "n_features_in_", None) if features else None
    if wanted is not None and array.shape[1] != wanted:
        raise ValueError(
            f"X has {array.shape[1]} features, but {type(estimator).__name__} is expecting {wanted} features as input."
        )
    return array.copy() if copy and (array is own or np.may_share_memory(array, own)) else array


def _convert(array, dtype):
    if dtype is None:
        return array
    if dtype == "numeric":
        return array.astype(np.float64) if array.dtype.kind in "OUST" else array
    wanted = dtype if isinstance(dtype, tuple) else (dtype,)
    return array if array.dtype in wanted else array.astype(wanted[0])


def _check_finite(estimator, array):
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else f"infinity or a value too large for {array.dtype!r}"
        raise ValueError(f"Input X contains {what}. {type(estimator).__name__} does not accept such values.")
    if array.dtype.kind == "O" and any(value is None or value != value for value in array.flat):
        raise ValueError(f"Input X contains NaN. {type(estimator).__name__} does not accept such values.")


def _check_names(estimator, X):
    fitted, given = estimator.__dict__.get("feature_names_in_"), columns_of(X)
    if fitted is None or given is None or (len(fitted) == len(given) and (fitted == given).all()):
        return
    lines = ["The feature names should match those that were passed during fit."]
    for title, names in (
        ("Feature names unseen at fit time:", set(given) - set(fitted)),
        ("Feature names seen at fit time, yet now missing:", set(fitted) - set(given)),
    ):
        if names:
            lines += [title, *(f"- {name}" for name in sorted(names)[:5])]
    if len(lines) == 1:
        lines.append("Feature names must be in the same order as they were in fit.")
    raise ValueError("\n".join(lines) + "\n")


def column(y, dtype=None):
    """y as a vector."""
    array = table(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    return array if dtype is None else array.astype(dtype, copy=False)


def is_missing(array, marker):
    """A mask of the elements that are the marker of missing values."""
    if marker is None or (isinstance(marker, float) and marker != marker):
        if array.dtype.kind == "f":
            return np.isnan(array)
        if array.dtype.kind == "O":
            if marker is None:
                return np.array([value is None for value in array.flat], dtype=bool).reshape(array.shape)
            return np.array([_is_nan(value) for value in array.flat], dtype=bool).reshape(array.shape)
        return np.zeros(array.shape, dtype=bool)
    return np.asarray(array == marker)


def _is_nan(value):
    try:
        return bool(value != value)
    except TypeError:
        # pandas.NA is neither equal to itself nor unequal.
        return True
