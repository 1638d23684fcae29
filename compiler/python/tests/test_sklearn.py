"""Compares scikit-learn itself with the engine's stand-ins, estimator by estimator.

Needs the packages of the image `scikit-learn`; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_sklearn
"""

import unittest
import warnings

from .sklearn_support import HAS_SKLEARN, SklearnTest, numbers, travelled

if HAS_SKLEARN:
    import numpy as np
    from sklearn import (
        calibration,
        cluster,
        compose,
        covariance,
        cross_decomposition,
        decomposition,
        discriminant_analysis,
        dummy,
        ensemble,
        feature_selection,
        gaussian_process,
        impute,
        isotonic,
        kernel_approximation,
        kernel_ridge,
        linear_model,
        mixture,
        model_selection,
        multiclass,
        multioutput,
        naive_bayes,
        neighbors,
        neural_network,
        preprocessing,
        random_projection,
        semi_supervised,
        svm,
        tree,
    )
    from sklearn.gaussian_process import kernels

    warnings.simplefilter("ignore")
    X, NEW = numbers(), numbers(samples=23, seed=2)
    REAL, NEW_REAL = (x @ [3, -2, 0.5, 0, 1] + np.sin(3 * x[:, 0]) for x in (X, NEW))
    TWO, NEW_TWO = (np.where(y > 0.3, "yes", "no") for y in (REAL, NEW_REAL))
    THREE, NEW_THREE = (np.digitize(y, [-1.5, 1.5]) * 10 for y in (REAL, NEW_REAL))
    BOTH, NEW_BOTH = (np.stack([y, -2 * y + 1], axis=1) for y in (REAL, NEW_REAL))


