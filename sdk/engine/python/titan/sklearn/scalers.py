"""Transformers of numbers, feature by feature: scales, powers, quantiles, bins, and what is missing."""

import math
from statistics import NormalDist

import numpy as np

from .base import Regressor, Transformer
from .inputs import FLOATS, table
from .sparse import Sparse

_NORMAL = NormalDist()
_quantile_of = np.frompyfunc(_NORMAL.inv_cdf, 1, 1)
_probability_of = np.frompyfunc(lambda x: math.erfc(-x / math.sqrt(2)) / 2, 1, 1)


class Affine(Transformer):
    """(X - shift) / scale, or what a subclass makes of it; an absent shift or scale is None."""

    def _floats(self, X, **options):
        return self._check(X, dtype=FLOATS, missing=True, **options)

    def _given_back(self, X):
        return self._floats(X, names=False, features=False)

    def _shift_and_scale(self, dtype):
        raise NotImplementedError

    def _transform(self, X):
        sparse = isinstance(X, Sparse)
        X = self._floats(X)
        shift, scale = self._shift_and_scale(X.dtype)
        X = X if shift is None else X - shift
        X = X if scale is None else X / scale
        X = self._clipped(X)
        return Sparse(X) if sparse else X

    def _clipped(self, X):
        return X

    def inverse_transform(self, X):
        X = self._given_back(X)
        shift, scale = self._shift_and_scale(X.dtype)
        X = X if scale is None else X * scale
        return X if shift is None else X + shift


class StandardScaler(Affine):
    def _shift_and_scale(self, dtype):
        shift = self.mean_.astype(dtype) if self.with_mean else None
        return shift, self.scale_.astype(dtype) if self.with_std else None


class RobustScaler(Affine):
    def _shift_and_scale(self, dtype):
        return self.center_ if self.with_centering else None, self.scale_ if self.with_scaling else None


class MaxAbsScaler(Affine):
    def _shift_and_scale(self, dtype):
        return None, self.scale_

    def _clipped(self, X):
        return np.clip(X, -1, 1) if self.clip else X


class MinMaxScaler(Affine):
    def _transform(self, X):
        X = self._floats(X, copy=True)
        X *= self.scale_
        X += self.min_
        return np.clip(X, *self.feature_range) if self.clip else X

    def inverse_transform(self, X):
        X = self._given_back(X).copy()
        X -= self.min_
        X /= self.scale_
        return X


class Normalizer(Transformer):
    def _transform(self, X):
        return normalized_rows(self._check(X, dtype=FLOATS), self.norm)


def normalized_rows(X, norm):
    if norm == "l1":
        lengths = np.abs(X).sum(axis=1)
    elif norm == "l2":
        lengths = np.sqrt(np.einsum("ij,ij->i", X, X))
    else:
        lengths = np.abs(X).max(axis=1)
    return X / np.where(lengths == 0, 1, lengths)[:, None]


class Binarizer(Transformer):
    def _transform(self, X):
        X = self._check(X)
        return (X > self.threshold).astype(X.dtype)


class PowerTransformer(Transformer):
    def _transform(self, X):
        X = self._check(X, dtype=FLOATS, missing=True, copy=True)
        if self.method == "box-cox" and np.nanmin(X) <= 0:
            raise ValueError("The Box-Cox transformation can only be applied to strictly positive data")
        power = _box_cox if self.method == "box-cox" else _yeo_johnson
        for i, exponent in enumerate(self.lambdas_):
            X[:, i] = power(X[:, i], exponent)
        return self._scaler.transform(X) if self.standardize else X

    def inverse_transform(self, X):
        X = self._check(X, dtype=FLOATS, missing=True, copy=True, names=False)
        X = self._scaler.inverse_transform(X) if self.standardize else X
        inverse = _inverse_box_cox if self.method == "box-cox" else _inverse_yeo_johnson
        for i, exponent in enumerate(self.lambdas_):
            X[:, i] = inverse(X[:, i], exponent)
        return X


def _box_cox(x, exponent):
    return np.log(x) if exponent == 0 else np.expm1(exponent * np.log(x)) / exponent


def _inverse_box_cox(x, exponent):
    return np.exp(x) if exponent == 0 else np.exp(np.log1p(exponent * x) / exponent)


def _yeo_johnson(x, exponent):
    result, positive = x.copy(), x >= 0
    high, low = np.log1p(x[positive]), np.log1p(-x[~positive])
    is_zero, is_two = abs(exponent) < np.spacing(1.0), abs(exponent - 2) <= np.spacing(1.0)
    result[positive] = high if is_zero else np.expm1(exponent * high) / exponent
    result[~positive] = -low if is_two else -np.expm1((2 - exponent) * low) / (2 - exponent)
    return result


