"""Several classes or outputs by estimators of one, probabilities by calibration, and what predicts without looking."""

import numpy as np

from .base import Classifier, Frozen, ProbableClassifier, Regressor, is_classifier, is_regressor
from .compose import Delegate
from .functions import closest, expit, normalized, one_against_one, softmax, two_columns
from .inputs import column, rows


def _binary(estimator, X):
    """The score of a binary estimator for its second class."""
    if is_regressor(estimator):
        return estimator.predict(X)
    if hasattr(estimator, "decision_function"):
        return np.ravel(estimator.decision_function(X))
    return estimator.predict_proba(X)[:, 1]


def _limit(estimator):
    """What `_binary` is compared with."""
    return 0.0 if hasattr(estimator, "decision_function") and is_classifier(estimator) else 0.5


class OneVsRest(ProbableClassifier):
    def predict(self, X):
        scores = np.stack([_binary(estimator, X) for estimator in self.estimators_], axis=1)
        if self.label_binarizer_.y_type_ == "multiclass":
            return self.classes_[scores.argmax(axis=1)]
        return self.label_binarizer_.inverse_transform((scores > _limit(self.estimators_[0])).astype(int))

    def predict_proba(self, X):
        p = np.stack([estimator.predict_proba(X)[:, 1] for estimator in self.estimators_], axis=1)
        p = np.concatenate([1 - p, p], axis=1) if len(self.estimators_) == 1 else p
        if self.multilabel_:
            return p
        total = p.sum(axis=1, keepdims=True)
        return p / np.where(total == 0, 1, total)

    def decision_function(self, X):
        if len(self.estimators_) == 1:
            return self.estimators_[0].decision_function(X)
        return np.stack([estimator.decision_function(X).ravel() for estimator in self.estimators_], axis=1)


class OneVsOne(Classifier):
    def decision_function(self, X):
        X = self._check(X, missing="all")
        places = self.pairwise_indices_ or [slice(None)] * len(self.estimators_)
        parts = [X[:, place] for place in places]
        predictions = np.stack([e.predict(part) for e, part in zip(self.estimators_, parts)], axis=1)
        confidences = np.stack([_binary(e, part) for e, part in zip(self.estimators_, parts)], axis=1)
        scores = one_against_one(predictions, confidences, len(self.classes_))
        return scores[:, 1] if self.n_classes_ == 2 else scores

    def predict(self, X):
        scores = self.decision_function(X)
        if self.n_classes_ == 2:
            return self.classes_[(scores > _limit(self.estimators_[0])).astype(int)]
        return self.classes_[scores.argmax(axis=1)]


class OutputCode(Classifier):
    def predict(self, X):
        codes = np.stack([_binary(estimator, X) for estimator in self.estimators_], axis=1).astype(np.float64)
        return self.classes_[closest(codes, self.code_book_)]


class Constant(Frozen):
    """Of a class that every sample of the training data had, or none."""

    def predict(self, X):
        return np.repeat(self.y_, rows(X))

    decision_function = predict

    def predict_proba(self, X):
        return np.repeat([np.hstack([1.0 - self.y_, self.y_])], rows(X), axis=0)


class MultiOutput(Frozen):
    def predict(self, X):
        return np.asarray([estimator.predict(X) for estimator in self.estimators_]).T


class MultiOutputClassifier(MultiOutput, Classifier):
    def predict_proba(self, X):
        return [estimator.predict_proba(X) for estimator in self.estimators_]

    def score(self, X, y, sample_weight=None):
        return np.mean(np.all(np.asarray(y) == self.predict(X), axis=1))


class MultiOutputRegressor(MultiOutput, Regressor):
    pass


class _Chain(Frozen):
    def _along(self, X, method):
        X = self._check(X)
        given, said = (np.zeros((len(X), len(self.estimators_))) for _ in range(2))
        for i, estimator in enumerate(self.estimators_):
            wider = np.hstack([X, given[:, :i]])
            given[:, i] = _response(estimator, wider, self.__dict__.get("chain_method_", "predict"))
            said[:, i] = _response(estimator, wider, method)
        return said[:, np.argsort(self.order_)]

    def predict(self, X):
        return self._along(X, "predict")


def _response(estimator, X, method):
    said = getattr(estimator, method)(X)
    return said[:, 1] if method == "predict_proba" else said


class RegressorChain(_Chain, Regressor):
    pass


class ClassifierChain(_Chain, ProbableClassifier):
    def predict_proba(self, X):
        return self._along(X, "predict_proba")

    def decision_function(self, X):
        return self._along(X, "decision_function")


