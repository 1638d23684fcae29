"""Compares scikit-learn's metrics with the engine's, and sees that functions and sparse matrices travel.

Needs the packages of the image `scikit-learn`; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_sklearn_metrics
"""

import unittest
import warnings

from .sklearn_support import HAS_SKLEARN, SklearnTest, travelled

if HAS_SKLEARN:
    import numpy as np
    import scipy.sparse
    from sklearn import base, cluster, metrics
    from sklearn.metrics import pairwise
    from titan.sklearn import curves
    from titan.sklearn import metrics as own
    from titan.sklearn import pairwise as own_pairwise
    from titan_freeze.errors import CannotTravel
    from titan_freeze.sklearn_families import FUNCTIONS

    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    TRUE = random.integers(0, 2, 80)
    GUESS = np.where(random.random(80) < 0.8, TRUE, 1 - TRUE)
    SCORES = np.round(TRUE * 0.4 + random.random(80), 2)
    THREE = random.integers(0, 3, 80)
    THREE_GUESS = np.where(random.random(80) < 0.7, THREE, (THREE + 1) % 3)
    P = random.dirichlet(np.ones(3), 80)
    WORDS, WORD_GUESS = (np.array(["ant", "bee", "cat"])[y] for y in (THREE, THREE_GUESS))
    MANY, MANY_GUESS = random.integers(0, 2, (80, 3)), random.integers(0, 2, (80, 3))
    WEIGHTS = random.random(80)
    REAL = random.normal(size=80) + 3
    REAL_GUESS = REAL + random.normal(size=80) / 9
    PAIR, PAIR_GUESS = np.c_[REAL, REAL**2], np.c_[REAL_GUESS, REAL_GUESS**2]


class Metrics(SklearnTest):
    def check(self, name, *arguments, **options):
        with self.subTest(f"{name} {options}"):
            package = curves if name in curves.__all__ else own
            self.assert_same(
                getattr(package, name)(*arguments, **options), getattr(metrics, name)(*arguments, **options), name
            )

    def test_classes(self):
        for weights in ({}, {"sample_weight": WEIGHTS}):
            for y, guess in ((TRUE, GUESS), (THREE, THREE_GUESS), (WORDS, WORD_GUESS), (TRUE.tolist(), GUESS.tolist())):
                for (
                    name
                ) in "accuracy_score balanced_accuracy_score confusion_matrix matthews_corrcoef hamming_loss".split():
                    self.check(name, y, guess, **weights)
                for (
                    name
                ) in "precision_score recall_score f1_score jaccard_score precision_recall_fscore_support".split():
                    for average in ("macro", "micro", "weighted", None):
                        self.check(name, y, guess, average=average, **weights)
                self.check("fbeta_score", y, guess, beta=2, average="macro", **weights)
                self.check("zero_one_loss", y, guess, **weights)
            for name in "precision_score recall_score f1_score jaccard_score".split():
                self.check(name, TRUE, GUESS, **weights)
            self.check("f1_score", MANY, MANY_GUESS, average="macro", **weights)
            self.check("accuracy_score", MANY, MANY_GUESS, **weights)
        self.check("accuracy_score", TRUE, GUESS, normalize=False)
        for normalize in ("true", "pred", "all"):
            self.check("confusion_matrix", WORDS, WORD_GUESS, normalize=normalize, labels=["cat", "ant"])
        self.check("recall_score", WORDS == "ant", WORD_GUESS == "ant", pos_label=False)
        self.check("precision_score", [0, 1], [0, 0], zero_division=1.0)
        with self.assertRaisesRegex(ValueError, "multiclass but average='binary'"):
            own.f1_score(THREE, THREE_GUESS)

    def test_reports(self):
        for options in (
            {},
            {"digits": 4},
            {"output_dict": True},
            {"target_names": ["a", "b", "a long name"]},
            {"labels": [0, 1]},
        ):
            self.check("classification_report", THREE, THREE_GUESS, **options)
        self.check("classification_report", WORDS, WORD_GUESS)

    def test_numbers(self):
        names = """
            mean_squared_error root_mean_squared_error mean_absolute_error mean_absolute_percentage_error r2_score
            explained_variance_score
        """
        for name in names.split():
            for weights in ({}, {"sample_weight": WEIGHTS}):
                self.check(name, REAL, REAL_GUESS, **weights)
                self.check(name, PAIR, PAIR_GUESS, **weights)
        self.check("mean_squared_error", PAIR, PAIR_GUESS, multioutput="raw_values")
        self.check("mean_squared_log_error", np.abs(REAL), np.abs(REAL_GUESS))
        self.check("median_absolute_error", REAL, REAL_GUESS)
        self.check("max_error", REAL.tolist(), REAL_GUESS)

    def test_scores(self):
        for weights in ({}, {"sample_weight": WEIGHTS}):
            for name in "roc_curve precision_recall_curve roc_auc_score average_precision_score".split():
                self.check(name, TRUE, SCORES, **weights)
            self.check("log_loss", TRUE, SCORES.clip(0, 1), **weights)
            self.check("log_loss", WORDS, P, **weights)
            self.check("roc_auc_score", THREE, P, multi_class="ovr", **weights)
            self.check("top_k_accuracy_score", THREE, P, **weights)
            self.check("brier_score_loss", TRUE, SCORES.clip(0, 1), **weights)
        self.check("roc_auc_score", THREE, P, multi_class="ovo")
        self.check("roc_auc_score", MANY, P)
        self.check("roc_curve", WORDS == "ant", P[:, 0], pos_label=True, drop_intermediate=False)
        self.check("precision_recall_curve", TRUE, SCORES, drop_intermediate=True)
        self.check("average_precision_score", THREE, P)
        self.check("auc", [0, 0.5, 1], [0, 0.8, 1])

    def test_pairs(self):
        x, y = random.normal(size=(6, 4)), random.normal(size=(3, 4))
        for name in own_pairwise.__all__:
            for given in ((x, y), (x,), (x.tolist(), y), (scipy.sparse.csr_matrix(x), y)):
                got = getattr(own_pairwise, name)(
                    *(travelled(part) if scipy.sparse.issparse(part) else part for part in given)
                )
                self.assert_same(got, getattr(pairwise, name)(*given), name, rtol=1e-7, atol=1e-7)


