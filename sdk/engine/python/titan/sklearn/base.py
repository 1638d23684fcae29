"""What all estimators have: parameters, a representation, feature names and scores.

`Frozen` is the parent of the stand-ins; `BaseEstimator` and the mixins are those that classes of the notebook derive
from.
"""

import inspect

import numpy as np

from .inputs import check

_NOT_HERE = {
    "fit": "fit it in a notebook cell",
    "partial_fit": "fit it in a notebook cell",
    "fit_transform": "fit it in a notebook cell, and call transform() here",
    "fit_predict": "fit it in a notebook cell, and call predict() here",
    "set_params": "set them in a notebook cell, fit it again",
    "set_output": "call it in a notebook cell",
}


class NotFittedError(ValueError, AttributeError):
    """The estimator was not fitted when the notebook was frozen."""


class BaseEstimator:
    """Parameters of an estimator: what its `__init__` takes."""

    def _parameters(self):
        arguments = inspect.signature(type(self).__init__).parameters.values()
        return sorted(a.name for a in arguments if a.name != "self" and a.kind is not a.VAR_KEYWORD)

    def get_params(self, deep=True):
        """{name: value} of the parameters, those of nested estimators as `name__parameter`."""
        found = {}
        for name in self._parameters():
            value = getattr(self, name)
            if deep:
                found.update(nested(name, value))
            found[name] = value
        return found

    def set_params(self, **parameters):
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._parameters())
        return f"{type(self).__name__}({values})"


def nested(name, value):
    """The parameters of `value` as those of an estimator that has it as its parameter `name`."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return {f"{name}__{key}": part for key, part in value.get_params().items()}
    return {}


class Bunch(dict):
    """A dict whose keys are attributes as well."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value


class Frozen(BaseEstimator):
    """An estimator of scikit-learn as it was when the notebook was frozen.

    `_frozen` holds what is no attribute of the original: `repr`, `parameters` (their names), `names_out` (of the
    features that `transform` returns), `left` ({attribute: type} of what did not travel), `output` ("pandas"
    where `transform` returns frames) and, of an estimator that an endpoint shows, `html`.
    """

    _frozen = {"repr": "", "parameters": (), "names_out": None, "left": {}, "output": "default"}

    def _parameters(self):
        return self._frozen["parameters"]

    def __repr__(self):
        return self._frozen["repr"] or object.__repr__(self)

    def _repr_html_(self):
        return self._frozen.get("html")

    def __getattr__(self, name):
        kind = type(self).__name__
        if name in _NOT_HERE:
            raise AttributeError(f"the deployed {kind} has no {name}(): {_NOT_HERE[name]} and deploy again")
        left = self._frozen["left"].get(name)
        if left is not None:
            raise AttributeError(
                f"{name} of the deployed {kind} did not travel (it is a {left}): "
                "keep what an endpoint needs of it in a variable"
            )
        if name.endswith("_") and not name.startswith("_") and not self.__sklearn_is_fitted__():
            raise NotFittedError(f"This {kind} instance is not fitted yet: fit it in a notebook cell and deploy again")
        raise AttributeError(f"the deployed {kind} has no {name!r}: keep what an endpoint needs of it in a variable")

    def __sklearn_is_fitted__(self):
        return any(name.endswith("_") and not name.startswith("_") for name in self.__dict__)

    def get_feature_names_out(self, input_features=None):
        """Names of the features that `transform` returns."""
        names = self._frozen["names_out"]
        if names is None:
            raise AttributeError(f"the deployed {type(self).__name__} has no names of the features it returns")
        return names.copy()

    def _check(self, X, **options):
        """X as a checked matrix; see `inputs.check`."""
        return check(self, X, **options)

    def _has(self, name):
        return name in self.__dict__


class Classifier(Frozen):
    """Scores by accuracy."""

    _estimator_type = "classifier"

    def score(self, X, y, sample_weight=None):
        """The share of the samples that are classified as `y` says."""
        return accuracy(y, self.predict(X), sample_weight)


