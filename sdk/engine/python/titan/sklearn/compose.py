"""Estimators around others: pipelines, columns, searches."""

import numpy as np

from .base import Bunch, Frozen, Regressor, Transformer, nested
from .inputs import column, columns_of, rows, table, take
from .sparse import Sparse, dense, joined

_ASKED = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples")


class Delegate(Frozen):
    """Has the methods and fitted attributes that `_delegate` has, and hands it what `_before` makes of X."""

    def _delegate(self):
        """`best_estimator_`, `estimator_` or `estimator`, whichever there is first."""
        names = ("best_estimator_", "estimator_", "estimator")
        return next(self.__dict__[name] for name in names if name in self.__dict__)

    def _before(self, X):
        return X

    def __getattr__(self, name):
        if name in (*_ASKED, "transform", "inverse_transform"):
            method = getattr(self._delegate(), name)
            return lambda X, **options: method(self._before(X), **options)
        if name in ("classes_", "n_features_in_", "feature_names_in_", "_estimator_type"):
            return getattr(self._delegate(), name)
        return super().__getattr__(name)

    def score(self, X, y=None, **options):
        return self._delegate().score(self._before(X), y, **options)


class Search(Delegate):
    """GridSearchCV and its kin. `scored` says whether `score` is that of the estimator."""

    def score(self, X, y=None, **options):
        if not self.scored:
            raise AttributeError(
                f"the deployed {type(self).__name__} has no score() with scoring={self.scoring!r}: "
                "use that of its best_estimator_, or compute it in a notebook cell"
            )
        return super().score(X, y, **options)


class Recursive(Delegate, Transformer):
    """Feature elimination: a selector with an estimator of what is left."""

    def _before(self, X):
        return self.transform(X)

    def _transform(self, X):
        return self._check(X, dtype=None, missing="all")[:, self.support_]

    def get_support(self, indices=False):
        return np.flatnonzero(self.support_) if indices else self.support_.copy()


class Pipeline(Delegate):
    """Transformers, and an estimator at the end."""

    named_steps = property(lambda self: Bunch(self.steps))
    _final_estimator = property(lambda self: self.steps[-1][1])

    def _delegate(self):
        return self.steps[-1][1]

    def _before(self, X):
        for _, step in self.steps[:-1]:
            X = X if step in (None, "passthrough") else step.transform(X)
        return X

    def transform(self, X):
        last = self.steps[-1][1]
        X = self._before(X)
        return X if last in (None, "passthrough") else last.transform(X)

    def inverse_transform(self, X):
        for _, step in reversed(self.steps):
            X = X if step in (None, "passthrough") else step.inverse_transform(X)
        return X

    def __getattr__(self, name):
        if name in ("n_features_in_", "feature_names_in_"):
            return getattr(self.steps[0][1], name)
        return super().__getattr__(name)

    def get_params(self, deep=True):
        found = super().get_params(deep=False)
        if deep:
            found.update(self.steps)
            for name, step in self.steps:
                found.update(nested(name, step))
        return found

    def __len__(self):
        return len(self.steps)

    def __getitem__(self, place):
        if isinstance(place, slice):
            part = object.__new__(type(self))
            part.__dict__.update(
                self.__dict__, steps=self.steps[place], _frozen={**self._frozen, "repr": "", "names_out": None}
            )
            return part
        return self.named_steps[place] if isinstance(place, str) else self.steps[place][1]

    def __sklearn_is_fitted__(self):
        return True


def _weighted(part, weight):
    return part if weight is None else part * weight


class _Union(Transformer):
    def _side_by_side(self, parts, X):
        if self._frozen["output"] == "pandas":
            import pandas

            frames = [part if hasattr(part, "columns") else pandas.DataFrame(dense(part)) for part in parts]
            together = pandas.concat([frame.reset_index(drop=True) for frame in frames], axis=1)
            together.columns = self._frozen["names_out"]
            together.index = X.index if hasattr(X, "index") else together.index
            return together
        return joined([part if isinstance(part, Sparse) else table(part) for part in parts])


class FeatureUnion(_Union):
    def _transform(self, X):
        weights = self.transformer_weights or {}
        parts = [
            _weighted(table(X) if step == "passthrough" else step.transform(X), weights.get(name))
            for name, step in self.transformer_list
            if step != "drop"
        ]
        return self._side_by_side(parts, X) if parts else np.zeros((rows(X), 0))

    @property
    def named_transformers(self):
        return Bunch(self.transformer_list)


class ColumnTransformer(_Union):
    named_transformers_ = property(lambda self: Bunch({name: step for name, step, _ in self.transformers_}))

    def _transform(self, X):
        given = columns_of(X)
        by_name = given is not None and self._has("feature_names_in_")
        if not by_name:
            self._check(X, dtype=None, missing="all", names=False)
        weights, parts = self.transformer_weights or {}, []
        for name, step, columns in self.transformers_:
            places = self._transformer_to_input_indices[name]
            if step == "drop" or not len(places):
                continue
            wanted = self.feature_names_in_[places] if by_name else places
            missing = sorted(set(wanted) - set(given)) if by_name else ()
            if missing:
                raise ValueError(f"columns are missing: {set(missing)}")
            part = take(X, wanted)
            if np.isscalar(columns) and step != "passthrough":
                part = _one(part)
            part = table(part) if step == "passthrough" else step.transform(part)
            parts.append(_weighted(part, weights.get(name)))
        if not parts:
            return np.zeros((rows(X), 0))
        result = self._side_by_side(parts, X)
        if not self.sparse_output_:
            return dense(result)
        return result if isinstance(result, Sparse) else Sparse(result)


def _one(part):
    """The column of a part that has one, as a vector."""
    return part.iloc[:, 0] if hasattr(part, "iloc") else column(part)


class FunctionTransformer(Transformer):
    def _transform(self, X):
        X = self._check(X) if self.validate else X
        return X if self.func is None else self.func(X, **(self.kw_args or {}))

    def inverse_transform(self, X):
        X = self._check(X, names=False) if self.validate else X
        return X if self.inverse_func is None else self.inverse_func(X, **(self.inv_kw_args or {}))


class TransformedTargetRegressor(Regressor):
    def predict(self, X, **options):
        predicted = self.regressor_.predict(X, **options)
        result = self.transformer_.inverse_transform(predicted.reshape(len(predicted), -1))
        return result[:, 0] if self._training_dim == 1 and result.ndim == 2 and result.shape[1] == 1 else result
