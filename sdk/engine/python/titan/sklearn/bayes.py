"""Naive Bayes, and mixtures of Gaussians."""

import math

import numpy as np

from .base import Frozen, ProbableClassifier
from .functions import logsumexp


class _Naive(ProbableClassifier):
    """From the joint log-likelihood `_joint` of samples and classes."""

    def predict(self, X):
        return self.classes_[self._joint(X).argmax(axis=1)]

    def predict_joint_log_proba(self, X):
        return self._joint(X)

    def predict_log_proba(self, X):
        joint = self._joint(X)
        return joint - logsumexp(joint)

    def predict_proba(self, X):
        return np.exp(self.predict_log_proba(X))


class GaussianNB(_Naive):
    def _joint(self, X):
        X = self._check(X)
        columns = [
            np.log(prior) - 0.5 * np.log(2 * np.pi * var).sum() - 0.5 * ((X - mean) ** 2 / var).sum(axis=1)
            for prior, mean, var in zip(self.class_prior_, self.theta_, self.var_)
        ]
        return np.stack(columns, axis=1)


class MultinomialNB(_Naive):
    def _joint(self, X):
        return self._check(X) @ self.feature_log_prob_.T + self.class_log_prior_


class ComplementNB(_Naive):
    def _joint(self, X):
        joint = self._check(X) @ self.feature_log_prob_.T
        return joint + self.class_log_prior_ if len(self.classes_) == 1 else joint


class BernoulliNB(_Naive):
    def _joint(self, X):
        X = self._check(X)
        X = X if self.binarize is None else (X > self.binarize).astype(X.dtype)
        absent = np.log(1 - np.exp(self.feature_log_prob_))
        return X @ (self.feature_log_prob_ - absent).T + self.class_log_prior_ + absent.sum(axis=1)


class CategoricalNB(_Naive):
    def _joint(self, X):
        X = self._check(X).astype(np.int64)
        if X.size and X.min() < 0:
            raise ValueError("Negative values in data passed to CategoricalNB (input X)")
        total = sum(table[:, X[:, i]].T for i, table in enumerate(self.feature_log_prob_))
        return total + self.class_log_prior_


class GaussianMixture(Frozen):
    """`log_weights` are those of the components; `log_scale` is what a Bayesian mixture adds to each."""

    def _weighted(self, X):
        return self._log_gaussians(self._check(X)) + self.log_scale + self.log_weights

    def _log_gaussians(self, X):
        factors, means, kind = self.precisions_cholesky_, self.means_, self.covariance_type
        features = X.shape[1]
        if kind == "full":
            logs = np.array([np.log(np.diag(factor)).sum() for factor in factors])
            squares = [((X @ factor - mean @ factor) ** 2).sum(axis=1) for mean, factor in zip(means, factors)]
        elif kind == "tied":
            logs = np.log(np.diag(factors)).sum()
            squares = [((X @ factors - mean @ factors) ** 2).sum(axis=1) for mean in means]
        elif kind == "diag":
            logs = np.log(factors).sum(axis=1)
            squares = [(((X - mean) * factor) ** 2).sum(axis=1) for mean, factor in zip(means, factors)]
        else:
            logs = features * np.log(factors)
            squares = [((X - mean) ** 2).sum(axis=1) * factor**2 for mean, factor in zip(means, factors)]
        return -0.5 * (features * math.log(2 * math.pi) + np.stack(squares, axis=1)) + logs

    def predict(self, X):
        return self._weighted(X).argmax(axis=1)

    def predict_proba(self, X):
        weighted = self._weighted(X)
        return np.exp(weighted - logsumexp(weighted))

    def score_samples(self, X):
        return logsumexp(self._weighted(X))[:, 0]

    def score(self, X, y=None):
        return float(self.score_samples(X).mean())
