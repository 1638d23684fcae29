"""Gaussian processes and their kernels."""

import math

import numpy as np

from .base import Frozen, ProbableClassifier, Regressor
from .functions import distances, erf, squared_distances


class Kernel(Frozen):
    """A covariance: between all rows of X and Y, or of X with itself; `diag` is that of every row with itself."""

    def diag(self, X):
        return np.ones(len(X))


class ConstantKernel(Kernel):
    def __call__(self, X, Y=None):
        return np.full((len(X), len(X if Y is None else Y)), self.constant_value)

    def diag(self, X):
        return np.full(len(X), self.constant_value)


class WhiteKernel(Kernel):
    def __call__(self, X, Y=None):
        return self.noise_level * np.eye(len(X)) if Y is None else np.zeros((len(X), len(Y)))

    def diag(self, X):
        return np.full(len(X), self.noise_level)


class RBF(Kernel):
    def __call__(self, X, Y=None):
        return np.exp(-0.5 * squared_distances(X / self.length_scale, (X if Y is None else Y) / self.length_scale))


class Matern(Kernel):
    def __call__(self, X, Y=None):
        lengths = distances(X / self.length_scale, (X if Y is None else Y) / self.length_scale, "euclidean")
        if self.nu == 0.5:
            return np.exp(-lengths)
        if self.nu == math.inf:
            return np.exp(-(lengths**2) / 2)
        scaled = lengths * math.sqrt(2 * self.nu)
        if self.nu == 1.5:
            return (1 + scaled) * np.exp(-scaled)
        return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)


class RationalQuadratic(Kernel):
    def __call__(self, X, Y=None):
        squares = squared_distances(X, X if Y is None else Y)
        return (1 + squares / (2 * self.alpha * self.length_scale**2)) ** -self.alpha


class ExpSineSquared(Kernel):
    def __call__(self, X, Y=None):
        lengths = distances(X, X if Y is None else Y, "euclidean")
        return np.exp(-2 * (np.sin(np.pi / self.periodicity * lengths) / self.length_scale) ** 2)


class DotProduct(Kernel):
    def __call__(self, X, Y=None):
        return X @ (X if Y is None else Y).T + self.sigma_0**2

    def diag(self, X):
        return (X * X).sum(axis=1) + self.sigma_0**2


class Sum(Kernel):
    def __call__(self, X, Y=None):
        return self.k1(X, Y) + self.k2(X, Y)

    def diag(self, X):
        return self.k1.diag(X) + self.k2.diag(X)


class Product(Kernel):
    def __call__(self, X, Y=None):
        return self.k1(X, Y) * self.k2(X, Y)

    def diag(self, X):
        return self.k1.diag(X) * self.k2.diag(X)


class Exponentiation(Kernel):
    def __call__(self, X, Y=None):
        return self.kernel(X, Y) ** self.exponent

    def diag(self, X):
        return self.kernel.diag(X) ** self.exponent


class GaussianProcessRegressor(Regressor):
    def predict(self, X, return_std=False, return_cov=False):
        X = self._check(X)
        if not self._has("X_train_"):
            raise ValueError(
                "the deployed GaussianProcessRegressor was not fitted: fit it in a notebook cell and deploy again"
            )
        values = self.kernel_(X, self.X_train_)
        mean = self._y_train_std * (values @ self.alpha_) + self._y_train_mean
        mean = mean[:, 0] if mean.ndim > 1 and mean.shape[1] == 1 else mean
        if not (return_std or return_cov):
            return mean
        solved = np.linalg.solve(self.L_, values.T)
        if return_cov:
            spread = self.kernel_(X) - solved.T @ solved
        else:
            spread = np.maximum(self.kernel_.diag(X) - (solved**2).sum(axis=0), 0)
        scaled = np.multiply.outer(spread, self._y_train_std**2)
        scaled = scaled[..., 0] if scaled.ndim > spread.ndim and scaled.shape[-1] == 1 else scaled
        return mean, scaled if return_cov else np.sqrt(scaled)


_LAMBDAS = np.array([[0.41], [0.4], [0.37], [0.44], [0.39]])
_COEFFICIENTS = np.array([[-1854.8214151], [3516.89893646], [221.29346712], [128.12323805], [-2010.49422654]])


class BinaryLaplace(Frozen):
    """A Gaussian process classifier of two classes."""

    def _latent(self, X):
        values = self.kernel_(self.X_train_, X)
        return values, values.T @ (self.y_train_ - self.pi_)

    def predict(self, X):
        return np.where(self._latent(X)[1] > 0, self.classes_[1], self.classes_[0])

    def predict_proba(self, X):
        """The integral of the sigmoid over the latent Gaussian, by the sum of error functions that scikit-learn
        takes."""
        values, mean = self._latent(X)
        solved = np.linalg.solve(self.L_, self.W_sr_[:, None] * values)
        variance = self.kernel_.diag(X) - (solved**2).sum(axis=0)
        alpha = 1 / (2 * variance)
        gamma = _LAMBDAS * mean
        errors = erf(gamma * np.sqrt(alpha / (alpha + _LAMBDAS**2))).astype(np.float64)
        integrals = np.sqrt(np.pi / alpha) * errors / (2 * np.sqrt(variance * 2 * np.pi))
        p = (_COEFFICIENTS * integrals).sum(axis=0) + 0.5 * _COEFFICIENTS.sum()
        return np.stack([1 - p, p], axis=1)


class GaussianProcessClassifier(ProbableClassifier):
    def predict(self, X):
        return self.base_estimator_.predict(self._check(X))

    def predict_proba(self, X):
        if self.n_classes_ > 2 and self.multi_class == "one_vs_one":
            raise ValueError(
                "one_vs_one multi-class mode does not support predicting probability estimates. "
                "Use one_vs_rest mode instead."
            )
        return self.base_estimator_.predict_proba(self._check(X))
