"""Compares Keras with the engine's stand-in for it: losses and metrics of `evaluate`, over batches of several sizes.

Run from compiler/python in the image `tensorflow`:

    python -m unittest tests.test_keras_evaluation
"""

import unittest

from tests.keras_support import HAS_KERAS, KerasTest, classifier, data

if HAS_KERAS:
    import keras
    import numpy as np
    from keras import layers, losses, metrics
    from titan.keras import evaluation
    from titan_freeze import keras_evaluation


class Evaluate(KerasTest):
    def test_the_house_price_model(self):
        model = classifier()
        model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"])
        x = data() * 40
        y = (x[:, 0] + x[:, 1] > 0).astype("int64")
        model.fit(x, y, epochs=3, verbose=0)
        self.assert_evaluates(model, x, y)
        stand_in, _ = self.frozen(model)
        self.assert_same(stand_in.evaluate(x, y)[0], model.evaluate(x, y, verbose=0)[0])
        self.assert_same(stand_in.test_on_batch(x, y), model.test_on_batch(x, y))
        self.assert_same(
            stand_in.evaluate(x, y, steps=2, batch_size=20), model.evaluate(x, y, steps=2, batch_size=20, verbose=0)
        )

    def test_a_saturated_model_is_judged_by_its_logits(self):
        model = classifier()
        model.layers[-1].kernel.assign(model.layers[-1].kernel * 300)
        model.compile(loss="binary_crossentropy", metrics=["binary_crossentropy", "accuracy"])
        x = data() * 10
        y = np.arange(75)[:, None] % 2
        self.assertGreater(model.evaluate(x, y, verbose=0)[0], 20)
        self.assert_evaluates(model, x, y)

    def test_binary_losses_and_metrics(self):
        x = data()
        y = np.random.default_rng(3).integers(0, 2, (75, 3))
        weights = np.random.default_rng(4).random(75)
        for loss in (
            "binary_crossentropy",
            losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
            losses.BinaryCrossentropy(reduction="sum"),
            losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=3.0),
            losses.binary_focal_crossentropy,
            "hinge",
            "squared_hinge",
            losses.Dice(axis=(1,)),
            losses.Tversky(alpha=0.3, beta=0.6),
            losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        ):
            for activation in ("sigmoid", None, "tanh"):
                with self.subTest(loss=loss, activation=activation):
                    model = classifier(3, activation)
                    model.compile(
                        loss=loss,
                        metrics=["accuracy", metrics.BinaryAccuracy(threshold=0.3), metrics.BinaryCrossentropy()],
                        weighted_metrics=["accuracy", metrics.BinaryAccuracy(), "mae"],
                    )
                    self.assert_evaluates(model, x, y, sample_weight=weights)

    def test_metrics_at_thresholds(self):
        x = data()
        y = np.random.default_rng(3).integers(0, 2, (75, 3))
        weights = np.random.default_rng(4).random(75)

        def everything():
            return [
                "AUC",
                metrics.AUC(curve="PR", name="pr"),
                metrics.AUC(curve="PRGAIN", name="gain"),
                metrics.AUC(summation_method="majoring", num_thresholds=20, name="majoring"),
                metrics.AUC(curve="PR", summation_method="minoring", thresholds=[0.2, 0.5, 0.6], name="minoring"),
                metrics.AUC(multi_label=True, label_weights=[0.1, 0.5, 0.4], name="labels"),
                metrics.AUC(multi_label=True, curve="PR", name="pr_labels"),
                metrics.AUC(from_logits=True, name="logits"),
                metrics.Precision(),
                metrics.Precision(top_k=2, name="top"),
                metrics.Precision(class_id=1, thresholds=0.4, name="one"),
                metrics.Recall(thresholds=[0.3, 0.5, 0.9]),
                metrics.Recall(thresholds=[0.0, 0.5, 1.0], name="even"),
                metrics.TruePositives(),
                metrics.TrueNegatives(),
                metrics.FalsePositives(thresholds=0.2),
                metrics.FalseNegatives(),
                metrics.SensitivityAtSpecificity(0.5),
                metrics.SpecificityAtSensitivity(0.7),
                metrics.PrecisionAtRecall(0.6),
                metrics.RecallAtPrecision(0.4, num_thresholds=50),
                metrics.F1Score(average="macro", threshold=0.5),
                metrics.F1Score(),
                metrics.FBetaScore(average="weighted", beta=2.0),
                metrics.FBetaScore(average="micro", name="micro"),
                metrics.BinaryIoU(),
                metrics.R2Score(),
                metrics.R2Score(class_aggregation=None, name="by_output"),
                metrics.R2Score(class_aggregation="variance_weighted_average", name="by_variance"),
            ]

        model = classifier(3)
        model.compile(loss="binary_crossentropy", metrics=everything())
        self.assert_evaluates(model, x, y)
        weighted = [metric for metric in everything() if not isinstance(metric, metrics.BinaryIoU)]
        model.compile(loss="binary_crossentropy", weighted_metrics=weighted)
        self.assert_evaluates(model, x, y, sample_weight=weights)

    def test_categorical_losses_and_metrics(self):
        x = data()
        labels = np.random.default_rng(3).integers(0, 7, 75)
        weights = np.random.default_rng(4).random(75)
        for loss in (
            "categorical_crossentropy",
            "crossentropy",
            losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
            losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
            "kl_divergence",
            "poisson",
            "categorical_hinge",
            losses.CosineSimilarity(),
        ):
            for activation in ("softmax", None, "sigmoid"):
                if (loss in ("poisson", "crossentropy") or activation == "sigmoid") and activation != "softmax":
                    continue
                with self.subTest(loss=loss, activation=activation):
                    model = classifier(7, activation)
                    model.compile(
                        loss=loss,
                        metrics=[
                            "accuracy",
                            "categorical_accuracy",
                            metrics.TopKCategoricalAccuracy(k=3),
                            metrics.CategoricalCrossentropy(),
                            metrics.CosineSimilarity(),
                            metrics.KLDivergence(),
                            metrics.OneHotMeanIoU(num_classes=7),
                        ],
                        weighted_metrics=["accuracy", metrics.CategoricalHinge()],
                    )
                    self.assert_evaluates(model, x, np.eye(7)[labels], sample_weight=weights)

    def test_sparse_losses_and_metrics(self):
        x = data()
        labels = np.random.default_rng(3).integers(0, 7, 75)
        weights = np.random.default_rng(4).random(75)
        for loss in (
            "sparse_categorical_crossentropy",
            "ce",
            losses.SparseCategoricalCrossentropy(from_logits=True),
            losses.SparseCategoricalCrossentropy(ignore_class=2),
            losses.CategoricalGeneralizedCrossEntropy(q=0.7),
        ):
            for activation in ("softmax", None):
                if loss == "ce" and activation is None:
                    continue
                for y in (labels, labels[:, None], labels.astype("float64")):
                    with self.subTest(loss=loss, activation=activation, rank=y.ndim):
                        model = classifier(7, activation)
                        model.compile(
                            loss=loss,
                            metrics=[
                                "acc",
                                metrics.SparseTopKCategoricalAccuracy(k=2),
                                metrics.SparseCategoricalCrossentropy(ignore_class=3),
                                metrics.MeanIoU(num_classes=7, sparse_y_pred=False),
                            ],
                            weighted_metrics=[metrics.SparseCategoricalAccuracy()],
                        )
                        self.assert_evaluates(model, x, y, sample_weight=weights)

    def test_regression_losses_and_metrics(self):
        x = data()
        y = np.abs(np.random.default_rng(3).normal(size=(75, 4)))
        weights = np.random.default_rng(4).random(75)
        for loss in (
            "mse",
            "mae",
            "mape",
            "msle",
            "mean_squared_error",
            losses.Huber(delta=0.3),
            "log_cosh",
            losses.CosineSimilarity(axis=-1),
            losses.mean_squared_logarithmic_error,
        ):
            with self.subTest(loss=loss):
                model = classifier(4, "softplus")
                model.compile(
                    loss=loss,
                    metrics=[
                        "mse",
                        "mae",
                        "mape",
                        "msle",
                        metrics.RootMeanSquaredError(),
                        metrics.LogCoshError(),
                        "cosine_similarity",
                        metrics.PearsonCorrelation(),
                        metrics.ConcordanceCorrelation(),
                        losses.Huber(),
                        losses.mean_absolute_error,
                    ],
                    weighted_metrics=["mse", metrics.RootMeanSquaredError()],
                )
                self.assert_evaluates(model, x, y, sample_weight=weights)

    def test_targets_of_another_rank(self):
        x, y = data(), np.random.default_rng(3).normal(size=75)
        model = classifier(1, None)
        model.compile(loss="mse", metrics=["mae", "mse", metrics.R2Score()])
        self.assert_evaluates(model, x, y[:, None])
        model.compile(loss="mse", metrics=["mae", "mse", metrics.RootMeanSquaredError()])
        self.assert_evaluates(model, x, y)

    def test_circle_loss(self):
        model = keras.Sequential([keras.Input((10,)), layers.Dense(4), layers.UnitNormalization()])
        model.compile(loss=losses.Circle(gamma=5.0))
        self.assert_evaluates(model, data(), np.arange(75) % 5)

    def test_regularization(self):
        model = keras.Sequential(
            [
                keras.Input((10,)),
                layers.Dense(8, kernel_regularizer="l2", bias_regularizer=keras.regularizers.L1(0.1)),
                layers.Dense(8, activity_regularizer=keras.regularizers.L2(0.01)),
                layers.ActivityRegularization(l1=0.02),
                layers.Dense(1),
            ]
        )
        model.compile(loss="mse")
        self.assert_evaluates(model, data(), np.arange(75) / 75)

    def test_masked_timesteps_do_not_count(self):
        x = np.random.default_rng(5).integers(0, 4, (75, 6))
        model = keras.Sequential(
            [
                keras.Input((6,), dtype="int32"),
                layers.Embedding(4, 5, mask_zero=True),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile(
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy", "sparse_categorical_crossentropy"],
            weighted_metrics=["accuracy"],
        )
        self.assert_evaluates(model, x, x % 3)
        self.assert_evaluates(model, x, x % 3, sample_weight=np.random.default_rng(6).random((75, 6)))

    def test_several_outputs(self):
        entry = keras.Input((10,))
        hidden = layers.Dense(8)(entry)
        first = layers.Dense(1, activation="sigmoid", name="first")(hidden)
        second = layers.Dense(3, activation="softmax", name="second")(hidden)
        x = data()
        y1, y2 = np.arange(75) % 2, np.arange(75) % 3
        weights = np.random.default_rng(4).random(75)
        listed, named = [y1, y2], {"first": y1, "second": y2}
        configurations = [
            (
                [first, second],
                ["bce", "sparse_categorical_crossentropy"],
                [["accuracy", "AUC"], ["accuracy"]],
                [0.3, 2.0],
            ),
            (
                [first, second],
                {"first": "bce", "second": "sparse_categorical_crossentropy"},
                {"second": "accuracy"},
                {"first": 0.5, "second": 1.5},
            ),
            (
                {"second": second, "first": first},
                {"first": "mse", "second": losses.SparseCategoricalCrossentropy()},
                {"first": ["mae", "accuracy"], "second": ["accuracy"]},
                None,
            ),
        ]
        for outputs, loss, measured, loss_weights in configurations:
            for fitted in (False, True):
                with self.subTest(loss=loss, fitted=fitted):
                    model = keras.Model(entry, outputs)
                    model.compile(loss=loss, metrics=measured, weighted_metrics=measured, loss_weights=loss_weights)
                    y = named if isinstance(outputs, dict) else listed
                    if fitted:
                        model.fit(x, y, verbose=0)
                    self.assert_evaluates(model, x, y)
                    self.assert_evaluates(model, x, named)
                    self.assert_evaluates(model, x, y, sample_weight=weights)

    def test_what_the_engine_cannot_evaluate_is_said_when_asked(self):
        def own(y_true, y_pred):
            return keras.ops.mean(y_pred)

        class Net(keras.Sequential):
            def test_step(self, data):
                return {}

        for model, options, reason in (
            (classifier(), {"loss": own}, "its loss 'own' is not one"),
            (classifier(), {"loss": "mse", "metrics": [own]}, "its metric 'own' is not one"),
            (classifier(), {"loss": "ctc"}, "its loss 'ctc' is not one"),
            (classifier(), {"metrics": ["mse"]}, "was given no loss"),
            (Net([keras.Input((10,)), layers.Dense(1)]), {"loss": "mse"}, "overrides test_step"),
        ):
            model.compile(**options)
            stand_in, _ = self.frozen(model)
            stand_in.predict(data())
            with self.assertRaisesRegex(NotImplementedError, reason):
                stand_in.evaluate(data(), np.zeros(75))
        with self.assertRaisesRegex(ValueError, "was not compiled"):
            self.frozen(classifier())[0].evaluate(data(), np.zeros(75))

    def test_all_that_a_spec_names_is_in_the_engine(self):
        named = keras_evaluation.FUNCTIONS | {"cosine_proximity"}
        self.assertEqual(named, set(evaluation.FUNCTIONS))
        self.assertEqual({name for name, _ in keras_evaluation._DESCRIBED.values()}, set(evaluation.CLASSES))


if __name__ == "__main__":
    unittest.main()
