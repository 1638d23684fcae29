"""Transformers that fill what is missing, and keep some of the features."""

import math

import numpy as np

from .base import Transformer
from .inputs import FLOATS, is_missing


class SimpleImputer(Transformer):
    def _transform(self, X):
        dtype = FLOATS if self.strategy in ("mean", "median") else None
        if self._fit_dtype.kind == "O":
            dtype = np.dtype(object)
        X = self._check(X, dtype=dtype, missing="all", copy=True)
        missing = is_missing(X, self.missing_values)
        filler, kept = self.statistics_, slice(None)
        if not self.keep_empty_features:
            kept = np.flatnonzero(~is_missing(np.asarray(filler), math.nan))
        result = X[:, kept]
        places = missing[:, kept]
        values = np.broadcast_to(filler[kept].astype(self._fill_dtype, copy=False), result.shape)
        result[places] = values[places]
        return np.hstack([result, self.indicator_.transform(missing)]) if self.add_indicator else result


class MissingIndicator(Transformer):
    def _transform(self, X):
        mask = X if self._precomputed else is_missing(self._check(X, dtype=None, missing="all"), self.missing_values)
        if self.features != "missing-only":
            return mask
        strange = np.setdiff1d(np.flatnonzero(mask.any(axis=0)), self.features_)
        if self.error_on_new and strange.size:
            raise ValueError(
                f"The features {strange} have missing values in transform but have no missing values in fit."
            )
        return mask[:, self.features_]


class Selector(Transformer):
    """Keeps the features of the mask `support`."""

    def _transform(self, X):
        frame = self._frozen["output"] == "pandas" and hasattr(X, "iloc")
        X = X.iloc[:, self.support] if frame else self._check(X, dtype=None, missing="all")[:, self.support]
        return X

    def get_support(self, indices=False):
        return np.flatnonzero(self.support) if indices else self.support.copy()

    def inverse_transform(self, X):
        X = self._check(X, dtype=None, missing="all", names=False, features=False)
        if X.shape[1] != self.support.sum():
            raise ValueError("X has a different shape than during fitting.")
        result = np.zeros((len(X), len(self.support)), dtype=X.dtype)
        result[:, self.support] = X
        return result