class ProbableClassifier(Classifier):
    """Has `predict_proba`, and predicts the most probable class unless it knows better."""

    def predict(self, X):
        return self.classes_.take(self.predict_proba(X).argmax(axis=1), axis=0)

    def predict_log_proba(self, X):
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            if isinstance(probabilities, list):
                return [np.log(part) for part in probabilities]
            return np.log(probabilities)


class Regressor(Frozen):
    """Scores by R²."""

    _estimator_type = "regressor"

    def score(self, X, y, sample_weight=None):
        return r2(y, self.predict(X), sample_weight)


class Transformer(Frozen):
    """Transforms by `_transform`. With `output` "pandas" the result is a frame."""

    def transform(self, X):
        return self._output(self._transform(X), X)

    def _output(self, result, X):
        if self._frozen["output"] != "pandas" or hasattr(result, "columns"):
            return result
        import pandas

        return pandas.DataFrame(result, index=getattr(X, "index", None), columns=self._frozen["names_out"], copy=False)


class TransformerMixin:
    """`fit_transform` for classes of the notebook."""

    def fit_transform(self, X, y=None, **options):
        return (self.fit(X, **options) if y is None else self.fit(X, y, **options)).transform(X)


class ClassifierMixin:
    """`score` for classes of the notebook."""

    _estimator_type = "classifier"
    score = Classifier.score


class RegressorMixin:
    """`score` for classes of the notebook."""

    _estimator_type = "regressor"
    score = Regressor.score


class ClusterMixin:
    """`fit_predict` for classes of the notebook."""

    _estimator_type = "clusterer"

    def fit_predict(self, X, y=None, **options):
        self.fit(X, **options)
        return self.labels_


class OutlierMixin:
    """`fit_predict` for classes of the notebook."""

    _estimator_type = "outlier_detector"

    def fit_predict(self, X, y=None, **options):
        return self.fit(X, **options).predict(X)


class OneToOneFeatureMixin:
    """Features keep their names."""

    def get_feature_names_out(self, input_features=None):
        names = getattr(self, "feature_names_in_", input_features)
        if names is None:
            names = [f"x{i}" for i in range(self.n_features_in_)]
        return np.asarray(names, dtype=object)


def is_classifier(estimator):
    return getattr(estimator, "_estimator_type", None) == "classifier"


def is_regressor(estimator):
    return getattr(estimator, "_estimator_type", None) == "regressor"


def accuracy(y, predicted, sample_weight=None):
    """The share of equal labels; with several outputs all of a row must be equal."""
    y, predicted = np.asarray(y), np.asarray(predicted)
    if y.shape[:1] != predicted.shape[:1]:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{len(y)}, {len(predicted)}]")
    if predicted.ndim == 1 and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    equal = y == predicted
    if equal.ndim > 1:
        equal = equal.all(axis=1)
    return float(np.average(equal, weights=sample_weight))


def r2(y, predicted, sample_weight=None):
    """The coefficient of determination, averaged over the outputs."""
    y, predicted = np.asarray(y), np.asarray(predicted)
    kind = np.result_type(*(a.dtype if a.dtype.kind == "f" else np.float64 for a in (y, predicted)))
    y, predicted = (a.astype(kind).reshape(len(a), -1) for a in (y, predicted))
    if len(y) != len(predicted):
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{len(y)}, {len(predicted)}]")
    if len(y) < 2:
        return float("nan")
    weight = np.ones((len(y), 1)) if sample_weight is None else np.asarray(sample_weight)[:, None]
    residual = (weight * (y - predicted) ** 2).sum(axis=0)
    total = (weight * (y - np.average(y, axis=0, weights=sample_weight)) ** 2).sum(axis=0)
    scores = np.ones(y.shape[1])
    varies = (total != 0) & (residual != 0)
    scores[varies] = 1 - residual[varies] / total[varies]
    scores[(residual != 0) & (total == 0)] = 0.0
    return float(np.average(scores))
