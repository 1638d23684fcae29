"""Estimators that ask several others and join what they say."""

import numpy as np

from .base import Bunch, Frozen, ProbableClassifier, Regressor, Transformer
from .inputs import rows, table, take
from .sparse import Sparse, joined


class _Bagging(Frozen):
    def _parts(self, X):
        X = self._check(X, dtype=None, missing="all")
        for estimator, features in zip(self.estimators_, self.estimators_features_):
            yield estimator, take(X, features)


class BaggingClassifier(_Bagging, ProbableClassifier):
    def predict_proba(self, X):
        total = np.zeros((rows(X), self.n_classes_))
        for estimator, part in self._parts(X):
            if hasattr(estimator, "predict_proba"):
                total[:, estimator.classes_] += estimator.predict_proba(part)
            else:
                total[np.arange(len(total)), estimator.predict(part)] += 1
        return total / self.n_estimators

    def decision_function(self, X):
        return sum(estimator.decision_function(part) for estimator, part in self._parts(X)) / self.n_estimators


class BaggingRegressor(_Bagging, Regressor):
    def predict(self, X):
        return sum(estimator.predict(part) for estimator, part in self._parts(X)) / self.n_estimators


class _Voting(Transformer):
    """`voices` are the weights of the estimators that were not dropped."""

    named_estimators = property(lambda self: Bunch(self.estimators))

    def _predictions(self, X):
        return np.stack([estimator.predict(X) for estimator in self.estimators_], axis=1)


class VotingClassifier(_Voting, ProbableClassifier):
    def predict(self, X):
        if self.voting == "soft":
            return self.le_.inverse_transform(self.predict_proba(X).argmax(axis=1))
        votes = [np.bincount(row, self.voices).argmax() for row in self._predictions(X)]
        return self.le_.inverse_transform(np.array(votes))

    def _probabilities(self, X):
        return np.stack([estimator.predict_proba(X) for estimator in self.estimators_])

    def predict_proba(self, X):
        if self.voting != "soft":
            raise AttributeError("predict_proba is not available when voting='hard'")
        return np.average(self._probabilities(X), axis=0, weights=self.voices)

    def _transform(self, X):
        if self.voting != "soft":
            return self._predictions(X)
        return np.hstack(self._probabilities(X)) if self.flatten_transform else self._probabilities(X)


class VotingRegressor(_Voting, Regressor):
    def predict(self, X):
        return np.average(self._predictions(X), axis=1, weights=self.voices)

    def _transform(self, X):
        return self._predictions(X)


class _Stacking(Transformer):
    def _transform(self, X):
        parts = []
        for estimator, method in zip(self.estimators_, self.stack_method_):
            said = getattr(estimator, method)(X)
            if isinstance(said, list):
                parts += [part[:, 1:] for part in said]
            elif said.ndim == 1:
                parts.append(said.reshape(-1, 1))
            else:
                parts.append(said[:, 1:] if method == "predict_proba" and len(self.classes_) == 2 else said)
        return joined([*parts, X if isinstance(X, Sparse) else table(X)]) if self.passthrough else np.hstack(parts)


class StackingClassifier(_Stacking, ProbableClassifier):
    def predict(self, X):
        predicted = self.final_estimator_.predict(self.transform(X))
        if isinstance(self._label_encoder, list):
            return np.array([e.inverse_transform(y) for e, y in zip(self._label_encoder, predicted.T)]).T
        return self._label_encoder.inverse_transform(predicted)

    def predict_proba(self, X):
        said = self.final_estimator_.predict_proba(self.transform(X))
        return np.array([p[:, 0] for p in said]).T if isinstance(self._label_encoder, list) else said

    def decision_function(self, X):
        return self.final_estimator_.decision_function(self.transform(X))


class StackingRegressor(_Stacking, Regressor):
    def predict(self, X):
        return self.final_estimator_.predict(self.transform(X))