class Regressors(SklearnTest):
    def check(self, *estimators, **tolerance):
        for estimator in estimators:
            with self.subTest(str(estimator)):
                self.assert_answers(estimator.fit(X, REAL), NEW, NEW_REAL, **tolerance)

    def test_linear(self):
        names = """
            LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV Lars LarsCV LassoLars LassoLarsCV
            LassoLarsIC
            OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV HuberRegressor QuantileRegressor TheilSenRegressor
            SGDRegressor PassiveAggressiveRegressor BayesianRidge ARDRegression
        """
        self.check(*(getattr(linear_model, name)() for name in names.split()))
        self.check(linear_model.LinearRegression(fit_intercept=False), svm.LinearSVR())
        for name in ("MultiTaskLasso", "MultiTaskElasticNet", "LinearRegression", "Ridge"):
            self.assert_answers(getattr(linear_model, name)().fit(X, BOTH), NEW, NEW_BOTH)
        for name in ("BayesianRidge", "ARDRegression"):
            model = getattr(linear_model, name)().fit(X, REAL)
            self.assert_same(travelled(model).predict(NEW, return_std=True), model.predict(NEW, return_std=True))

    def test_numbers_of_every_type(self):
        model = linear_model.LinearRegression().fit(X, REAL)
        for given in (NEW.tolist(), NEW.astype("float32"), (NEW * 10).astype("int64"), NEW.astype(object)):
            self.assert_answers(model, given, NEW_REAL)
        narrow = linear_model.LinearRegression().fit(X.astype("float32"), REAL.astype("float32"))
        self.assert_answers(narrow, NEW.astype("float32"), rtol=1e-5)

    def test_generalized(self):
        y, new_y = np.exp(REAL / 4), np.exp(NEW_REAL / 4)
        for model in (
            linear_model.PoissonRegressor(),
            linear_model.GammaRegressor(),
            *(linear_model.TweedieRegressor(power=power) for power in (0, 1, 1.5, 2, 3)),
            linear_model.TweedieRegressor(power=1.5, link="log"),
        ):
            self.assert_answers(model.fit(X, y), NEW, new_y)

    def test_trees(self):
        for kind in (tree.DecisionTreeRegressor, tree.ExtraTreeRegressor):
            self.check(kind(random_state=0), kind(max_depth=3, random_state=0), kind(max_depth=1))
        for kind in (ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor):
            self.check(kind(20, random_state=0))
            self.assert_answers(kind(20, random_state=0).fit(X, BOTH), NEW, NEW_BOTH)
        for loss in ("squared_error", "absolute_error", "huber", "quantile"):
            self.check(ensemble.GradientBoostingRegressor(n_estimators=20, loss=loss))
        self.check(
            ensemble.GradientBoostingRegressor(n_estimators=20, init="zero"),
            ensemble.GradientBoostingRegressor(n_estimators=20, init=linear_model.LinearRegression()),
            ensemble.HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=5),
            ensemble.AdaBoostRegressor(n_estimators=10, random_state=0),
            ensemble.BaggingRegressor(random_state=0, max_features=3),
            ensemble.BaggingRegressor(svm.SVR(), random_state=0),
        )
        model = ensemble.HistGradientBoostingRegressor(max_iter=20, loss="poisson").fit(X, np.exp(REAL / 4))
        self.assert_answers(model, NEW)

    def test_kernels_neighbors_and_networks(self):
        for kernel in ("linear", "poly", "rbf", "sigmoid"):
            self.check(svm.SVR(kernel=kernel), svm.NuSVR(kernel=kernel), kernel_ridge.KernelRidge(kernel=kernel))
        for weights in ("uniform", "distance"):
            for metric in ("minkowski", "manhattan", "chebyshev", "cosine", "canberra"):
                self.check(neighbors.KNeighborsRegressor(weights=weights, metric=metric))
        self.check(neighbors.KNeighborsRegressor(p=3), neighbors.RadiusNeighborsRegressor(radius=9))
        self.check(neighbors.RadiusNeighborsRegressor(radius=9, weights="distance"))
        for activation in ("identity", "logistic", "tanh", "relu"):
            self.check(neural_network.MLPRegressor(hidden_layer_sizes=(9, 7), activation=activation, max_iter=30))
        self.assert_answers(neural_network.MLPRegressor(max_iter=30).fit(X, BOTH), NEW, NEW_BOTH)
        self.assert_answers(neighbors.KNeighborsRegressor().fit(X, BOTH), NEW, NEW_BOTH)

    def test_gaussian_processes(self):
        for kernel in (
            None,
            2.0 * kernels.RBF(1.5) + kernels.WhiteKernel(0.1),
            *(kernels.Matern(2.0, nu=nu) for nu in (0.5, 1.5, 2.5, np.inf)),
            kernels.RationalQuadratic(1.5, 2.0),
            kernels.ExpSineSquared(2.0, 5.0) + kernels.WhiteKernel(9.0),
            kernels.DotProduct(2.0) ** 2,
            kernels.RBF([1.0, 2.0, 3.0, 1.0, 2.0]),
        ):
            model = gaussian_process.GaussianProcessRegressor(kernel, alpha=1e-3, normalize_y=True, optimizer=None)
            model.fit(X, REAL)
            self.assert_answers(model, NEW, NEW_REAL, rtol=1e-7)
            for option in ("return_std", "return_cov"):
                got, want = (m.predict(NEW, **{option: True}) for m in (travelled(model), model))
                self.assert_same(got, want, rtol=1e-5, atol=1e-6)

    def test_other_kinds(self):
        self.check(
            cross_decomposition.PLSRegression(2),
            dummy.DummyRegressor(),
            compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.cbrt, inverse_func=np.square),
            compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=preprocessing.StandardScaler()),
        )
        self.check(linear_model.RANSACRegressor(random_state=0), weights=False)
        voters = [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(random_state=0))]
        self.check(
            ensemble.VotingRegressor(voters, weights=[1, 2]),
            ensemble.StackingRegressor(voters),
            ensemble.StackingRegressor(voters, passthrough=True),
        )
        model = isotonic.IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], REAL)
        self.assert_answers(model, NEW[:, 0], NEW_REAL)
        for model in (
            multioutput.MultiOutputRegressor(linear_model.Ridge()),
            multioutput.RegressorChain(linear_model.Ridge(), order=[1, 0]),
            cross_decomposition.PLSRegression(2),
            dummy.DummyRegressor(strategy="median"),
        ):
            self.assert_answers(model.fit(X, BOTH), NEW, NEW_BOTH)


