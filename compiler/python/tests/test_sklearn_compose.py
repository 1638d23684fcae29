"""Compares estimators around estimators, texts, frames and classes of the notebook with what they are in the engine.

Needs the packages of the image `scikit-learn`; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_sklearn_compose
"""

import importlib.util
import re
import unittest
import warnings

from .sklearn_support import HAS_SKLEARN, SklearnTest, numbers, travelled

if HAS_SKLEARN:
    import numpy as np
    import pandas
    from sklearn import (
        cluster,
        compose,
        datasets,
        decomposition,
        ensemble,
        feature_extraction,
        linear_model,
        model_selection,
    )
    from sklearn import neighbors, pipeline, preprocessing, semi_supervised, svm, tree
    from sklearn.feature_extraction import text
    from sklearn.impute import SimpleImputer
    import titan.sklearn
    from sklearn.utils import all_estimators
    from titan_freeze import sklearn_families
    from titan_freeze.errors import CannotTravel

    warnings.simplefilter("ignore")
    X, NEW = numbers(), numbers(samples=23, seed=2)
    Y, NEW_Y = ((x[:, 0] > 0.2 * x[:, 1]).astype(int) for x in (X, NEW))
    FRAME = pandas.DataFrame(
        {
            "age": np.arange(40) % 17 + 20.0,
            "city": ["Oslo", "Rome", "Bonn", "Rome"] * 10,
            "score": X[:40, 0],
            "note": ["good food", "bad bad place", "good place", "slow"] * 10,
        }
    )
    FRAME.loc[3, "age"] = FRAME.loc[7, "score"] = np.nan
    LABELS = np.where((FRAME.age > 28) ^ (FRAME.city == "Rome"), "stay", "leave")
    TEXTS = [
        "The cat sat on the mat.",
        "Dogs and cats, cats and dogs!",
        "Élan vital: naïve café",
        "a mat is a mat is a mat",
        "",
        "It's 42 degrees in Straße 7",
    ]


class Pipelines(SklearnTest):
    def test_steps_and_parameters(self):
        model = pipeline.make_pipeline(
            preprocessing.StandardScaler(), decomposition.PCA(3), linear_model.LogisticRegression(C=2)
        )
        stand_in = self.assert_answers(model.fit(X, Y), NEW, NEW_Y)
        self.assertEqual(list(stand_in.named_steps), ["standardscaler", "pca", "logisticregression"])
        self.assertEqual((len(stand_in), stand_in.n_features_in_), (3, 5))
        self.assert_same(stand_in[-1].coef_, model[-1].coef_)
        self.assert_same(stand_in["pca"].components_, model["pca"].components_)
        self.assert_same(stand_in.named_steps.standardscaler.mean_, model[0].mean_)
        self.assert_same(stand_in[:-1].transform(NEW), model[:-1].transform(NEW))
        self.assert_same(stand_in.classes_, model.classes_)
        got, want = stand_in.get_params(), model.get_params()
        self.assertEqual(list(map(str, got)), list(map(str, want)))
        self.assertEqual(got["logisticregression__C"], 2)
        self.assertEqual(repr(got["pca"]), repr(want["pca"]))

    def test_without_a_final_estimator(self):
        model = pipeline.Pipeline(
            [("a", preprocessing.StandardScaler()), ("b", "passthrough"), ("c", decomposition.PCA(2))]
        )
        self.assert_answers(model.fit(X), NEW, methods=["transform"])
        self.assert_inverts(model, NEW)
        self.assertFalse(hasattr(travelled(model), "predict"))

    def test_unions(self):
        union = pipeline.FeatureUnion(
            [
                ("s", preprocessing.StandardScaler()),
                ("p", decomposition.PCA(2)),
                ("same", "passthrough"),
                ("no", "drop"),
            ],
            transformer_weights={"p": 2.0},
        )
        self.assert_answers(union.fit(X), NEW, methods=["transform"])
        self.assert_answers(pipeline.make_pipeline(union, svm.SVC()).fit(X, Y), NEW, NEW_Y)

    def test_searches(self):
        for search in (
            model_selection.GridSearchCV(svm.SVC(), {"C": [1, 5]}, cv=2),
            model_selection.RandomizedSearchCV(
                tree.DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3]}, n_iter=2, cv=2
            ),
        ):
            stand_in = self.assert_answers(search.fit(X, Y), NEW, NEW_Y, weights=False)
            self.assertEqual((stand_in.best_params_, stand_in.best_score_), (search.best_params_, search.best_score_))
            self.assertEqual(repr(stand_in.best_estimator_), repr(search.best_estimator_))
            self.assert_same(stand_in.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])
        search = model_selection.GridSearchCV(svm.SVC(), {"C": [1, 5]}, cv=2, scoring="f1").fit(X, Y)
        with self.assertRaisesRegex(AttributeError, r"no score\(\) with scoring='f1': use that of its best_estimator_"):
            travelled(search).score(NEW, NEW_Y)

    def test_functions(self):
        for transformer in (preprocessing.FunctionTransformer(np.log1p, np.expm1), preprocessing.FunctionTransformer()):
            self.assert_answers(transformer.fit(np.abs(X)), np.abs(NEW), methods=["transform"])
            self.assert_inverts(transformer, np.abs(NEW))


