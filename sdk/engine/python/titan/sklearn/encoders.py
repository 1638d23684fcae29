"""Transformers of categories and labels: tables, and their inverses."""

import numpy as np

from .base import Transformer
from .inputs import column, is_missing, rows, table
from .sparse import Sparse, dense


def _places(values, known):
    """The place of each value among the sorted `known`; -1 for what is not there."""
    if values.dtype.kind not in "biuf" or known.dtype.kind not in "biuf":
        numbers = {_key(value): i for i, value in enumerate(known.tolist())}
        return np.array([numbers.get(_key(value), -1) for value in values.tolist()], dtype=np.int64)
    if not len(known):
        return np.full(len(values), -1, dtype=np.int64)
    found = np.searchsorted(known, values).clip(max=len(known) - 1)
    same = known[found] == values
    if known.dtype.kind == "f" and values.dtype.kind == "f":
        same |= np.isnan(known[found]) & np.isnan(values)
    return np.where(same, found, -1).astype(np.int64)


class _Nan:
    """Stands for all that is not equal to itself."""


def _key(value):
    try:
        return value if value == value else _Nan
    except TypeError:
        return _Nan


class Encoder(Transformer):
    def _columns(self, X):
        if isinstance(X, dict):
            return [np.asarray(values) for values in X.values()]
        if hasattr(X, "iloc"):
            return [X.iloc[:, i].to_numpy() for i in range(X.shape[1])]
        return list(np.asarray(X, dtype=None if hasattr(X, "dtype") else _list_type(X)).T)

    def _codes(self, X, handle_unknown, unmapped=None):
        """(places of the categories, mask of the known ones)"""
        self._check(X, dtype=None, missing="all")
        columns = self._columns(X)
        codes = np.zeros((rows(X), len(columns)), dtype=np.int64)
        for i, (values, known) in enumerate(zip(columns, self.categories_)):
            codes[:, i] = _places(values, known)
            if handle_unknown == "error" and (codes[:, i] < 0).any():
                strange = sorted({str(value) for value in values[codes[:, i] < 0].tolist()})
                raise ValueError(f"Found unknown categories {strange} in column {i} during transform")
        known = codes >= 0
        codes[~known] = 0
        if getattr(self, "_infrequent_enabled", False):
            self._group(codes, known, unmapped or {})
        return codes, known

    def _group(self, codes, known, unmapped):
        """Puts infrequent categories into one."""
        for i, (places, mapping) in enumerate(zip(self._infrequent_indices, self._default_to_infrequent_mappings)):
            if places is not None:
                codes[~known[:, i], i] = places[0]
                if self.handle_unknown in ("infrequent_if_exist", "warn"):
                    known[:, i] = True
            if mapping is not None:
                changed = codes[:, i] != unmapped[i] if i in unmapped else slice(None)
                codes[changed, i] = mapping[codes[changed, i]]


def _list_type(X):
    """Lists with text among their elements keep what each element is."""
    return object if np.asarray(X, dtype=object).ndim == 2 and np.asarray(X).dtype.kind in "US" else None


class OneHotEncoder(Encoder):
    def _transform(self, X):
        handle = "infrequent_if_exist" if self.handle_unknown == "warn" else self.handle_unknown
        codes, known = self._codes(X, handle)
        if self._drop_idx_after_grouping is not None:
            dropped = [len(c) if d is None else d for c, d in zip(self.categories_, self._drop_idx_after_grouping)]
            known &= codes != np.array(dropped)
            codes[codes > np.array(dropped)] -= 1
        starts = np.cumsum([0, *self._n_features_outs])
        result = np.zeros((len(codes), starts[-1]), dtype=self.dtype)
        sample, feature = known.nonzero()
        result[sample, (codes + starts[:-1])[sample, feature]] = 1
        return Sparse(result) if self.sparse_output else result

    def _shown(self, i, without_dropped):
        """The categories of feature i as they are encoded."""
        shown = self.categories_[i]
        mapping = self._default_to_infrequent_mappings[i] if self._infrequent_enabled else None
        if mapping is not None:
            shown = np.concatenate([shown[mapping < mapping.max()], np.array(["infrequent_sklearn"], dtype=object)])
        return np.delete(shown, self._dropped(i)) if without_dropped and self._dropped(i) is not None else shown

    def _dropped(self, i):
        return None if self._drop_idx_after_grouping is None else self._drop_idx_after_grouping[i]

    def inverse_transform(self, X):
        X = self._check(X, names=False, features=False)
        if X.shape[1] != sum(self._n_features_outs):
            wanted = sum(self._n_features_outs)
            raise ValueError(f"Shape of the passed X data is not correct. Expected {wanted} columns, got {X.shape[1]}.")
        every = [self._shown(i, False) for i in range(len(self.categories_))]
        result = np.empty((len(X), len(every)), dtype=np.result_type(*(shown.dtype for shown in every)))
        none, end = {}, 0
        for i in range(len(every)):
            shown = self._shown(i, True)
            part, end = X[:, end : end + len(shown)], end + len(shown)
            if not len(shown):
                result[:, i] = self.categories_[i][self._dropped(i)]
                continue
            result[:, i] = shown[part.argmax(axis=1)]
            empty = part.sum(axis=1) == 0
            if not empty.any():
                continue
            if self._dropped(i) is not None:
                result[empty, i] = every[i][self._dropped(i)]
            elif self.handle_unknown == "error":
                raise ValueError(
                    f"Samples {np.flatnonzero(empty)} can not be inverted when drop=None and handle_unknown='error' "
                    "because they contain all zeros"
                )
            elif self.handle_unknown == "ignore" or not self._infrequent_enabled or self._infrequent_indices[i] is None:
                none[i] = empty
        if none:
            result = result.astype(object)
            for i, empty in none.items():
                result[empty, i] = None
        return result


