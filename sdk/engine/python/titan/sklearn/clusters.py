"""Clusterings that assign new samples, and outliers by distance."""

import numpy as np

from .base import Frozen, Transformer
from .functions import closest, distances, squared_distances
from .inputs import FLOATS


class KMeans(Transformer):
    def predict(self, X):
        return closest(self._check(X, dtype=FLOATS), self.cluster_centers_).astype(np.int32)

    def _transform(self, X):
        return distances(self._check(X, dtype=FLOATS), self.cluster_centers_, "euclidean")

    def score(self, X, y=None, sample_weight=None):
        """The opposite of the sum of squared distances to the closest centers."""
        nearest = squared_distances(self._check(X, dtype=FLOATS), self.cluster_centers_).min(axis=1)
        return -(nearest if sample_weight is None else nearest * sample_weight).sum()


class BisectingKMeans(KMeans):
    """`tree` is a label, or (center of the left, tree of the left, center of the right, tree of the right)."""

    def predict(self, X):
        return self._walk(self._check(X, dtype=FLOATS), self.tree)

    def _walk(self, X, tree):
        if not isinstance(tree, tuple):
            return np.full(len(X), tree, dtype=np.int32)
        left_center, left, right_center, right = tree
        is_left = closest(X, np.stack([left_center, right_center])) == 0
        labels = np.empty(len(X), dtype=np.int32)
        labels[is_left] = self._walk(X[is_left], left)
        labels[~is_left] = self._walk(X[~is_left], right)
        return labels


class Centers(Frozen):
    def predict(self, X):
        return closest(self._check(X), self.cluster_centers_)


class Birch(Transformer):
    def predict(self, X):
        return self.subcluster_labels_[closest(self._check(X), self.subcluster_centers_)]

    def _transform(self, X):
        return distances(self._check(X), self.subcluster_centers_, "euclidean")


class EllipticEnvelope(Frozen):
    def mahalanobis(self, X):
        centered = self._check(X) - self.location_
        return ((centered @ self.get_precision()) * centered).sum(axis=1)

    def get_precision(self):
        return self.precision_ if self.store_precision else np.linalg.pinv(self.covariance_)

    def score_samples(self, X):
        return -self.mahalanobis(X)

    def decision_function(self, X):
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def score(self, X, y, sample_weight=None):
        """The share of the samples that are classified as `y` says."""
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))


class Labels(Frozen):
    """A clustering or embedding that knows nothing of new samples: its fitted attributes."""
