"""Support vector machines with kernels, as libsvm evaluates them."""

import numpy as np

from .base import Classifier, Frozen, Regressor
from .functions import kernel, one_against_one


class _Machine(Frozen):
    def _kernel(self, X):
        """Of all samples with the support vectors."""
        if callable(self.kernel):
            return np.asarray(self.kernel(self._check(X), self._BaseLibSVM__Xfit), dtype=np.float64)[:, self.support_]
        X = self._check(X, dtype=np.float64)
        if self.kernel == "precomputed":
            return X[:, self.support_]
        return kernel(X, self.support_vectors_, self.kernel, gamma=self._gamma, degree=self.degree, coef0=self.coef0)

    def _sums(self, X):
        return self._kernel(X) @ self._dual_coef_[0] + self._intercept_[0]


class SupportRegressor(_Machine, Regressor):
    def predict(self, X):
        return self._sums(X)


class OneClass(_Machine):
    def decision_function(self, X):
        return self._sums(X)

    def score_samples(self, X):
        return self.decision_function(X) + self.offset_

    def predict(self, X):
        return np.where(self._sums(X) > 0, 1, -1).astype(np.int64)


class SupportClassifier(_Machine, Classifier):
    """One machine for every pair of classes."""

    def _pairs(self, X):
        """The decision of every pair: positive for the first class of it."""
        values = self._kernel(X)
        ends = np.concatenate([[0], np.cumsum(self._n_support)])
        own = [slice(ends[i], ends[i + 1]) for i in range(len(self.classes_))]
        columns = []
        for i, of_first in enumerate(own):
            for j in range(i + 1, len(own)):
                first = values[:, of_first] @ self._dual_coef_[j - 1, of_first]
                columns.append(first + values[:, own[j]] @ self._dual_coef_[i, own[j]])
        return np.stack(columns, axis=1) + self._intercept_

    def decision_function(self, X):
        pairs = self._pairs(X)
        if len(self.classes_) == 2:
            return -pairs.ravel()
        if self.decision_function_shape == "ovr":
            return one_against_one(pairs < 0, -pairs, len(self.classes_))
        return pairs

    def predict(self, X):
        if self.break_ties and len(self.classes_) > 2:
            if self.decision_function_shape == "ovo":
                raise ValueError("break_ties must be False when decision_function_shape is 'ovo'")
            return self.classes_.take(self.decision_function(X).argmax(axis=1))
        pairs = self._pairs(X)
        votes = np.zeros((len(pairs), len(self.classes_)), dtype=np.int64)
        column = 0
        for i in range(len(self.classes_)):
            for j in range(i + 1, len(self.classes_)):
                wins = pairs[:, column] > 0
                votes[wins, i] += 1
                votes[~wins, j] += 1
                column += 1
        return self.classes_.take(votes.argmax(axis=1))

    def predict_proba(self, X):
        if not self._probA.size:
            raise AttributeError("predict_proba is not available when probability=False")
        pairs = self._pairs(X) * self._probA + self._probB
        with np.errstate(over="ignore"):
            first = np.clip(1 / (1 + np.exp(pairs)), 1e-7, 1 - 1e-7)
        count = len(self.classes_)
        by_pair = np.zeros((len(first), count, count))
        i, j = np.triu_indices(count, 1)
        by_pair[:, i, j], by_pair[:, j, i] = first, 1 - first
        return np.stack([_coupled(pair) for pair in by_pair])

    def predict_log_proba(self, X):
        return np.log(self.predict_proba(X))


def _coupled(pair):
    """The probabilities of the classes that agree best with those of the pairs, by the iteration libsvm stops early."""
    count = len(pair)
    Q = -pair.T * pair
    np.fill_diagonal(Q, (pair.T**2).sum(axis=1))
    p = np.full(count, 1 / count)
    for _ in range(max(100, count)):
        Qp = Q @ p
        pQp = p @ Qp
        if np.abs(Qp - pQp).max() < 0.005 / count:
            break
        for t in range(count):
            step = (pQp - Qp[t]) / Q[t, t]
            p[t] += step
            pQp = (pQp + step * (step * Q[t, t] + 2 * Qp[t])) / (1 + step) ** 2
            Qp = (Qp + step * Q[t]) / (1 + step)
            p /= 1 + step
    return p