class Classifiers(SklearnTest):
    def check(self, *estimators, **tolerance):
        """Of two classes that are text and of three that are numbers."""
        for estimator in estimators:
            for y, new_y in ((TWO, NEW_TWO), (THREE, NEW_THREE)):
                with self.subTest(str(estimator)):
                    self.assert_answers(estimator.fit(X, y), NEW, new_y, **tolerance)

    def test_linear(self):
        for (
            name
        ) in "LogisticRegression LogisticRegressionCV Perceptron PassiveAggressiveClassifier RidgeClassifier".split():
            self.check(getattr(linear_model, name)())
        self.check(
            linear_model.RidgeClassifierCV(),
            *(linear_model.SGDClassifier(loss=loss) for loss in ("hinge", "log_loss", "modified_huber")),
            svm.LinearSVC(),
            *(discriminant_analysis.LinearDiscriminantAnalysis(solver=s) for s in ("svd", "eigen")),
            discriminant_analysis.QuadraticDiscriminantAnalysis(),
        )
        several = np.stack([REAL > 0, X[:, 1] > 0], axis=1).astype(int)
        self.assert_answers(linear_model.RidgeClassifier().fit(X, several), NEW)

    def test_trees(self):
        for kind in (tree.DecisionTreeClassifier, tree.ExtraTreeClassifier):
            self.check(kind(random_state=0), kind(max_depth=3, random_state=0))
        for kind in (ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier):
            self.check(kind(20, random_state=0))
        self.check(
            ensemble.GradientBoostingClassifier(n_estimators=20),
            ensemble.GradientBoostingClassifier(n_estimators=20, init="zero"),
            ensemble.HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5),
            ensemble.AdaBoostClassifier(n_estimators=10),
            ensemble.BaggingClassifier(random_state=0, max_features=3),
            ensemble.BaggingClassifier(svm.LinearSVC(), random_state=0),
        )
        # The first guess is computed with float32 there.
        self.check(ensemble.GradientBoostingClassifier(n_estimators=20, init=naive_bayes.GaussianNB()), rtol=1e-5)
        model = ensemble.GradientBoostingClassifier(n_estimators=20, loss="exponential").fit(X, TWO)
        self.assert_answers(model, NEW, NEW_TWO)
        several = np.stack([REAL > 0, X[:, 1] > 0, np.digitize(X[:, 2], [-1, 1])], axis=1).astype(int)
        for kind in (tree.DecisionTreeClassifier, ensemble.RandomForestClassifier):
            self.assert_answers(kind(random_state=0).fit(X, several), NEW)

    def test_trees_of_an_ensemble_answer_alone(self):
        model = ensemble.RandomForestClassifier(5, random_state=0).fit(X, THREE)
        stand_in, first = travelled(model, model.estimators_[0])
        self.assertIs(first.tree_.trees, stand_in.trees)
        for got, want in zip(stand_in.estimators_, model.estimators_):
            self.assert_same(got.predict_proba(NEW), want.predict_proba(NEW))
            for name in ("children_left", "children_right", "feature", "threshold", "value", "node_count", "max_depth"):
                self.assert_same(getattr(got.tree_, name), getattr(want.tree_, name), name)
        self.assertEqual((len(stand_in), stand_in[0].get_n_leaves()), (5, model[0].get_n_leaves()))

    def test_missing_values_and_categories_in_trees(self):
        holes, new_holes = X.copy(), NEW.copy()
        holes[::7, 0] = new_holes[::3, 0] = new_holes[1, 3] = np.nan
        for model in (
            tree.DecisionTreeClassifier(max_depth=4),
            ensemble.RandomForestClassifier(10, random_state=0),
            ensemble.HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5),
        ):
            self.assert_answers(model.fit(holes, THREE), new_holes, NEW_THREE)
        colors = np.array(["red", "green", "blue", "grey"], dtype=object)
        mixed, new_mixed = (np.c_[x[:, :2].astype(object), colors[(x[:, 2] * 9).astype(int) % 4]] for x in (X, NEW))
        model = ensemble.HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=3, categorical_features=[2])
        y = (mixed[:, 2] == "red") ^ (X[:, 0] > 0)
        numbered = np.c_[X[:, :2], (X[:, 2] * 9).astype(int) % 9]
        self.assert_answers(model.fit(numbered, y), np.c_[NEW[:, :2], np.arange(23) - 2])
        import pandas

        frames = [pandas.DataFrame(dict(zip("abc", x.T))).astype({"c": "category"}) for x in (mixed, new_mixed)]
        model.set_params(categorical_features="from_dtype").fit(frames[0].astype({"a": float, "b": float}), y)
        self.assert_answers(model, frames[1].astype({"a": float, "b": float}))

    def test_support_vectors(self):
        for kernel in ("linear", "poly", "rbf", "sigmoid"):
            self.check(svm.SVC(kernel=kernel), svm.NuSVC(kernel=kernel, nu=0.2))
        self.check(
            svm.SVC(probability=True, random_state=0),
            svm.SVC(decision_function_shape="ovo"),
            svm.SVC(break_ties=True),
            svm.SVC(gamma="auto", coef0=1.0, degree=2, kernel="poly"),
        )
        four = np.digitize(REAL, [-2, 0, 2])
        self.assert_answers(svm.SVC(probability=True, random_state=0).fit(X, four), NEW, rtol=1e-6)

    def test_neighbors_and_networks(self):
        for weights in ("uniform", "distance"):
            for metric in ("minkowski", "manhattan", "cosine", "chebyshev"):
                self.check(neighbors.KNeighborsClassifier(3, weights=weights, metric=metric))
        self.check(
            neighbors.KNeighborsClassifier(algorithm="brute"),
            neighbors.RadiusNeighborsClassifier(radius=9),
            neighbors.RadiusNeighborsClassifier(radius=1.5, outlier_label="most_frequent", weights="distance"),
            neighbors.NearestCentroid(),
            neighbors.NearestCentroid(priors="empirical"),
            neural_network.MLPClassifier((9,), max_iter=30),
        )
        several = np.stack([REAL > 0, X[:, 1] > 0], axis=1).astype(int)
        for model in (neighbors.KNeighborsClassifier(), neural_network.MLPClassifier(max_iter=30)):
            self.assert_answers(model.fit(X, several), NEW)
        self.assert_answers(neighbors.KNeighborsClassifier(1).fit(X, TWO), X, TWO)

    def test_naive_bayes_and_processes(self):
        self.check(naive_bayes.GaussianNB(), naive_bayes.BernoulliNB(), naive_bayes.BernoulliNB(binarize=0.5))
        self.check(gaussian_process.GaussianProcessClassifier(), rtol=1e-6)
        counts, new_counts = ((np.abs(x) * 3).astype(int) for x in (X, NEW))
        new_counts = new_counts.clip(max=counts.max(axis=0))
        for name in ("MultinomialNB", "ComplementNB", "CategoricalNB"):
            self.assert_answers(getattr(naive_bayes, name)().fit(counts, THREE), new_counts, NEW_THREE)

    def test_of_others(self):
        logistic, grown = linear_model.LogisticRegression(), tree.DecisionTreeClassifier(max_depth=3, random_state=0)
        voters = [("a", logistic), ("b", grown), ("c", naive_bayes.GaussianNB())]
        self.check(
            ensemble.VotingClassifier(voters),
            ensemble.VotingClassifier(voters, voting="soft", weights=[1, 2, 3]),
            ensemble.StackingClassifier(voters),
            ensemble.StackingClassifier(voters, passthrough=True, stack_method="predict_proba"),
            multiclass.OneVsRestClassifier(logistic),
            multiclass.OneVsRestClassifier(svm.LinearSVC()),
            multiclass.OneVsOneClassifier(svm.LinearSVC()),
            multiclass.OneVsOneClassifier(grown),
            multiclass.OutputCodeClassifier(logistic, random_state=0),
            calibration.CalibratedClassifierCV(svm.LinearSVC()),
            calibration.CalibratedClassifierCV(grown, method="isotonic"),
            *(
                dummy.DummyClassifier(strategy=s, random_state=3)
                for s in ("prior", "most_frequent", "stratified", "uniform")
            ),
        )
        for model in (naive_bayes.GaussianNB(), svm.LinearSVC()):
            real = calibration.CalibratedClassifierCV(model, method="temperature").fit(X, TWO)
            self.assert_answers(real, NEW, NEW_TWO)
        for model in (
            model_selection.FixedThresholdClassifier(logistic, threshold=0.7, pos_label="yes"),
            model_selection.FixedThresholdClassifier(svm.LinearSVC(), threshold=0.2, pos_label="no"),
            model_selection.TunedThresholdClassifierCV(logistic),
        ):
            y, new_y = (TWO, NEW_TWO) if getattr(model, "pos_label", None) else (REAL > 0, NEW_REAL > 0)
            self.assert_answers(model.fit(X, y), NEW, new_y)
        several, new_several = (
            np.stack([y > 0, x[:, 1] > 0], axis=1).astype(int) for x, y in ((X, REAL), (NEW, NEW_REAL))
        )
        for model in (
            multioutput.MultiOutputClassifier(logistic),
            multioutput.ClassifierChain(logistic),
            multiclass.OneVsRestClassifier(logistic),
        ):
            self.assert_answers(model.fit(X, several), NEW, new_several, weights=False)
        some = np.where(np.arange(60) % 3, THREE, -1)
        self.assert_answers(
            semi_supervised.SelfTrainingClassifier(logistic).fit(X, some), NEW, NEW_THREE, weights=False
        )


