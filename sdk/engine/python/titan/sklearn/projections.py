"""Transformers that project samples: decompositions, kernels and random features."""

import numpy as np

from .base import Regressor, Transformer
from .functions import kernel
from .inputs import FLOATS


class PCA(Transformer):
    def _transform(self, X):
        X = self._check(X, dtype=FLOATS)
        scores = X @ self.components_.T - self.mean_.reshape(1, -1) @ self.components_.T
        return scores / self._scale() if self.whiten else scores

    def _scale(self):
        scale = np.sqrt(self.explained_variance_)
        return np.maximum(scale, np.finfo(scale.dtype).eps)

    def inverse_transform(self, X):
        X = self._check(X, dtype=FLOATS, names=False, features=False)
        if self.whiten:
            return X @ (np.sqrt(self.explained_variance_[:, None]) * self.components_) + self.mean_
        return X @ self.components_ + self.mean_

    def get_covariance(self):
        own = self.components_ * np.sqrt(self.explained_variance_[:, None]) if self.whiten else self.components_
        above = np.maximum(self.explained_variance_ - self.noise_variance_, 0)
        return (own.T * above) @ own + self.noise_variance_ * np.eye(own.shape[1])

    def get_precision(self):
        return np.linalg.inv(self.get_covariance())

    def score_samples(self, X):
        centered, precision = self._check(X, dtype=FLOATS) - self.mean_, self.get_precision()
        sign, log = np.linalg.slogdet(precision)
        log = log if sign > 0 else -np.inf
        return -0.5 * ((centered * (centered @ precision)).sum(axis=1) + centered.shape[1] * np.log(2 * np.pi) - log)

    def score(self, X, y=None):
        return float(self.score_samples(X).mean())


class Projection(Transformer):
    """By `components_`, without a center."""

    def _transform(self, X):
        return self._check(X) @ self.components_.T


class TruncatedSVD(Projection):
    def inverse_transform(self, X):
        return self._check(X, names=False, features=False) @ self.components_


class RandomProjection(Projection):
    def _transform(self, X):
        return self._check(X, dtype=FLOATS) @ self.components_.T

    def inverse_transform(self, X):
        inverse = self.inverse_components_ if self.compute_inverse_components else np.linalg.pinv(self.components_)
        return self._check(X, dtype=FLOATS, names=False, features=False) @ inverse.T


class FactorAnalysis(Transformer):
    def _transform(self, X):
        centered = self._check(X) - self.mean_
        weighted = self.components_ / self.noise_variance_
        covariance = np.linalg.inv(np.eye(len(self.components_)) + weighted @ self.components_.T)
        return centered @ weighted.T @ covariance


class FastICA(Transformer):
    def _transform(self, X):
        X = self._check(X, dtype=FLOATS)
        return (X - self.mean_ if self.whiten else X) @ self.components_.T

    def inverse_transform(self, X):
        X = self._check(X, dtype=FLOATS, names=False, features=False) @ self.mixing_.T
        return X + self.mean_ if self.whiten else X


class KernelCenterer(Transformer):
    def _transform(self, K):
        K = self._check(K, dtype=FLOATS)
        means = K.sum(axis=1, keepdims=True) / len(self.K_fit_rows_)
        return K - self.K_fit_rows_ - means + self.K_fit_all_


def _kernel(estimator, X, Y, gamma):
    if callable(estimator.kernel):
        return kernel(X, Y, estimator.kernel, **(estimator.kernel_params or {}))
    return kernel(X, Y, estimator.kernel, gamma, estimator.degree, estimator.coef0)


class KernelPCA(Transformer):
    def _transform(self, X):
        K = self._centerer.transform(_kernel(self, self._check(X), self.X_fit_, self.gamma_))
        scale = np.where(self.eigenvalues_ == 0, np.inf, np.sqrt(np.abs(self.eigenvalues_)))
        return K @ (self.eigenvectors_ / scale)

    def inverse_transform(self, X):
        if not self.fit_inverse_transform:
            raise ValueError(
                "fit_inverse_transform was not set to True, and hence the inverse transform is not available."
            )
        X = self._check(X, names=False, features=False)
        return _kernel(self, X, self.X_transformed_fit_, self.gamma_) @ self.dual_coef_


class KernelRidge(Regressor):
    def predict(self, X):
        return _kernel(self, self._check(X), self.X_fit_, self.gamma) @ self.dual_coef_


class Nystroem(Transformer):
    def _transform(self, X):
        X, given = self._check(X), self.kernel_params or {}
        for name in ("gamma", "degree", "coef0"):
            if getattr(self, name) is not None and not callable(self.kernel):
                given = {**given, name: getattr(self, name)}
        return kernel(X, self.components_, self.kernel, **given) @ self.normalization_.T


class RBFSampler(Transformer):
    def _transform(self, X):
        waves = np.cos(self._check(X) @ self.random_weights_ + self.random_offset_)
        return waves * (2.0 / self.n_components) ** 0.5