def _inverse_yeo_johnson(x, exponent):
    result, positive = x.copy(), x >= 0
    high, low = x[positive], x[~positive]
    is_zero, is_two = abs(exponent) < np.spacing(1.0), abs(exponent - 2) <= np.spacing(1.0)
    result[positive] = np.expm1(high) if is_zero else np.power(high * exponent + 1, 1 / exponent) - 1
    result[~positive] = 1 - (np.exp(-low) if is_two else np.power(-(2 - exponent) * low + 1, 1 / (2 - exponent)))
    return result


_BOUNDS = 1e-7


class QuantileTransformer(Transformer):
    def _transform(self, X):
        return self._each(self._check(X, dtype=FLOATS, missing=True, copy=True), self._forth)

    def inverse_transform(self, X):
        return self._each(self._check(X, dtype=FLOATS, missing=True, copy=True, names=False), self._back)

    def _each(self, X, function):
        for i in range(X.shape[1]):
            known = ~np.isnan(X[:, i])
            X[known, i] = function(X[known, i], self.quantiles_[:, i])
        return X

    def _forth(self, x, quantiles):
        normal = self.output_distribution == "normal"
        margin = _BOUNDS if normal else 0
        low, high = x - margin <= quantiles[0], x + margin >= quantiles[-1]
        if normal:
            low, high = x - margin < quantiles[0], x + margin > quantiles[-1]
        there = np.interp(x, quantiles, self.references_)
        back = np.interp(-x, -quantiles[::-1], -self.references_[::-1])
        p = 0.5 * (there - back)
        p[high], p[low] = 1, 0
        if not normal:
            return p
        least, most = (_NORMAL.inv_cdf(q) for q in (_BOUNDS - np.spacing(1), 1 - (_BOUNDS - np.spacing(1))))
        inside = (p > 0) & (p < 1)
        z = np.where(p <= 0, least, most)
        z[inside] = _quantile_of(p[inside]).astype(np.float64)
        return np.clip(z, least, most)

    def _back(self, x, quantiles):
        normal = self.output_distribution == "normal"
        p = _probability_of(x).astype(np.float64) if normal else x
        low, high = (p - _BOUNDS < 0, p + _BOUNDS > 1) if normal else (p == 0, p == 1)
        result = np.interp(p, self.references_, quantiles)
        result[high], result[low] = quantiles[-1], quantiles[0]
        return result


class KBinsDiscretizer(Transformer):
    def _transform(self, X):
        X = self._check(X, dtype=FLOATS if self.dtype is None else self.dtype, copy=True)
        for i, edges in enumerate(self.bin_edges_):
            X[:, i] = np.searchsorted(edges[1:-1], X[:, i], side="right")
        if self.encode == "ordinal":
            return X
        result = self._encoder.transform(X)
        return result.astype(X.dtype)

    def inverse_transform(self, X):
        X = self._encoder.inverse_transform(X) if "onehot" in self.encode else table(X)
        places = np.asarray(X).astype(np.int64)
        result = np.empty(places.shape, dtype=np.float32 if np.asarray(X).dtype == np.float32 else np.float64)
        for i, edges in enumerate(self.bin_edges_):
            result[:, i] = ((edges[1:] + edges[:-1]) * 0.5)[places[:, i]]
        return result


class PolynomialFeatures(Transformer):
    """`powers_` are the exponents, one row a feature that is returned."""

    def _transform(self, X):
        X = self._check(X, dtype=FLOATS)
        result = np.ones((len(X), len(self.powers_)), dtype=X.dtype, order=self.order)
        for i, powers in enumerate(self.powers_):
            for feature in np.flatnonzero(powers):
                for _ in range(powers[feature]):
                    result[:, i] *= X[:, feature]
        return result


class Isotonic(Regressor, Transformer):
    """Interpolates between thresholds."""

    def _transform(self, T):
        x, y = self.X_thresholds_, self.y_thresholds_
        T = np.asarray(table(T)).astype(x.dtype).reshape(-1)
        if self.out_of_bounds == "raise" and T.size and (T.min() < x[0] or T.max() > x[-1]):
            raise ValueError("A value in x_new is outside the interpolation range.")
        outside = (T < x[0]) | (T > x[-1])
        result = np.interp(T, x, y)
        return (
            np.where(outside, np.nan, result).astype(T.dtype) if self.out_of_bounds == "nan" else result.astype(T.dtype)
        )

    predict = Transformer.transform