class CalibratedClassifier(ProbableClassifier):
    def predict_proba(self, X):
        return sum(part.predict_proba(X) for part in self.calibrated_classifiers_) / len(self.calibrated_classifiers_)


class Calibrated(Frozen):
    """One classifier with its calibrators."""

    def predict_proba(self, X):
        scores, decides = self._scores(X)
        count = len(self.classes)
        if self.method == "temperature":
            if count == 2 and not decides:
                scores = np.concatenate([1 - scores, scores], axis=1)
            p = self.calibrators[0].predict(scores)
        else:
            p = np.zeros((len(scores), count))
            for place, score, calibrator in zip(self._places(), scores.T, self.calibrators):
                p[:, place] = calibrator.predict(score)
            p = two_columns(p[:, 1]) if count == 2 else normalized(p)
        p[(p > 1.0) & (p <= 1.0 + 1e-5)] = 1.0
        return p

    def _scores(self, X):
        """Scores, one column a class or only one, and whether they are decisions."""
        if hasattr(self.estimator, "decision_function"):
            scores = self.estimator.decision_function(X)
            return scores.reshape(len(scores), -1), True
        scores = self.estimator.predict_proba(X)
        return scores[:, 1:] if scores.shape[1] == 2 else scores, False

    def _places(self):
        return [1] if len(self.classes) == 2 else np.searchsorted(self.classes, self.estimator.classes_)


class Sigmoid(Frozen):
    def predict(self, T):
        return expit(-(self.a_ * column(T) + self.b_))


class Temperature(Frozen):
    def predict(self, X):
        if X.shape[1] == 1:
            logits = np.concatenate([-X, X], axis=1)
        elif ((X >= 0) & (X <= 1)).all() and np.isclose(X.sum(axis=1), 1).all():
            logits = np.log(X + 1e-12)
        else:
            logits = X
        return softmax(self.beta_ * logits)


class Threshold(Delegate, Classifier):
    """A binary classifier with a threshold of its own: `limit`, on the scores of `response` for class `positive`."""

    def predict(self, X):
        scores = getattr(self._delegate(), self.response)(X)
        positive = self.classes_[1] if self.positive is None else self.positive
        place = int(np.flatnonzero(self.classes_ == positive)[0])
        if scores.ndim == 2:
            scores = scores[:, place]
        elif place == 0:
            scores = -scores
        return np.where(scores >= self.limit, self.classes_[place], self.classes_[1 - place])

    score = Classifier.score


class DummyClassifier(ProbableClassifier):
    def _outputs(self):
        constant = self.constant if self.n_outputs_ > 1 else [self.constant]
        if self.n_outputs_ == 1:
            return [(self.classes_, self.class_prior_, constant[0])]
        return list(zip(self.classes_, self.class_prior_, constant or [None] * self.n_outputs_))

    def _one(self, count, classes, prior, constant):
        strategy = self._strategy
        if strategy == "most_frequent":
            return np.tile(np.arange(len(classes)) == prior.argmax(), (count, 1)).astype(np.float64)
        if strategy == "prior":
            return np.tile(prior, (count, 1))
        if strategy == "constant":
            return np.tile(classes == constant, (count, 1)).astype(np.float64)
        random = np.random.RandomState(self.random_state)
        if strategy == "stratified":
            return random.multinomial(1, prior, size=count).astype(np.float64)
        return np.full((count, len(classes)), 1 / len(classes))

    def predict_proba(self, X):
        found = [self._one(rows(X), *output) for output in self._outputs()]
        return found[0] if self.n_outputs_ == 1 else found

    def predict(self, X):
        random = np.random.RandomState(self.random_state)
        columns = []
        for classes, prior, constant in self._outputs():
            if self._strategy == "uniform":
                columns.append(classes[random.randint(len(classes), size=rows(X))])
            elif self._strategy in ("prior", "most_frequent"):
                columns.append(np.tile([classes[prior.argmax()]], rows(X)))
            else:
                columns.append(classes[self._one(rows(X), classes, prior, constant).argmax(axis=1)])
        return columns[0] if self.n_outputs_ == 1 else np.stack(columns, axis=1)


class DummyRegressor(Regressor):
    def predict(self, X, return_std=False):
        predicted = np.tile(np.asarray(self.constant_), (rows(X), 1))
        predicted = predicted.ravel() if self.n_outputs_ == 1 else predicted
        return (predicted, np.zeros(predicted.shape)) if return_std else predicted