class Outliers(SklearnTest):
    def test_all_kinds(self):
        for model in (
            ensemble.IsolationForest(n_estimators=20, random_state=0),
            ensemble.IsolationForest(n_estimators=20, max_features=2, contamination=0.2, random_state=0),
            svm.OneClassSVM(nu=0.2),
            linear_model.SGDOneClassSVM(random_state=0),
            neighbors.LocalOutlierFactor(novelty=True),
            covariance.EllipticEnvelope(random_state=0),
        ):
            self.assert_answers(model.fit(X), NEW)


class Clusters(SklearnTest):
    def test_all_kinds(self):
        for model in (
            cluster.KMeans(4, random_state=0),
            cluster.MiniBatchKMeans(4, random_state=0),
            cluster.BisectingKMeans(4, random_state=0),
            cluster.MeanShift(),
            cluster.AffinityPropagation(),
            cluster.Birch(n_clusters=3),
        ):
            self.assert_answers(model.fit(X), NEW)
        for kind in ("full", "tied", "diag", "spherical"):
            for model in (
                mixture.GaussianMixture(3, covariance_type=kind),
                mixture.BayesianGaussianMixture(n_components=3),
            ):
                self.assert_answers(model.fit(X), NEW, rtol=1e-7)
        labels = travelled(cluster.DBSCAN(eps=1.5).fit(X)).labels_
        self.assert_same(labels, cluster.DBSCAN(eps=1.5).fit(X).labels_)