class Columns(SklearnTest):
    def columns(self, **options):
        numeric = pipeline.make_pipeline(SimpleImputer(), preprocessing.StandardScaler())
        return compose.ColumnTransformer(
            [
                ("number", numeric, ["age", "score"]),
                ("word", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
                ("text", text.TfidfVectorizer(), "note"),
            ],
            **options,
        )

    def test_frames_by_name(self):
        new = FRAME.iloc[::3].copy()
        new.loc[0, "city"] = "Paris"
        for options in ({}, {"sparse_threshold": 0}, {"sparse_threshold": 1.0}, {"transformer_weights": {"word": 3.0}}):
            columns = self.columns(**options)
            for given in (new, new[["note", "score", "city", "age"]]):
                self.assert_answers(columns.fit(FRAME), given, methods=["transform"])
            model = pipeline.make_pipeline(columns, ensemble.RandomForestClassifier(10, random_state=0)).fit(
                FRAME, LABELS
            )
            stand_in = self.assert_answers(model, new, LABELS[::3])
            self.assert_same(stand_in.predict_proba(new.to_dict("list")), model.predict_proba(new))
            self.assert_same(stand_in[0].get_feature_names_out(), columns.get_feature_names_out())
            self.assert_same(stand_in.feature_names_in_, model.feature_names_in_)
        with self.assertRaisesRegex(ValueError, "columns are missing: {'city'}"):
            stand_in.predict(new.drop(columns="city"))

    def test_remainders_and_positions(self):
        for remainder in ("drop", "passthrough", preprocessing.MinMaxScaler()):
            for chosen in (
                [0, 2],
                slice(0, 2),
                [True, False, True, False, False],
                compose.make_column_selector(pattern="[ac]"),
            ):
                data, new = (pandas.DataFrame(x, columns=list("abcde")) for x in (X, NEW))
                model = compose.ColumnTransformer([("s", preprocessing.StandardScaler(), chosen)], remainder=remainder)
                self.assert_answers(model.fit(data), new, methods=["transform"])
                if not callable(chosen):
                    self.assert_answers(model.fit(X), NEW, methods=["transform"])

    def test_names_are_checked(self):
        data, new = (pandas.DataFrame(x, columns=list("abcde")) for x in (X, NEW))
        stand_in = self.assert_answers(linear_model.LogisticRegression().fit(data, Y), new, NEW_Y)
        with self.assertRaisesRegex(ValueError, "same order as they were in fit"):
            stand_in.predict(new[["b", "a", "c", "d", "e"]])
        with self.assertRaisesRegex(ValueError, "yet now missing:\n- e"):
            stand_in.predict(new[list("abcd")])
        with self.assertRaisesRegex(ValueError, "X has 4 features, but LogisticRegression is expecting 5"):
            stand_in.predict(NEW[:, :4])
        with self.assertRaisesRegex(ValueError, "Expected 2D array, got 1D array"):
            stand_in.predict(NEW[0])
        with self.assertRaisesRegex(ValueError, "contains NaN"):
            stand_in.predict(NEW * np.nan)
        with self.assertRaisesRegex(ValueError, "0 sample"):
            stand_in.predict(NEW[:0])

    def test_frames_come_out(self):
        new = FRAME[["age", "score"]].iloc[5:9]
        for real in (
            pipeline.make_pipeline(SimpleImputer(), preprocessing.StandardScaler()),
            compose.ColumnTransformer([("n", SimpleImputer(), ["age"])], remainder="passthrough"),
            pipeline.FeatureUnion([("a", SimpleImputer()), ("b", SimpleImputer(strategy="median"))]),
        ):
            real.set_output(transform="pandas").fit(FRAME[["age", "score"]])
            pandas.testing.assert_frame_equal(travelled(real).transform(new), real.transform(new))


class Texts(SklearnTest):
    def test_vectorizers(self):
        for kind in (text.CountVectorizer, text.TfidfVectorizer):
            for options in (
                {},
                {"stop_words": "english", "ngram_range": (1, 3)},
                {"stop_words": ["mat"], "max_features": 5},
                {"analyzer": "char", "ngram_range": (2, 3)},
                {"analyzer": "char_wb", "ngram_range": (1, 6)},
                {"strip_accents": "unicode", "lowercase": False},
                {"strip_accents": "ascii", "binary": True},
                {"token_pattern": r"[a-z]+", "vocabulary": ["cat", "mat"]},
            ):
                with self.subTest(f"{kind.__name__} {options}"):
                    real = kind(**options).fit(TEXTS)
                    stand_in = self.assert_answers(real, TEXTS[::-1] + ["new words and a cat"], methods=["transform"])
                    self.assert_same(stand_in.get_feature_names_out(), real.get_feature_names_out())
                    self.assert_same(
                        stand_in.inverse_transform(stand_in.transform(TEXTS)),
                        real.inverse_transform(real.transform(TEXTS)),
                    )
                    self.assertEqual(stand_in.vocabulary_, real.vocabulary_)
                    self.assertEqual(stand_in.build_analyzer()(TEXTS[5]), real.build_analyzer()(TEXTS[5]))
        for options in (
            {"sublinear_tf": True},
            {"norm": "l1"},
            {"norm": None, "use_idf": False},
            {"smooth_idf": False},
        ):
            self.assert_answers(text.TfidfVectorizer(**options).fit(TEXTS), TEXTS, methods=["transform"])
        counts = text.CountVectorizer().fit_transform(TEXTS)
        self.assert_answers(text.TfidfTransformer().fit(counts), counts.toarray(), methods=["transform"])

    def test_hashes(self):
        for options in (
            {"n_features": 64},
            {"n_features": 32, "alternate_sign": False, "norm": None},
            {"n_features": 16, "binary": True},
        ):
            self.assert_answers(text.HashingVectorizer(**options), TEXTS, methods=["transform"])
        samples = [{"a": 1, "b": 2.5}, {"ü": "x", "b": -1}, {}]
        self.assert_answers(feature_extraction.FeatureHasher(16), samples, methods=["transform"])
        strings = [["abc", "de"], ["abcd", "f" * 40]]
        self.assert_answers(feature_extraction.FeatureHasher(16, input_type="string"), strings, methods=["transform"])

    def test_dicts(self):
        samples = [{"city": "Oslo", "rain": 3}, {"city": "Rome"}, {"rain": 1.5, "tags": ["a", "b"]}]
        for sparse in (True, False):
            real = feature_extraction.DictVectorizer(sparse=sparse).fit(samples)
            self.assert_answers(real, [*samples, {"city": "Bonn"}], methods=["transform"])
            self.assert_inverts(real, samples)

    def test_models_of_texts(self):
        labels = ["pet", "pet", "other", "mat", "other", "other"]
        for model in (
            linear_model.LogisticRegression(),
            svm.SVC(),
            neighbors.KNeighborsClassifier(2),
            linear_model.SGDClassifier(),
        ):
            made = pipeline.make_pipeline(text.TfidfVectorizer(), model).fit(TEXTS, labels)
            self.assert_answers(made, ["cats on a mat", "degrees of élan"], ["mat", "other"])
        # As many topics as the rank: a text orthogonal to all of fewer would be rounding errors, which `Normalizer` makes
        # of length 1.
        topics = pipeline.make_pipeline(
            text.TfidfVectorizer(), decomposition.TruncatedSVD(4), preprocessing.Normalizer()
        )
        self.assert_answers(topics.fit(TEXTS), TEXTS[:4], methods=["transform"])
        matrix = text.TfidfVectorizer().fit_transform(TEXTS)
        search = neighbors.NearestNeighbors(n_neighbors=2, metric="cosine").fit(matrix)
        self.assert_answers(search, matrix.toarray()[1:4], methods=["kneighbors"])


class Families(SklearnTest):
    def test_every_stand_in_is_there(self):
        for name, kind in sklearn_families.FAMILY.items():
            self.assertEqual(titan.sklearn.estimator_class(kind, name).__name__, name)

    @unittest.skipUnless(importlib.util.find_spec("skl2onnx"), "skl2onnx is not installed")
    def test_what_skl2onnx_converts_has_a_stand_in(self):
        from skl2onnx import supported_converters

        convertible = set(supported_converters(True))
        known = {name for name, _ in all_estimators()}
        self.assertGreater(len(convertible & known), 60)
        self.assertEqual((convertible & known) - sklearn_families.FAMILY.keys(), set())


class Attributes(SklearnTest):
    def test_fitted_attributes(self):
        for model in (
            linear_model.LogisticRegression(),
            ensemble.RandomForestClassifier(9, random_state=0),
            svm.SVC(kernel="linear"),
        ):
            model.fit(X, Y)
            stand_in = travelled(model)
            for (
                name
            ) in "coef_ intercept_ classes_ feature_importances_ n_features_in_ support_vectors_ n_iter_".split():
                self.assertEqual(hasattr(stand_in, name), hasattr(model, name), name)
                if hasattr(model, name):
                    self.assert_same(getattr(stand_in, name), getattr(model, name), name)
            self.assertEqual(list(stand_in.get_params()), list(model.get_params()))

    def test_datasets(self):
        iris = travelled(datasets.load_iris())
        self.assertEqual(iris.target_names[1], "versicolor")
        self.assert_same(iris["data"], datasets.load_iris().data)

    def test_what_is_not_there(self):
        stand_in = travelled(linear_model.LogisticRegression().fit(X, Y))
        with self.assertRaisesRegex(
            AttributeError, r"LogisticRegression has no fit\(\): fit it in a notebook cell and deploy again"
        ):
            stand_in.fit(X, Y)
        with self.assertRaisesRegex(AttributeError, "no 'densify': keep what an endpoint needs of it in a variable"):
            stand_in.densify()
        with self.assertRaisesRegex(AttributeError, "_loss_function_ of the deployed SGDClassifier did not travel"):
            travelled(linear_model.SGDClassifier().fit(X, Y))._loss_function_
        with self.assertRaisesRegex(AttributeError, "not fitted yet"):
            travelled(linear_model.LogisticRegression()).coef_

    def test_what_cannot_travel(self):
        unknown = semi_supervised.LabelPropagation().fit(X, Y)
        message = "no stand-in for scikit-learn's LabelPropagation"
        for value in (unknown, pipeline.Pipeline([("a", preprocessing.StandardScaler()), ("b", unknown)])):
            with self.assertRaisesRegex(CannotTravel, message) as caught:
                travelled(value)
            self.assertIs(caught.exception.value, unknown)
            self.assertTrue(re.match("use another estimator", caught.exception.remedy))
        with self.assertRaisesRegex(CannotTravel, "does not know its metric 'russellrao'"):
            travelled(neighbors.NearestNeighbors(metric="russellrao").fit(X > 0))
        # A parameter that only fitting needs is left behind.
        model = cluster.Birch(n_clusters=cluster.KMeans(2, random_state=0)).fit(X)
        self.assert_answers(model, NEW)


if __name__ == "__main__":
    unittest.main()
