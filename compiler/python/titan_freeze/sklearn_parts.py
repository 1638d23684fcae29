"""What stand-ins need of estimators beyond their attributes: trees as arrays, and what only scikit-learn can compute.

`made` looks for the function of the estimator's class here. What it returns takes the place of attributes of the
same names.
"""

import functools

import numpy as np

from .errors import CannotTravel


class Trees:
    """Trees in arrays over the nodes of all; `arrays` are the arguments of `titan.sklearn.trees.Trees`."""

    def __init__(self, *arrays):
        self.arrays = arrays


class Tree:
    """One of the trees; `parts` are the arguments of `titan.sklearn.trees.Tree`."""

    def __init__(self, trees, number, features, max_depth):
        self.parts = trees, number, features, max_depth


def made(estimator, cls, of_ensembles):
    """{name: value} for the estimator, which is of class `cls` or of one that the notebook derived. `of_ensembles`
    is {id: Tree} of the trees that were met within an ensemble."""
    name = cls.__name__
    if name in _TREES:
        return _tree(estimator, of_ensembles)
    if name in _FORESTS:
        return _forest(estimator, of_ensembles)
    return _MADE[name](estimator) if name in _MADE else {}


_TREES = {f"{kind}Tree{what}" for kind in ("Decision", "Extra") for what in ("Classifier", "Regressor")}
_FORESTS = {f"{kind}{what}" for kind in ("RandomForest", "ExtraTrees") for what in ("Classifier", "Regressor")}
_FORESTS |= {"RandomTreesEmbedding", "IsolationForest"}


def _tree(estimator, of_ensembles):
    if not hasattr(estimator, "tree_"):
        return {}
    tree = of_ensembles.get(id(estimator)) or _numbered(_joined([estimator.tree_]), [estimator])[0]
    return {"tree_": tree, "missing": _admits_missing(estimator)}


def _forest(estimator, of_ensembles):
    if not hasattr(estimator, "estimators_"):
        return {}
    members = estimator.estimators_
    trees = _joined([member.tree_ for member in members])
    of_ensembles.update((id(member), tree) for member, tree in zip(members, _numbered(trees, members)))
    return {"trees": trees, "missing": _admits_missing(members[0])}


def _numbered(trees, members):
    return [Tree(trees, i, int(m.tree_.n_features), int(m.tree_.max_depth)) for i, m in enumerate(members)]


def _admits_missing(estimator):
    return bool(estimator.__sklearn_tags__().input_tags.allow_nan)


def _joined(trees):
    """Trees from `tree_` attributes, in order."""
    roots = _starts(tree.node_count for tree in trees)

    def all_of(name, dtype):
        return np.concatenate([getattr(tree, name) for tree in trees]).astype(dtype)

    left, right = (_children(trees, roots, name) for name in ("children_left", "children_right"))
    feature, threshold = np.maximum(all_of("feature", np.int32), 0), all_of("threshold", np.float64)
    missing, value = all_of("missing_go_to_left", np.bool_), all_of("value", np.float64)
    return Trees(left, right, feature, threshold, missing, value, roots.astype(np.int32), None)


def _starts(counts):
    return np.cumsum([0, *counts])[:-1]


def _children(trees, roots, name):
    """A child's number among all nodes; a leaf is its own child."""
    parts = []
    for tree, root in zip(trees, roots):
        children, own = getattr(tree, name), np.arange(tree.node_count)
        parts.append(np.where(children < 0, own, children) + root)
    return np.concatenate(parts).astype(np.int32)


def _boosted(estimator):
    if not hasattr(estimator, "estimators_"):
        return {}
    trees = _joined([member.tree_ for member in estimator.estimators_.ravel()])
    link = _link(estimator._loss)
    # The trees are not asked one by one, and are many.
    return {"trees": trees, "outputs": int(estimator.n_trees_per_iteration_), "link": link, "estimators_": None}


def _histogram(estimator):
    if not hasattr(estimator, "_predictors"):
        return {}
    predictors = [predictor for stage in estimator._predictors for predictor in stage]
    counts = [len(predictor.nodes) for predictor in predictors]
    roots = _starts(counts)
    nodes = np.concatenate([predictor.nodes for predictor in predictors])
    own, shift, leaf = np.arange(len(nodes)), np.repeat(roots, counts), nodes["is_leaf"].astype(bool)
    left, right = (
        np.where(leaf, own, nodes[side].astype(np.int64) + shift).astype(np.int32) for side in ("left", "right")
    )
    feature = np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32)
    threshold, missing = nodes["num_threshold"].astype(np.float64), nodes["missing_go_to_left"].astype(bool)
    value, categories = (
        nodes["value"].astype(np.float64).reshape(-1, 1, 1),
        _categories(estimator, predictors, nodes, leaf),
    )
    trees = Trees(left, right, feature, threshold, missing, value, roots.astype(np.int32), categories)
    made = {"trees": trees, "outputs": int(estimator.n_trees_per_iteration_), "link": _link(estimator._loss)}
    return {**made, "_bin_mapper": None}


