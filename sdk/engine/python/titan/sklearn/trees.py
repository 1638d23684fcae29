"""Decision trees and forests.

All trees of an ensemble lie in the same arrays (`Trees`), and a sample walks down all of them at once: one pass over
the arrays a level, whatever the number of trees.
"""

import numpy as np

from .base import Frozen, ProbableClassifier, Regressor, Transformer

CELLS = 1 << 18
"""Samples times trees that are walked at once, which bounds the memory it takes."""


class Trees:
    """Trees in arrays over the nodes of all: `left` and `right` are children, or the node itself for a leaf;
    `feature` is the column compared with `threshold`, `missing_left` says where NaN goes; `value` is what a node
    predicts; `roots` are the first nodes. `categories`, for trees that split by category, is (`by_category` a node,
    its row of `goes_left`, `known` by feature), the last two masks over category numbers."""

    def __init__(self, left, right, feature, threshold, missing_left, value, roots, categories=None):
        self.left, self.right, self.feature, self.threshold = left, right, feature, threshold
        self.missing_left, self.value, self.roots, self.categories = missing_left, value, roots, categories

    def leaves(self, X, trees=slice(None)):
        """The leaf of each sample in each of the `trees`: (samples, trees)."""
        roots = self.roots[trees]
        found = np.empty((len(X), len(roots)), np.intp)
        step = max(1, CELLS // len(roots))
        for start in range(0, len(X), step):
            found[start : start + step] = self._walk(X[start : start + step], roots)
        return found

    def _walk(self, X, roots):
        width = X.shape[1]
        flat = np.ascontiguousarray(X).reshape(-1)
        nodes = np.tile(roots, len(X))
        first = np.repeat(np.arange(len(X)) * width, len(roots))
        missing = np.isnan(flat).any()
        walking = np.flatnonzero(self.left[nodes] != nodes)
        while walking.size:
            at = nodes[walking]
            values = flat[first[walking] + self.feature[at]]
            goes_left = values <= self.threshold[at]
            if self.categories is not None:
                self._by_category(at, values, goes_left)
            if missing:
                nan = np.isnan(values)
                goes_left[nan] = self.missing_left[at[nan]]
            next_nodes = np.where(goes_left, self.left[at], self.right[at])
            nodes[walking] = next_nodes
            walking = walking[self.left[next_nodes] != next_nodes]
        return nodes.reshape(len(X), len(roots))

    def _by_category(self, at, values, goes_left):
        by_category, row, left, known = self.categories
        chosen = np.flatnonzero(by_category[at])
        at, values = at[chosen], values[chosen]
        valid = (values >= 0) & ~np.isnan(values)
        # As scikit-learn does, which converts to an unsigned byte.
        number = np.where(valid, values, 0).astype(np.int64) & 255
        is_left = left[row[at], number]
        strange = ~valid | ~is_left & ~known[self.feature[at], number]
        goes_left[chosen] = np.where(strange, self.missing_left[at], is_left)


class Tree:
    """One of `trees`: what `tree_` of an estimator is."""

    def __init__(self, trees, number, features, max_depth):
        self.trees, self.number, self.n_features, self.max_depth = trees, number, features, max_depth

    def _nodes(self):
        ends = np.append(self.trees.roots, len(self.trees.left))
        return slice(ends[self.number], ends[self.number + 1])

    @property
    def node_count(self):
        nodes = self._nodes()
        return int(nodes.stop - nodes.start)

    @property
    def value(self):
        return self.trees.value[self._nodes()]

    def _children(self, children):
        nodes = self._nodes()
        leaf = self.trees.left[nodes] == np.arange(nodes.start, nodes.stop)
        return np.where(leaf, -1, children[nodes] - nodes.start).astype(np.int64)

    children_left = property(lambda self: self._children(self.trees.left))
    children_right = property(lambda self: self._children(self.trees.right))

    @property
    def feature(self):
        return np.where(self.children_left == -1, -2, self.trees.feature[self._nodes()]).astype(np.int64)

    @property
    def threshold(self):
        return np.where(self.children_left == -1, -2.0, self.trees.threshold[self._nodes()])

    def leaves(self, X):
        """Node numbers within this tree."""
        return self.trees.leaves(X, slice(self.number, self.number + 1))[:, 0] - self.trees.roots[self.number]

    def predict(self, X):
        return self.value.take(self.leaves(X), axis=0)


class _OfTree(Frozen):
    def _matrix(self, X):
        return self._check(X, dtype=np.float32, missing=self.missing)

    def apply(self, X):
        return self.tree_.leaves(self._matrix(X)).astype(np.int64)

    def get_depth(self):
        return self.tree_.max_depth

    def get_n_leaves(self):
        return int((self.tree_.children_left == -1).sum())


class TreeClassifier(_OfTree, ProbableClassifier):
    def predict_proba(self, X):
        values = self.tree_.predict(self._matrix(X))
        if self.n_outputs_ == 1:
            return values[:, 0, : self.n_classes_]
        return [values[:, k, :classes] for k, classes in enumerate(self.n_classes_)]

    def predict(self, X):
        return _most_probable(self, self.predict_proba(X))


class TreeRegressor(_OfTree, Regressor):
    def predict(self, X):
        values = self.tree_.predict(self._matrix(X))[:, :, 0]
        return values[:, 0] if self.n_outputs_ == 1 else values


def _most_probable(estimator, probabilities):
    if not isinstance(probabilities, list):
        return estimator.classes_.take(probabilities.argmax(axis=1), axis=0)
    found = np.zeros((len(probabilities[0]), len(probabilities)), dtype=estimator.classes_[0].dtype)
    for k, (classes, p) in enumerate(zip(estimator.classes_, probabilities)):
        found[:, k] = classes.take(p.argmax(axis=1), axis=0)
    return found


class Forest(Frozen):
    """`trees` are those of `estimators_`."""

    def _matrix(self, X):
        return self._check(X, dtype=np.float32, missing=self.missing)

    def _mean(self, X):
        """What the trees say, on average: (samples, outputs, classes)."""
        X = self._matrix(X)
        total = np.zeros((len(X), *self.trees.value.shape[1:]))
        count = len(self.trees.roots)
        step = max(1, CELLS // count)
        for start in range(0, len(X), step):
            # Tree after tree, as scikit-learn adds.
            for leaves in self.trees.leaves(X[start : start + step]).T:
                total[start : start + step] += self.trees.value[leaves]
        return total / count

    def apply(self, X):
        return self.trees.leaves(self._matrix(X)) - self.trees.roots

    def __len__(self):
        return len(self.estimators_)

    def __getitem__(self, place):
        return self.estimators_[place]

    def __iter__(self):
        return iter(self.estimators_)


class ForestClassifier(Forest, ProbableClassifier):
    def predict_proba(self, X):
        mean = self._mean(X)
        if self.n_outputs_ == 1:
            return mean[:, 0, : self.n_classes_]
        return [mean[:, k, :classes] for k, classes in enumerate(self.n_classes_)]

    def predict(self, X):
        return _most_probable(self, self.predict_proba(X))


class ForestRegressor(Forest, Regressor):
    def predict(self, X):
        mean = self._mean(X)[:, :, 0]
        return mean[:, 0] if self.n_outputs_ == 1 else mean


class TreesEmbedding(Forest, Transformer):
    def _transform(self, X):
        return self.one_hot_encoder_.transform(self.apply(X))


class IsolationForest(Forest):
    def score_samples(self, X):
        X = self._check(X, dtype=np.float32, missing="all")
        depths = np.zeros(len(X))
        narrow = self._max_features != X.shape[1]
        for number, (features, lengths, average) in enumerate(
            zip(self.estimators_features_, self._decision_path_lengths, self._average_path_length_per_tree)
        ):
            part = X[:, features] if narrow else X
            leaves = self.trees.leaves(part, slice(number, number + 1))[:, 0] - self.trees.roots[number]
            depths += lengths[leaves] + average[leaves] - 1.0
        expected = len(self.estimators_features_) * _average_path_length(self._max_samples)
        return -(2 ** -(depths / expected if expected else np.ones_like(depths)))

    def decision_function(self, X):
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        return np.where(self.decision_function(X) < 0, -1, 1)


def _average_path_length(samples):
    if samples <= 2:
        return float(samples == 2)
    return 2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples
