"""Linear models, linear support vector machines, and what is linear of other kinds."""

import numpy as np

from .base import Classifier, Frozen, ProbableClassifier, Regressor, Transformer
from .functions import expit, normalized, softmax, two_columns
from .inputs import FLOATS


def _linear(estimator, X):
    coefficients = estimator.coef_
    return X @ (coefficients.T if coefficients.ndim == 2 else coefficients) + estimator.intercept_


class LinearRegressor(Regressor):
    def predict(self, X):
        return _linear(self, self._check(X))


class RavelRegressor(LinearRegressor):
    """Predicts one number a sample, whatever the shape of its coefficients."""

    def predict(self, X):
        return super().predict(X).ravel()


class BayesianRegressor(LinearRegressor):
    def predict(self, X, return_std=False):
        mean = super().predict(X)
        if not return_std:
            return mean
        X = self._check(X) - self.X_offset_
        if self._has("threshold_lambda"):
            X = X[:, self.lambda_ < self.threshold_lambda]
        return mean, np.sqrt(((X @ self.sigma_) * X).sum(axis=1) + 1 / self.alpha_)


class GeneralizedRegressor(Regressor):
    """Of the exponential family, with its own score: the explained deviance."""

    def _raw(self, X):
        return _linear(self, self._check(X, dtype=FLOATS))

    def _is_log(self):
        link = self.__dict__.get("link", "log")
        return link == "log" or link == "auto" and self.power > 0

    def _power(self):
        return {"PoissonRegressor": 1, "GammaRegressor": 2}.get(type(self).__name__) or self.power

    def predict(self, X):
        raw = self._raw(X)
        return np.exp(raw) if self._is_log() else raw

    def score(self, X, y, sample_weight=None):
        y = np.asarray(y, dtype=np.float64)
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        mean = np.full(len(y), np.average(y, weights=weights))
        explained = np.average(_deviance(y, self.predict(X), self._power()), weights=weights)
        return float(1 - explained / np.average(_deviance(y, mean, self._power()), weights=weights))


def _deviance(y, mean, power):
    """Half the unit deviance of a Tweedie distribution."""
    if power == 0:
        return (y - mean) ** 2 / 2
    if power == 1:
        return np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, y) / mean)) - y + mean
    if power == 2:
        return np.log(mean / y) + y / mean - 1
    own = np.maximum(y, 0) ** (2 - power) / ((1 - power) * (2 - power))
    return own - y * mean ** (1 - power) / (1 - power) + mean ** (2 - power) / (2 - power)


class LinearClassifier(Classifier):
    def decision_function(self, X):
        scores = _linear(self, self._check(X))
        return scores.ravel() if scores.ndim > 1 and scores.shape[1] == 1 else scores

    def predict(self, X):
        scores = self.decision_function(X)
        places = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_.take(places, axis=0)

    def _by_class(self, X):
        """Each class for itself against the rest."""
        p = expit(self.decision_function(X))
        return two_columns(p) if p.ndim == 1 else normalized(p)


class LogisticClassifier(LinearClassifier, ProbableClassifier):
    def predict_proba(self, X):
        if len(self.classes_) <= 2:
            return self._by_class(X)
        return softmax(self.decision_function(X))


class SGDClassifier(LinearClassifier, ProbableClassifier):
    def predict_proba(self, X):
        if self.loss == "log_loss":
            return self._by_class(X)
        if self.loss != "modified_huber":
            raise AttributeError(f"probability estimates are not available for loss={self.loss!r}")
        p = (np.clip(self.decision_function(X), -1, 1) + 1) / 2
        return two_columns(p) if p.ndim == 1 else normalized(p)


class RidgeClassifier(LinearClassifier):
    """Also of several labels a sample."""

    def predict(self, X):
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return self._label_binarizer.inverse_transform(np.where(self.decision_function(X) > 0, 1.0, -1.0))
        return super().predict(X)


class LinearDiscriminant(LinearClassifier, ProbableClassifier, Transformer):
    """Linear discriminant analysis: a classifier and a projection."""

    def predict_proba(self, X):
        scores = self.decision_function(X)
        return two_columns(expit(scores)) if len(self.classes_) == 2 else softmax(scores)

    def _transform(self, X):
        if self.solver == "lsqr":
            raise NotImplementedError("transform not implemented for 'lsqr' solver (use 'svd' or 'eigen').")
        X = self._check(X)
        return ((X - self.xbar_ if self.solver == "svd" else X) @ self.scalings_)[:, : self._max_components]


class SGDOneClass(Frozen):
    def decision_function(self, X):
        return (self._check(X) @ self.coef_.T - self.offset_).ravel()

    def score_samples(self, X):
        return self.decision_function(X) + self.offset_

    def predict(self, X):
        return np.where(self.decision_function(X) >= 0, 1, -1).astype(np.int32)


class Discriminant(ProbableClassifier):
    """Decides by `_scores`: logarithms of posteriors, one a class, up to a constant."""

    def decision_function(self, X):
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        return self.classes_.take(self._scores(X).argmax(axis=1))

    def predict_log_proba(self, X):
        scores = self._scores(X)
        likelihood = scores - scores.max(axis=1, keepdims=True)
        return likelihood - np.log(np.exp(likelihood).sum(axis=1, keepdims=True))

    def predict_proba(self, X):
        return np.exp(self.predict_log_proba(X))


class QuadraticDiscriminant(Discriminant):
    def _scores(self, X):
        X = self._check(X)
        parts = zip(self.rotations_, self.scalings_, self.means_)
        norms = np.stack([(((X - mean) @ (r * s**-0.5)) ** 2).sum(axis=1) for r, s, mean in parts], axis=1)
        volumes = np.array([np.log(s).sum() for s in self.scalings_])
        return -0.5 * (norms + volumes) + np.log(self.priors_)


class PartialLeastSquares(Regressor, Transformer):
    def predict(self, X, copy=True):
        predicted = (self._check(X, dtype=FLOATS) - self._x_mean) @ self.coef_.T + self.intercept_
        return predicted.ravel() if self._predict_1d else predicted

    def _transform(self, X):
        return ((self._check(X, dtype=FLOATS) - self._x_mean) / self._x_std) @ self.x_rotations_

    def inverse_transform(self, X):
        X = self._check(X, dtype=FLOATS, names=False, features=False)
        return X @ self.x_loadings_.T * self._x_std + self._x_mean