class Travelling(SklearnTest):
    def test_functions(self):
        for module, names in FUNCTIONS.items():
            for name in names:
                found = {"sklearn.metrics": metrics, "sklearn.metrics.pairwise": pairwise, "sklearn.base": base}[module]
                # In this process the name means scikit-learn's own.
                self.assertIs(travelled(getattr(found, name)), getattr(found, name))
        self.assertEqual(set(FUNCTIONS["sklearn.metrics"]), set(own.__all__) | set(curves.__all__))
        self.assertEqual(set(FUNCTIONS["sklearn.metrics.pairwise"]), set(own_pairwise.__all__))
        with self.assertRaisesRegex(CannotTravel, "no stand-in for scikit-learn's silhouette_score") as caught:
            travelled(metrics.silhouette_score)
        self.assertRegex(caught.exception.remedy, "use another metric")
        with self.assertRaisesRegex(CannotTravel, "no stand-in for scikit-learn's k_means"):
            travelled(cluster.k_means)

    def test_sparse_matrices(self):
        dense = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0]])
        for real in (scipy.sparse.csr_matrix(dense), scipy.sparse.csc_matrix(dense)):
            stand_in = travelled(real)
            for ask in (
                lambda m: m.toarray(),
                lambda m: m[1].toarray(),
                lambda m: m[:, 1].toarray(),
                lambda m: m[[0, 1]].toarray(),
                lambda m: np.asarray(m.todense()),
                lambda m: (m @ m.T).toarray(),
                lambda m: m.dot(dense),
                lambda m: m.multiply(2).toarray(),
                lambda m: np.asarray(m.sum(axis=0)),
                lambda m: np.asarray(m.mean(axis=1)),
                lambda m: (2 * m).toarray(),
            ):
                self.assert_same(ask(stand_in), ask(real))
            self.assertEqual((stand_in.shape, stand_in.nnz, stand_in[0, 1]), (real.shape, real.nnz, real[0, 1]))


if __name__ == "__main__":
    unittest.main()