def _categories(estimator, predictors, nodes, leaf):
    """(nodes that split by category, their rows of the first mask, categories that go left, known ones by feature)"""
    by_category = nodes["is_categorical"].astype(bool) & ~leaf
    if not by_category.any():
        return None
    starts = _starts(len(predictor.raw_left_cat_bitsets) for predictor in predictors)
    rows = nodes["bitset_idx"].astype(np.int64) + np.repeat(starts, [len(predictor.nodes) for predictor in predictors])
    left = _mask(np.concatenate([predictor.raw_left_cat_bitsets for predictor in predictors]))
    mapper = estimator._bin_mapper
    known = np.zeros((len(mapper.is_categorical_), 256), dtype=bool)
    for feature in np.flatnonzero(mapper.is_categorical_):
        known[feature, mapper.bin_thresholds_[feature].astype(np.int64)] = True
    return by_category, np.where(by_category, rows, 0).astype(np.int32), left, known


def _mask(bitsets):
    """256 booleans a row of eight numbers of 32 bits."""
    bits = bitsets[:, :, None] >> np.arange(32, dtype=np.uint32) & np.uint32(1)
    return bits.astype(bool).reshape(len(bitsets), 256)


def _link(loss):
    """The name of the function that turns raw predictions into what is predicted."""
    names = {
        "LogitLink": "logit",
        "HalfLogitLink": "half_logit",
        "LogLink": "log",
        "MultinomialLogit": "multinomial_logit",
    }
    return names.get(type(loss.link).__name__, "identity")


def _mixture(estimator):
    if not hasattr(estimator, "means_"):
        return {}
    weights, scale = np.asarray(estimator._estimate_log_weights()), 0.0
    if hasattr(estimator, "mean_precision_"):
        # What a Bayesian mixture adds to the Gaussians does not depend on the samples.
        x = np.zeros((1, estimator.means_.shape[1]))
        from sklearn.mixture._gaussian_mixture import _estimate_log_gaussian_prob

        parts = estimator.means_, estimator.precisions_cholesky_, estimator.covariance_type
        scale = (estimator._estimate_log_prob(x) - _estimate_log_gaussian_prob(x, *parts))[0]
    return {"log_weights": weights, "log_scale": scale}


def _selector(estimator):
    try:
        return {"support": np.asarray(estimator.get_support())}
    except Exception:
        # It is not fitted.
        return {}


def _text(estimator):
    words = estimator.get_stop_words()
    return {"words_left_out": None if words is None else set(words)}


def _voting(estimator):
    return {"voices": estimator._weights_not_none}


def _search(estimator):
    from sklearn.base import is_classifier, is_regressor

    own = (is_classifier(estimator.estimator) and "accuracy") or (is_regressor(estimator.estimator) and "r2")
    return {"scored": estimator.scoring is None or estimator.scoring == own}


def _threshold(estimator):
    inner = getattr(estimator, "estimator_", estimator.estimator)
    methods = estimator._get_response_method()
    methods = [methods] if isinstance(methods, str) else methods
    response = next((method for method in methods if hasattr(inner, method)), None)
    if hasattr(estimator, "best_threshold_"):
        return {
            "response": response,
            "limit": estimator.best_threshold_,
            "positive": estimator._curve_scorer._get_pos_label(),
        }
    limit = estimator.threshold
    if limit == "auto":
        limit = 0.5 if response == "predict_proba" else 0.0
    return {"response": response, "limit": limit, "positive": estimator.pos_label}


def _bisecting(estimator):
    mean = getattr(estimator, "_X_mean", 0)

    def tree(node):
        if node.left is None:
            return int(node.label)
        return node.left.center + mean, tree(node.left), node.right.center + mean, tree(node.right)

    return (
        {"tree": tree(estimator._bisecting_tree), "_bisecting_tree": None}
        if hasattr(estimator, "_bisecting_tree")
        else {}
    )


def _neighbors(estimator):
    metric = getattr(estimator, "effective_metric_", getattr(estimator, "metric", None))
    if isinstance(metric, str) and metric not in _METRICS and estimator.metric != "precomputed":
        raise CannotTravel(
            estimator, f"the engine does not know its metric {metric!r}", f"use one of {', '.join(_METRICS)}"
        )
    return {}


def _function(estimator):
    function = estimator.func
    # HistGradientBoosting checks its numbers by a function of scikit-learn, as the stand-in does by itself.
    if isinstance(function, functools.partial) and function.func.__module__ == "sklearn.utils.validation":
        return {"func": None}
    return {}


# The names of `titan.sklearn.functions.distances`.
_METRICS = """
    euclidean sqeuclidean manhattan chebyshev minkowski canberra hamming haversine mahalanobis seuclidean jaccard dice
    cosine correlation l1 cityblock l2 infinity p
""".split()
_BY_FUNCTION = {
    _boosted: "GradientBoostingClassifier GradientBoostingRegressor",
    _histogram: "HistGradientBoostingClassifier HistGradientBoostingRegressor",
    _mixture: "GaussianMixture BayesianGaussianMixture",
    _text: "CountVectorizer TfidfVectorizer HashingVectorizer",
    _voting: "VotingClassifier VotingRegressor",
    _threshold: "FixedThresholdClassifier TunedThresholdClassifierCV",
    _bisecting: "BisectingKMeans",
    _function: "FunctionTransformer",
    _search: "GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV",
    _neighbors: """
        NearestNeighbors KNeighborsTransformer RadiusNeighborsTransformer KNeighborsClassifier RadiusNeighborsClassifier
        KNeighborsRegressor RadiusNeighborsRegressor LocalOutlierFactor NearestCentroid
    """,
    _selector: """
        SelectKBest SelectPercentile SelectFpr SelectFdr SelectFwe GenericUnivariateSelect SelectFromModel
        VarianceThreshold SequentialFeatureSelector
    """,
}
_MADE = {name: function for function, names in _BY_FUNCTION.items() for name in names.split()}