class OrdinalEncoder(Encoder):
    def _transform(self, X):
        codes, known = self._codes(X, self.handle_unknown, self._missing_indices)
        result = codes.astype(self.dtype)
        for i, place in self._missing_indices.items():
            result[codes[:, i] == place, i] = self.encoded_missing_value
        if self.handle_unknown == "use_encoded_value":
            result[~known] = self.unknown_value
        return result

    def inverse_transform(self, X):
        X = self._check(X, missing="all", names=False, copy=True)
        infrequent = getattr(self, "_infrequent_indices", None) or [None] * len(self.categories_)
        result = np.empty(X.shape, dtype=np.result_type(*(known.dtype for known in self.categories_)))
        marked = []
        for i, (known, grouped) in enumerate(zip(self.categories_, infrequent)):
            codes = X[:, i].copy()
            if i in self._missing_indices:
                codes[is_missing(codes, self.encoded_missing_value)] = self._missing_indices[i]
            plain = np.ones(len(codes), dtype=bool)
            if grouped is not None:
                is_grouped = codes == len(known) - len(grouped)
                marked.append((i, is_grouped, "infrequent_sklearn"))
                plain &= ~is_grouped
                known = np.delete(known, grouped)
            if self.handle_unknown == "use_encoded_value":
                unknown = is_missing(codes, self.unknown_value)
                marked.append((i, unknown, None))
                plain &= ~unknown
            result[plain, i] = known[codes[plain].astype(np.int64)]
        if marked:
            result = result.astype(object)
            for i, mask, value in marked:
                result[mask, i] = value
        return result


class TargetEncoder(Encoder):
    def _transform(self, X):
        codes, known = self._codes(X, "ignore")
        classes = len(self.classes_) if self.target_type_ == "multiclass" else 1
        means = np.atleast_1d(self.target_mean_)
        columns = [
            np.where(known[:, i // classes], encoding[codes[:, i // classes]], means[i % classes])
            for i, encoding in enumerate(self.encodings_)
        ]
        return np.stack(columns, axis=1).astype(np.float64)


class LabelEncoder(Transformer):
    def _transform(self, y):
        values = column(y)
        if values.dtype.kind in "US" and self.classes_.dtype.kind == "O":
            values = values.astype(object)
        if not len(values):
            return np.array([])
        places = _places(values, self.classes_)
        if (places < 0).any():
            strange = sorted({str(value) for value in values[places < 0].tolist()})
            raise ValueError(f"y contains previously unseen labels: {strange}")
        return places

    def inverse_transform(self, y):
        places = column(y)
        if not len(places):
            return np.array([])
        strange = np.setdiff1d(places, np.arange(len(self.classes_)))
        if strange.size:
            raise ValueError(f"y contains previously unseen labels: {strange}")
        return self.classes_[places]


class LabelBinarizer(Transformer):
    def _transform(self, y):
        values = table(y)
        if values.ndim == 2 and values.shape[1] > 1:
            result = values.copy()
            result[result != 0] = self.pos_label
        else:
            places = _places(column(values), self.classes_)
            result = np.zeros((len(places), len(self.classes_)), dtype=np.int64)
            seen = places >= 0
            result[seen, places[seen]] = 1
            if self.y_type_ == "binary":
                result = result[:, -1:] if len(self.classes_) > 1 else np.zeros((len(places), 1), dtype=np.int64)
            result = np.where(result == 1, self.pos_label, self.neg_label)
        return Sparse(result) if self.sparse_output else result

    def inverse_transform(self, Y, threshold=None):
        Y = dense(Y) if isinstance(Y, Sparse) else np.asarray(Y)
        if self.y_type_ == "multiclass":
            return self.classes_[Y.argmax(axis=1).clip(max=len(self.classes_) - 1)]
        limit = (self.pos_label + self.neg_label) / 2 if threshold is None else threshold
        chosen = (Y > limit).astype(Y.dtype if Y.dtype.kind == "i" else np.int64)
        if self.y_type_ != "binary":
            return chosen
        if chosen.ndim == 2 and chosen.shape[1] == 2:
            return self.classes_[chosen[:, 1]]
        if len(self.classes_) == 1:
            return np.repeat(self.classes_[0], len(chosen))
        return self.classes_[chosen.reshape(-1)]


class MultiLabelBinarizer(Transformer):
    def _transform(self, y):
        numbers = {label: i for i, label in enumerate(self.classes_.tolist())}
        result = np.zeros((len(y), len(numbers)), dtype=np.int64)
        for row, labels in zip(result, y):
            row[[numbers[label] for label in labels if label in numbers]] = 1
        return Sparse(result) if self.sparse_output else result

    def inverse_transform(self, yt):
        yt = dense(yt)
        if yt.shape[1] != len(self.classes_):
            raise ValueError(f"Expected indicator for {len(self.classes_)} classes, but got {yt.shape[1]}")
        strange = np.setdiff1d(yt, [0, 1])
        if strange.size:
            raise ValueError(f"Expected only 0s and 1s in label indicator. Also got {strange}")
        return [tuple(self.classes_.compress(row)) for row in yt]
