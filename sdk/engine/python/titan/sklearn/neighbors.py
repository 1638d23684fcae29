"""What predicts from the training samples closest to a sample, all distances computed."""

import numpy as np

from .base import Frozen, ProbableClassifier, Regressor, Transformer
from .functions import closest, distances
from .inputs import FLOATS, is_missing
from .linear import Discriminant
from .sparse import Sparse


class Neighbors(Frozen):
    """`_fit_X` are the training samples."""

    def _distances(self, X):
        if self.metric == "precomputed":
            return self._check(X, features=False)
        X = self._fit_X if X is None else self._check(X)
        return distances(X, self._fit_X, self.effective_metric_, **self.effective_metric_params_)

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Distances and places of the closest training samples, closest first. Without X those of the training samples
        themselves, each without itself."""
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        found = self._distances(X)
        if count > self.n_samples_fit_ - (X is None):
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {count}, "
                f"n_samples_fit = {self.n_samples_fit_}, n_samples = {len(found)}"
            )
        if X is None:
            np.fill_diagonal(found, np.inf)
        order = np.argsort(found, axis=1, kind="stable")[:, :count].astype(np.int64)
        return (np.take_along_axis(found, order, axis=1), order) if return_distance else order

    def radius_neighbors(self, X=None, radius=None, return_distance=True, sort_results=False):
        """Distances and places of the training samples within the radius."""
        found = self._distances(X)
        near = found <= (self.radius if radius is None else radius)
        if X is None:
            np.fill_diagonal(near, False)
        places = _ragged([np.flatnonzero(row).astype(np.int64) for row in near])
        lengths = _ragged([row[place] for row, place in zip(found, places)])
        if sort_results:
            orders = [np.argsort(row, kind="stable") for row in lengths]
            places = _ragged([row[order] for row, order in zip(places, orders)])
            lengths = _ragged([row[order] for row, order in zip(lengths, orders)])
        return (lengths, places) if return_distance else places

    def kneighbors_graph(self, X=None, n_neighbors=None, mode="connectivity"):
        """A sparse matrix of who is whose neighbor."""
        lengths, places = self.kneighbors(X, n_neighbors)
        return self._graph(places, lengths if mode == "distance" else np.ones_like(lengths))

    def _graph(self, places, values):
        graph = np.zeros((len(places), self.n_samples_fit_))
        for row, place, value in zip(graph, places, values):
            row[place] = value
        return Sparse(graph)

    def _weights(self, lengths):
        if callable(self.weights):
            return self.weights(lengths)
        if self.weights != "distance":
            return np.ones_like(lengths)
        with np.errstate(divide="ignore"):
            found = 1.0 / lengths
        exact = np.isinf(found)
        return np.where(exact.any(axis=-1, keepdims=True), exact, found)


def _ragged(parts):
    found = np.empty(len(parts), dtype=object)
    found[:] = parts
    return found


class NeighborsTransformer(Neighbors, Transformer):
    def _transform(self, X):
        extra = self.mode == "distance"
        if getattr(self, "radius", None) is not None:
            lengths, places = self.radius_neighbors(X, sort_results=True)
            return self._graph(places, lengths if extra else [np.ones_like(row) for row in lengths])
        return self.kneighbors_graph(X, self.n_neighbors + extra, self.mode)


class _NeighborsClassifier(Neighbors, ProbableClassifier):
    def _outputs(self):
        """[(classes, labels of the training samples)]"""
        return zip(self.classes_, self._y.T) if self.outputs_2d_ else [(self.classes_, self._y.reshape(-1))]

    def predict(self, X):
        probabilities = self._probabilities(X)
        columns = [classes.take(p.argmax(axis=1)) for (classes, _), p in zip(self._outputs(), probabilities)]
        return np.stack(columns, axis=1) if self.outputs_2d_ else columns[0]

    def predict_proba(self, X):
        probabilities = self._probabilities(X)
        return probabilities if self.outputs_2d_ else probabilities[0]


class NeighborsClassifier(_NeighborsClassifier):
    def _probabilities(self, X):
        lengths, places = self.kneighbors(X)
        weights = self._weights(lengths)
        found = []
        for classes, labels in self._outputs():
            p = np.zeros((len(places), len(classes)))
            np.add.at(p, (np.arange(len(places))[:, None], labels[places]), weights)
            found.append(p / p.sum(axis=1, keepdims=True))
        return found


class RadiusClassifier(_NeighborsClassifier):
    def _probabilities(self, X):
        lengths, places = self.radius_neighbors(X)
        weights = [self._weights(row) for row in lengths]
        alone = np.array([not len(row) for row in places])
        if alone.any() and self.outlier_label_ is None:
            raise ValueError(
                f"No neighbors found for test samples {np.flatnonzero(alone)}, you can try using larger radius, "
                "giving a label for outliers, or considering removing them from your dataset."
            )
        found = []
        for k, (classes, labels) in enumerate(self._outputs()):
            p = np.stack([np.bincount(labels[row], w, len(classes)) for row, w in zip(places, weights)])
            if alone.any():
                p[alone] = classes == self.outlier_label_[k]
            total = p.sum(axis=1, keepdims=True)
            found.append(p / np.where(total == 0, 1, total))
        return found

    def predict(self, X):
        predicted = super().predict(X)
        for k, p in enumerate(self._probabilities(X)):
            none = (p == 0).all(axis=1)
            if none.any():
                predicted[(none, k) if self.outputs_2d_ else none] = self.outlier_label_[k]
        return predicted


class NeighborsRegressor(Neighbors, Regressor):
    def predict(self, X):
        lengths, places = self.kneighbors(X)
        y = self._y.reshape(len(self._y), -1)
        if self.weights == "uniform" or self.weights is None:
            predicted = y[places].mean(axis=1)
        else:
            weights = self._weights(lengths)[:, :, None]
            predicted = (y[places] * weights).sum(axis=1) / weights.sum(axis=1)
        return predicted.ravel() if self._y.ndim == 1 else predicted


class RadiusRegressor(Neighbors, Regressor):
    def predict(self, X):
        lengths, places = self.radius_neighbors(X)
        y = self._y.reshape(len(self._y), -1)
        none = np.full_like(y[0], np.nan)
        rows_found = [
            np.average(y[place], axis=0, weights=self._weights(length)) if len(place) else none
            for length, place in zip(lengths, places)
        ]
        predicted = np.array(rows_found)
        return predicted.ravel() if self._y.ndim == 1 else predicted


class LocalOutlierFactor(Neighbors):
    def score_samples(self, X):
        lengths, places = self.kneighbors(X, self.n_neighbors_)
        reach = np.maximum(lengths, self._distances_fit_X_[places, self.n_neighbors_ - 1])
        density = 1.0 / (reach.mean(axis=1) + 1e-10)
        return -(self._lrd[places] / density[:, None]).mean(axis=1)

    def decision_function(self, X):
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        return np.where(self.decision_function(X) < 0, -1, 1)


class NearestCentroid(Discriminant):
    def predict(self, X):
        if not np.isclose(self.class_prior_, 1 / len(self.classes_)).all():
            return super().predict(X)
        return self.classes_[closest(self._check(X, missing=True), self.centroids_, self.metric)]

    def _scores(self, X):
        spread = np.where(self.within_class_std_dev_ == 0, 1, self.within_class_std_dev_)
        lengths = distances(self._check(X) / spread, self.centroids_ / spread, self.metric)
        return -(lengths**2) + 2 * np.log(self.class_prior_)


class KNNImputer(Transformer):
    """Fills what is missing with the mean of the closest training samples that have it."""

    def _transform(self, X):
        X = self._check(X, dtype=FLOATS, missing="all", copy=True)
        missing = is_missing(X, self.missing_values)
        indicator = self.indicator_.transform(missing) if self.add_indicator else None
        valid = self._valid_mask
        incomplete = np.flatnonzero(missing[:, valid].any(axis=1))
        if incomplete.size:
            found = _distances_with_gaps(X[incomplete], missing[incomplete], self._fit_X, self._mask_fit_X)
            for column in np.flatnonzero(valid):
                self._fill(X, column, incomplete, missing, found)
        if self.keep_empty_features:
            X[:, ~valid] = 0
        else:
            X = X[:, valid]
        return X if indicator is None else np.hstack([X, indicator])

    def _fill(self, X, column, incomplete, missing, found):
        chosen = np.flatnonzero(missing[incomplete, column])
        donors = np.flatnonzero(~self._mask_fit_X[:, column])
        values = self._fit_X[donors, column]
        for place in chosen:
            lengths = found[place, donors]
            order = np.argsort(np.where(np.isnan(lengths), np.inf, lengths), kind="stable")[: self.n_neighbors]
            order = order[~np.isnan(lengths[order])]
            weights = Neighbors._weights(self, lengths[order])
            mean = np.average(values[order], weights=weights) if order.size else values.mean()
            X[incomplete[place], column] = mean


def _distances_with_gaps(x, x_missing, y, y_missing):
    """Euclidean distances over the features that both have, scaled to all; NaN where there are none."""
    x, y = np.where(x_missing, 0, x), np.where(y_missing, 0, y)
    both = ~x_missing[:, None, :] & ~y_missing[None]
    squares = (((x[:, None, :] - y[None]) ** 2) * both).sum(axis=-1)
    count = both.sum(axis=-1)
    return np.where(count == 0, np.nan, np.sqrt(squares / np.where(count == 0, 1, count) * x.shape[1]))