class Transformers(SklearnTest):
    def check(self, *transformers, data=None, inverts=True, y=None, **tolerance):
        fitted_on, new = data or (X, NEW)
        for transformer in transformers:
            with self.subTest(str(transformer)):
                real = transformer.fit(fitted_on, y)
                self.assert_answers(real, new, methods=["transform"], **tolerance)
                if inverts:
                    self.assert_inverts(real, new, **tolerance)
                if hasattr(real, "get_feature_names_out"):
                    self.assert_same(travelled(real).get_feature_names_out(), real.get_feature_names_out())

    def test_scales(self):
        self.check(
            preprocessing.StandardScaler(),
            preprocessing.StandardScaler(with_mean=False),
            preprocessing.StandardScaler(with_std=False),
            preprocessing.MinMaxScaler(),
            preprocessing.MinMaxScaler((-1, 2), clip=True),
            preprocessing.MaxAbsScaler(),
            preprocessing.RobustScaler(),
            preprocessing.PowerTransformer(),
            preprocessing.PowerTransformer(standardize=False),
            *(preprocessing.QuantileTransformer(n_quantiles=20, output_distribution=d) for d in ("uniform", "normal")),
        )
        self.check(preprocessing.PowerTransformer("box-cox"), data=(np.abs(X) + 0.1, np.abs(NEW) + 0.1))
        self.check(
            *(preprocessing.Normalizer(n) for n in ("l1", "l2", "max")), preprocessing.Binarizer(), inverts=False
        )
        narrow = X.astype("float32"), NEW.astype("float32")
        self.check(preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), data=narrow, rtol=1e-5, atol=1e-6)

    def test_bins_and_powers(self):
        for encode in ("ordinal", "onehot", "onehot-dense"):
            self.check(preprocessing.KBinsDiscretizer(4, encode=encode))
        self.check(
            preprocessing.PolynomialFeatures(3),
            preprocessing.PolynomialFeatures(2, interaction_only=True, include_bias=False),
            preprocessing.PolynomialFeatures((2, 3)),
            inverts=False,
        )

    def test_missing_values(self):
        holes, new_holes = X.copy(), NEW.copy()
        holes[::7, 0] = holes[2, 1] = new_holes[::3, 0] = new_holes[1, 1] = np.nan
        for strategy in ("mean", "median", "most_frequent", "constant"):
            self.check(impute.SimpleImputer(strategy=strategy), data=(holes, new_holes), inverts=False)
        self.check(
            impute.SimpleImputer(add_indicator=True),
            impute.KNNImputer(n_neighbors=3),
            impute.KNNImputer(weights="distance", add_indicator=True),
            impute.MissingIndicator(),
            impute.MissingIndicator(features="all"),
            data=(holes, new_holes),
            inverts=False,
        )
        words = np.array([["a", None], ["b", "x"], ["a", "x"]], dtype=object)
        self.check(
            impute.SimpleImputer(missing_values=None, strategy="most_frequent"), data=(words, words), inverts=False
        )
        empty = np.c_[holes, np.full(60, np.nan)], np.c_[new_holes, np.ones(23)]
        self.check(impute.SimpleImputer(), impute.SimpleImputer(keep_empty_features=True), data=empty, inverts=False)

    def test_categories(self):
        words = np.array([["red", "s"], ["green", "m"], ["blue", "l"], ["red", "m"]] * 5, dtype=object)
        known, strange = words[:6], np.array([["red", "xl"], ["pink", "m"]], dtype=object)
        for options in ({}, {"sparse_output": False}, {"drop": "first"}, {"drop": "if_binary"}, {"min_frequency": 6}):
            self.check(preprocessing.OneHotEncoder(**options), data=(words, known))
        for options in ({"handle_unknown": "ignore"}, {"handle_unknown": "infrequent_if_exist", "min_frequency": 6}):
            self.check(preprocessing.OneHotEncoder(**options), data=(words, strange))
        self.check(preprocessing.OneHotEncoder(), data=(words.tolist(), known.tolist()))
        self.check(preprocessing.OneHotEncoder(), data=(words.astype(str), known.astype(str)))
        integers = (X * 2).astype(int)
        self.check(preprocessing.OneHotEncoder(handle_unknown="ignore"), data=(integers, integers[:9]))
        self.check(preprocessing.OrdinalEncoder(), data=(words, known))
        self.check(
            preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), data=(words, strange)
        )
        holes = np.where(words == "m", np.nan, words)
        self.check(preprocessing.OrdinalEncoder(encoded_missing_value=-2), data=(holes, holes))
        self.check(preprocessing.OneHotEncoder(), data=(holes, holes))
        encoder = travelled(preprocessing.OneHotEncoder().fit(words))
        with self.assertRaisesRegex(ValueError, r"unknown categories \['pink'\] in column 0"):
            encoder.transform(strange)
        for y in (np.arange(20) % 2, np.arange(20) % 3, np.arange(20.0)):
            self.check(preprocessing.TargetEncoder(), data=(words, strange), y=y, inverts=False)

    def test_labels(self):
        for labels in (TWO, THREE, THREE.astype(str).astype(object)):
            for encoder in (
                preprocessing.LabelEncoder(),
                preprocessing.LabelBinarizer(),
                preprocessing.LabelBinarizer(neg_label=-1),
            ):
                real = encoder.fit(labels)
                self.assert_answers(real, labels[:9], methods=["transform"])
                self.assert_answers(real, labels[:9].tolist(), methods=["transform"])
                self.assert_inverts(real, labels[:9])
        sets = [("a", "b"), ("c",), (), ("b", "c")]
        real = preprocessing.MultiLabelBinarizer().fit(sets)
        self.assert_answers(real, sets, methods=["transform"])
        self.assert_inverts(real, sets)
        with self.assertRaisesRegex(ValueError, "unseen labels"):
            travelled(preprocessing.LabelEncoder().fit(TWO)).transform(["maybe"])

    def test_projections(self):
        self.check(
            decomposition.PCA(3),
            decomposition.PCA(3, whiten=True),
            decomposition.IncrementalPCA(3),
            decomposition.TruncatedSVD(3),
            decomposition.FastICA(3, random_state=0),
            random_projection.GaussianRandomProjection(3, random_state=0),
            random_projection.SparseRandomProjection(3, random_state=0),
            *(
                decomposition.KernelPCA(3, kernel=k, fit_inverse_transform=True)
                for k in ("linear", "rbf", "poly", "cosine")
            ),
            rtol=1e-6,
        )
        self.check(
            decomposition.FactorAnalysis(2),
            *(kernel_approximation.Nystroem(k, n_components=9, random_state=0) for k in ("rbf", "poly")),
            kernel_approximation.RBFSampler(random_state=0),
            inverts=False,
            rtol=1e-6,
        )
        self.check(neighbors.NeighborhoodComponentsAnalysis(2), y=THREE, inverts=False)
        self.assert_answers(decomposition.PCA(2).fit(X), NEW, rtol=1e-6)
        kernel = X @ X.T
        self.assert_answers(preprocessing.KernelCenterer().fit(kernel), kernel[:5], methods=["transform"])

    def test_selections(self):
        self.check(
            feature_selection.SelectKBest(k=2),
            feature_selection.SelectPercentile(),
            feature_selection.GenericUnivariateSelect(),
            feature_selection.SelectFpr(),
            feature_selection.VarianceThreshold(1.0),
            feature_selection.SelectFromModel(tree.DecisionTreeClassifier()),
            feature_selection.SequentialFeatureSelector(linear_model.RidgeClassifier(), n_features_to_select=2),
            y=TWO,
        )
        for model in (
            feature_selection.RFE(linear_model.LogisticRegression()),
            feature_selection.RFECV(svm.LinearSVC()),
        ):
            self.assert_answers(model.fit(X, TWO), NEW, NEW_TWO, weights=False)
        self.assert_same(travelled(model).get_support(), model.get_support())

    def test_neighbors(self):
        real = neighbors.NearestNeighbors(n_neighbors=4, radius=2.0).fit(X)
        stand_in = self.assert_answers(real, NEW, methods=["kneighbors"])
        self.assert_same(stand_in.kneighbors(), real.kneighbors())
        self.assert_same(
            stand_in.kneighbors(NEW, 2, return_distance=False), real.kneighbors(NEW, 2, return_distance=False)
        )
        self.assert_same(stand_in.kneighbors_graph(NEW).toarray(), real.kneighbors_graph(NEW).toarray())
        got, want = (m.radius_neighbors(NEW, 1.5, sort_results=True) for m in (stand_in, real))
        self.assert_same(got, want)
        for mode in ("distance", "connectivity"):
            self.check(neighbors.KNeighborsTransformer(n_neighbors=3, mode=mode), inverts=False)


if __name__ == "__main__":
    unittest.main()
