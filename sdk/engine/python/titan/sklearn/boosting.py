"""Estimators that add up trees, or weak ones of any kind, stage after stage."""

import numpy as np

from .base import Classifier, Frozen, ProbableClassifier, Regressor
from .functions import expit, logit, softmax, two_columns
from .inputs import rows
from .sparse import dense
from .trees import CELLS


class Boosted(Frozen):
    """Gradient boosting: `trees` lie stage after stage, `outputs` of them a stage."""

    def _sum(self, X, raw, rate):
        outputs = raw.shape[1]
        step = max(1, CELLS // len(self.trees.roots))
        for start in range(0, len(X), step):
            for number, leaves in enumerate(self.trees.leaves(X[start : start + step]).T):
                raw[start : start + step, number % outputs] += rate * self.trees.value[leaves, 0, 0]
        return raw

    def _start(self, X):
        """What `init_` says, as the raw prediction of the loss's link."""
        if isinstance(self.init_, str):
            return np.zeros((rows(X), self.outputs))
        if not isinstance(self, Classifier):
            return self.init_.predict(X).astype(np.float64).reshape(-1, 1)
        p = self.init_.predict_proba(X)
        p = p if self.link == "multinomial_logit" else p[:, 1]
        p = np.clip(p.astype(np.float64), np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
        if self.link == "multinomial_logit":
            # Logarithms less their mean: the geometric mean of the probabilities is the unit.
            logs = np.log(p)
            return logs - logs.mean(axis=1, keepdims=True)
        return (logit(p) if self.link == "logit" else logit(p) / 2).reshape(-1, 1)

    def _raw(self, X):
        X = self._check(X, dtype=np.float32)
        return self._sum(X, self._start(X), self.learning_rate)

    def apply(self, X):
        """The leaf of each sample in each tree of each stage, numbered within the tree."""
        leaves = self.trees.leaves(self._check(X, dtype=np.float32)) - self.trees.roots
        by_stage = leaves.astype(np.float64).reshape(len(leaves), -1, self.outputs)
        return by_stage if isinstance(self, Classifier) else by_stage[:, :, 0]


class _BoostedClassifier(ProbableClassifier):
    threshold = staticmethod(lambda raw: raw >= 0)

    def decision_function(self, X):
        raw = self._raw(X)
        return raw[:, 0] if raw.shape[1] == 1 else raw

    def predict(self, X):
        raw = self.decision_function(X)
        return self.classes_[self.threshold(raw).astype(int) if raw.ndim == 1 else raw.argmax(axis=1)]

    def predict_proba(self, X):
        raw = self._raw(X)
        if raw.shape[1] > 1:
            return softmax(raw)
        return two_columns(expit(raw[:, 0] if self.link == "logit" else 2 * raw[:, 0]))


class BoostedClassifier(Boosted, _BoostedClassifier):
    pass


class BoostedRegressor(Boosted, Regressor):
    def predict(self, X):
        return self._raw(X).ravel()


class HistogramBoosted(Boosted):
    def _raw(self, X):
        if self._preprocessor is None:
            X = self._check(X, dtype=np.float64, missing="all")
        else:
            X = dense(self._preprocessor.transform(X)).astype(np.float64, copy=False)
        start = np.zeros((len(X), self.outputs)) + self._baseline_prediction
        return self._sum(X, start, 1.0)


class HistogramClassifier(HistogramBoosted, _BoostedClassifier):
    threshold = staticmethod(lambda raw: raw > 0)


class HistogramRegressor(HistogramBoosted, Regressor):
    def predict(self, X):
        raw = self._raw(X).ravel()
        return np.exp(raw) if self.link == "log" else raw


class AdaBoostClassifier(ProbableClassifier):
    def decision_function(self, X):
        X = self._check(X, dtype=None, missing="all")
        classes, count = self.classes_[:, None], self.n_classes_
        if count == 1:
            return np.zeros((len(X), 1))
        votes = (
            np.where((estimator.predict(X) == classes).T, weight, -1 / (count - 1) * weight)
            for estimator, weight in zip(self.estimators_, self.estimator_weights_)
        )
        total = sum(votes) / self.estimator_weights_.sum()
        if count > 2:
            return total
        total[:, 0] *= -1
        return total.sum(axis=1)

    def predict(self, X):
        scores = self.decision_function(X)
        places = (scores > 0).astype(np.intp) if self.n_classes_ == 2 else scores.argmax(axis=1)
        return self.classes_.take(places, axis=0)

    def predict_proba(self, X):
        if self.n_classes_ == 1:
            return np.ones((rows(X), 1))
        scores = self.decision_function(X)
        scores = np.stack([-scores, scores], axis=1) / 2 if self.n_classes_ == 2 else scores / (self.n_classes_ - 1)
        return softmax(scores)


class AdaBoostRegressor(Regressor):
    def predict(self, X):
        X = self._check(X, dtype=None, missing="all")
        predictions = np.stack([estimator.predict(X) for estimator in self.estimators_], axis=1)
        order = predictions.argsort(axis=1)
        weights = self.estimator_weights_[order].cumsum(axis=1)
        middle = (weights >= 0.5 * weights[:, -1:]).argmax(axis=1)
        samples = np.arange(len(predictions))
        return predictions[samples, order[samples, middle]]
