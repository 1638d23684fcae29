"""Compares Keras itself with the engine's stand-in for it, whose inference is a real ONNX runner.

Needs the packages of the image `tensorflow`; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_keras_model
"""

import importlib.util
import os
import pathlib
import sys
import tempfile
import types
import unittest
import warnings

HAS_KERAS = all(importlib.util.find_spec(name) for name in ("keras", "tensorflow", "onnx"))
if HAS_KERAS:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    import keras
    import numpy as np
    import onnx.reference
    import tensorflow as tf
    from keras import layers, losses, metrics

    ROOT = pathlib.Path(__file__).parents[3]
    sys.path += [str(ROOT / "compiler/python"), str(ROOT / "sdk/engine/python")]

    class Host(types.ModuleType):
        """The engine's built-in module, as far as models need it: runs the graphs in `folder`."""

        folder = None
        TYPES = ["float16", "float32", "float64", None, "uint8", "int32", "int64"]

        def __init__(self):
            super().__init__("_titan")
            self._loaded = {}

        def infer(self, name, inputs):
            path = os.path.join(self.folder, f"{name}.onnx")
            runner = self._loaded.get(path) or self._loaded.setdefault(path, onnx.reference.ReferenceEvaluator(path))
            feeds = {}
            for port, number, shape, buffer in inputs:
                feeds[port] = np.frombuffer(buffer, self.TYPES[number]).reshape(shape)
            outputs = []
            for port, value in zip(runner.output_names, runner.run(None, feeds)):
                value = value.view(np.uint8) if value.dtype == bool else value
                outputs.append((port, self.TYPES.index(value.dtype.name), value.shape, value.tobytes()))
            return outputs

    HOST = sys.modules["_titan"] = Host()

    import titan.keras
    from titan.keras import evaluation
    from titan_freeze import keras_evaluation, keras_model


def data(inputs=10, samples=75, seed=1):
    return np.random.default_rng(seed).normal(size=(samples, inputs)).astype("float32")


@unittest.skipUnless(HAS_KERAS, "the packages of the image tensorflow are not installed")
class KerasTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        HOST.folder = folder.name

    def setUp(self):
        keras.utils.set_random_seed(7)
        keras.backend.clear_session()

    count = 0

    def frozen(self, model):
        """(the engine's model, its spec)"""
        KerasTest.count += 1
        spec = keras_model.convert(model, f"model{KerasTest.count}", HOST.folder)
        self.assert_plain(spec)
        return titan.keras.Model(spec), spec

    def assert_plain(self, value):
        if isinstance(value, dict):
            for key, part in value.items():
                self.assertIs(type(key), str)
                self.assert_plain(part)
        elif isinstance(value, list):
            for part in value:
                self.assert_plain(part)
        else:
            self.assertIn(type(value), (str, int, float, bool, type(None), np.ndarray), value)

    def assert_same(self, got, want):
        self.assertEqual(type(got), type(want))
        if isinstance(want, dict):
            self.assertEqual(list(got), list(want))
            for key in want:
                self.assert_same(got[key], want[key])
        elif isinstance(want, (list, tuple)):
            self.assertEqual(len(got), len(want), (got, want))
            for one, other in zip(got, want):
                self.assert_same(one, other)
        elif isinstance(want, np.ndarray):
            self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype))
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)

    def assert_evaluates(self, model, x, y, **options):
        stand_in, spec = self.frozen(model)
        self.assertEqual(spec["unsupported"], {})
        for batch_size in (None, 7, 200):
            for return_dict in (False, True):
                options |= {"batch_size": batch_size, "return_dict": return_dict, "verbose": 0}
                self.assert_same(stand_in.evaluate(x, y, **options), model.evaluate(x, y, **options))


def classifier(outputs=1, activation="sigmoid", inputs=10, **options):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(outputs, activation=activation, **options),
        ]
    )


class Predict(KerasTest):
    def test_predict_as_keras_does(self):
        model = classifier()
        stand_in, _ = self.frozen(model)
        x = data()
        for given in (x, x.astype("float64"), x[:1], x.round().astype("int64")):
            self.assert_same(stand_in.predict(given), model.predict(given, verbose=0))
        for options in ({"batch_size": 7}, {"batch_size": 75}, {"steps": 2}, {"batch_size": 10, "steps": 3}):
            self.assert_same(stand_in.predict(x, **options), model.predict(x, verbose=0, **options))
        self.assert_same(stand_in.predict_on_batch(x), model.predict_on_batch(x))
        self.assert_same(stand_in.predict([x]), model.predict([x], verbose=0))
        self.assert_same(stand_in.predict(x.tolist()), model.predict(x, verbose=0))
        result = stand_in.predict(x[:1])
        result[0] = 2
        self.assertEqual(result[0, 0], 2)

    def test_call_gives_a_tensor(self):
        model = classifier()
        stand_in, _ = self.frozen(model)
        x = data(samples=3)
        got, want = stand_in(x), model(x)
        self.assert_same(got.numpy(), want.numpy())
        self.assertEqual(repr(got.shape), repr(want.shape))
        self.assertEqual(f"{got[0][0]:.3f}", f"{want[0][0]:.3f}")
        self.assertAlmostEqual(float(got[1, 0]), float(want[1, 0]), 5)
        self.assertEqual([float(row[0]) > 0.5 for row in got], [float(row[0]) > 0.5 for row in want])
        self.assert_same(np.round(got), np.round(want))
        self.assert_same(stand_in(x, training=False).numpy(), want.numpy())
        with self.assertRaisesRegex(ValueError, "training=True"):
            stand_in(x, training=True)

    def test_wrong_input_is_an_error_that_says_so(self):
        stand_in, _ = self.frozen(classifier())
        with self.assertRaisesRegex(ValueError, r"expects shape \(None, 10\), found \(2, 9\)"):
            stand_in.predict(np.zeros((2, 9)))
        with self.assertRaisesRegex(ValueError, "no array of numbers"):
            stand_in.predict([["a"] * 10])
        with self.assertRaisesRegex(ValueError, "no samples"):
            stand_in.predict(np.zeros((0, 10)))

    def test_inputs_and_outputs_of_every_nesting(self):
        a, b = keras.Input((4,), name="a"), keras.Input((1,), name="b", dtype="int32")
        joined = layers.Concatenate()([layers.Dense(5)(a), layers.Embedding(9, 3)(b)[:, 0]])
        one, two = layers.Dense(2, name="one")(joined), layers.Dense(1, name="two")(joined)
        x, y = data(4), np.arange(75)[:, None] % 9
        for inputs in ([a, b], (a, b), {"a": a, "b": b}):
            for outputs in ([one, two], (two, one), {"one": one, "two": two}, [one], one):
                model = keras.Model(inputs, outputs)
                stand_in, _ = self.frozen(model)
                for given in ({"a": x, "b": y}, [x, y]):
                    self.assert_same(stand_in.predict(given, batch_size=9), model.predict(given, batch_size=9, verbose=0))
                self.assertEqual(stand_in.input_shape, model.input_shape)
                self.assertEqual(stand_in.output_shape, model.output_shape)
                self.assertEqual(stand_in.output_names, model.output_names)

    def test_a_subclassed_model(self):
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden = layers.Dense(8, activation="tanh")
                self.out = layers.Dense(3)

            def call(self, inputs, training=False):
                return {"y": self.out(self.hidden(inputs["x"])), "h": self.hidden(inputs["x"])}

        model, x = Net(), {"x": data()}
        with self.assertRaisesRegex(keras_model.Unsupported, "never been called"):
            keras_model.convert(model, "never", HOST.folder)
        want = model.predict(x, verbose=0)
        self.assert_same(self.frozen(model)[0].predict(x), want)

    def test_a_model_never_called(self):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        self.assert_same(self.frozen(model)[0].predict(data(3)), model.predict(data(3), verbose=0))

    def test_layers_that_notebooks_use(self):
        normalization = layers.Normalization()
        normalization.adapt(data())
        wide = layers.Normalization()
        wide.adapt(data(200))
        stacks = {
            "tabular": ((10,), [normalization, layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5)]),
            "images": (
                (12, 12, 3),
                [
                    layers.Rescaling(1 / 255),
                    layers.Conv2D(4, 3, activation="relu", padding="same"),
                    layers.MaxPooling2D(),
                    layers.Conv2D(4, 3, strides=2),
                    layers.GlobalAveragePooling2D(),
                    layers.Dense(10, activation="softmax"),
                ],
            ),
            "series": ((12, 3), [layers.Conv1D(4, 3, activation="gelu"), layers.Flatten(), layers.Dense(1)]),
            "wide": ((200,), [wide, layers.Dense(2)]),
            "recurrent": ((6, 3), [layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3)), layers.Dense(1)]),
            "attention": ((6, 8), [layers.LayerNormalization(), layers.Dense(8, activation="silu")]),
        }
        for name, (shape, stack) in stacks.items():
            with self.subTest(name):
                model = keras.Sequential([keras.Input(shape), *stack])
                x = np.random.default_rng(2).normal(size=(9, *shape))
                self.assert_same(self.frozen(model)[0].predict(x, batch_size=4), model.predict(x, verbose=0))


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
        self.assert_same(stand_in.evaluate(x, y, steps=2, batch_size=20), model.evaluate(x, y, steps=2, batch_size=20, verbose=0))

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
            [keras.Input((6,), dtype="int32"), layers.Embedding(4, 5, mask_zero=True), layers.Dense(3, activation="softmax")]
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
            ([first, second], ["bce", "sparse_categorical_crossentropy"], [["accuracy", "AUC"], ["accuracy"]], [0.3, 2.0]),
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


class Rest(KerasTest):
    def test_what_notebooks_ask_of_a_model(self):
        model = classifier()
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        history = model.fit(data(), np.arange(75) % 2, epochs=2, verbose=0)
        stand_in, _ = self.frozen(model)
        for name in ("name", "metrics_names", "input_shape", "output_shape", "loss"):
            self.assertEqual(getattr(stand_in, name), getattr(model, name))
        self.assertEqual(stand_in.count_params(), model.count_params())
        self.assertEqual(stand_in.optimizer.name, "adam")
        self.assertEqual(stand_in.history.history, history.history)
        self.assertEqual(stand_in.get_config()["name"], model.name)
        text = []
        stand_in.summary(print_fn=text.append)
        self.assertIn("Total params", text[0])
        for name in ("fit", "save", "compile"):
            with self.assertRaisesRegex(AttributeError, f"no {name}.*notebook cell"):
                getattr(stand_in, name)

    def test_history(self):
        model = classifier()
        model.compile(loss="mse")
        history = model.fit(data(), np.zeros(75), epochs=3, verbose=0)
        self.assertTrue(keras_model.is_history(history))
        self.assertFalse(keras_model.is_history(model))
        spec = keras_model.history_spec(history)
        self.assert_plain(spec)
        frozen = titan.keras.History(spec)
        self.assertEqual((frozen.history, frozen.epoch, frozen.params), (history.history, history.epoch, history.params))

    def test_tensors(self):
        for value in (tf.constant([[1.5, 2], [3, 4]]), tf.Variable([1, 2]), keras.Variable([1.0]), tf.constant(2.5)):
            self.assertTrue(keras_model.is_tensor(value))
            self.assert_same(titan.keras.Tensor(keras_model.tensor_array(value)).numpy(), value.numpy())
        for value in (np.zeros(2), tf.constant("text"), tf.constant(1, "bfloat16"), keras.KerasTensor((2,)), None):
            self.assertFalse(keras_model.is_tensor(value))

    def test_tensors_behave_as_in_tensorflow(self):
        want = tf.constant([[1.5, 2], [3, 4]])
        got = titan.keras.Tensor(want.numpy())
        self.assertEqual((repr(got), str(got)), (repr(want), str(want)))
        self.assertEqual((repr(got[0, 1]), str(got[0, 1])), (repr(want[0, 1]), str(want[0, 1])))
        for compute in (
            lambda t: t * 2 + 1,
            lambda t: 1 - t,
            lambda t: t @ t,
            lambda t: t > 2,
            lambda t: -t[0] / t[1],
            lambda t: [row for row in t][1],
            lambda t: t[:, 0] ** 2,
        ):
            self.assert_same(compute(got).numpy(), compute(want).numpy())
        self.assert_same(np.exp(got), np.exp(want))
        self.assert_same(np.sum(got), np.sum(want))
        self.assertEqual(type(np.ones(2) * got[0]).__name__, "Tensor")
        self.assertEqual(len(got), len(want))

    def test_nothing_else_is_a_model(self):
        for value in (1, "model", keras.Model, layers.Dense(1), np.zeros(1), None):
            self.assertFalse(keras_model.is_model(value))
        self.assertTrue(keras_model.is_model(classifier()))

    def test_text_cannot_go_into_a_graph(self):
        model = keras.Sequential([keras.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a", "b"])])
        with self.assertRaisesRegex(keras_model.Unsupported, "input of type string"):
            keras_model.convert(model, "text", HOST.folder)



class Graphs(KerasTest):
    def graph(self, model):
        _, spec = self.frozen(model)
        return onnx.load(os.path.join(HOST.folder, f"{spec['graph']}.onnx")).graph

    def test_all_inputs_share_one_open_batch_size(self):
        a, b = keras.Input((4,)), keras.Input((4,))
        graph = self.graph(keras.Model([a, b], [layers.Dot(1)([a, b]), layers.Add()([a, b])]))
        batches = [port.type.tensor_type.shape.dim[0].dim_param for port in [*graph.input, *graph.output]]
        self.assertEqual(batches, ["batch"] * 4)

    def test_shapes_are_computed_without_casts(self):
        stacks = {
            "flatten": ((8, 8, 2), [layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)]),
            "dense in time": ((6, 8), [layers.Dense(8)]),
            "upsample": ((4, 4, 2), [layers.UpSampling2D()]),
            "repeat": ((4,), [layers.RepeatVector(3), layers.LSTM(2)]),
        }
        for name, (shape, stack) in stacks.items():
            with self.subTest(name):
                graph = self.graph(keras.Sequential([keras.Input(shape), *stack]))
                operators = [node.op_type for node in graph.node]
                self.assertIn("Shape", operators)
                self.assertNotIn("Cast", operators)

    def test_a_shape_that_becomes_a_number_has_its_type(self):
        class Scaled(layers.Layer):
            def call(self, x):
                sizes = tf.shape(x)
                return x * tf.cast(sizes[0], "float32") + tf.cast(tf.range(sizes[1]), "float32")

            def compute_output_shape(self, shape):
                return shape

        model = keras.Sequential([keras.Input((None,)), Scaled()])
        x = data(5, 7)
        self.assert_same(self.frozen(model)[0].predict(x), model.predict(x, verbose=0))

    def test_recurrent_layers_with_masks_have_no_loop(self):
        x = np.random.default_rng(5).integers(0, 4, (9, 6))
        model = keras.Sequential(
            [keras.Input((6,), dtype="int32"), layers.Embedding(4, 5, mask_zero=True), layers.GRU(4), layers.Dense(1)]
        )
        self.assertFalse({"Loop", "Scan", "If"} & {node.op_type for node in self.graph(model).node})
        self.assert_same(self.frozen(model)[0].predict(x), model.predict(x, verbose=0))
        self.assertFalse(model.layers[1].unroll)
        endless = keras.Sequential([keras.Input((None, 3)), layers.GRU(4)])
        with self.assertRaisesRegex(keras_model.Unsupported, "fixed number of timesteps"):
            keras_model.convert(endless, "endless", HOST.folder)

    def test_small_probabilities_keep_their_digits(self):
        x = data() * 30
        for activation in ("sigmoid", "softplus", "log_softmax", "softmax"):
            with self.subTest(activation):
                model = classifier(3, activation)
                got, want = self.frozen(model)[0].predict(x), model.predict(x, verbose=0)
                self.assertLess(np.abs(want).min(), 1e-7)
                normal = np.abs(want) > 1e-30
                np.testing.assert_allclose(got[normal], want[normal], rtol=2e-5, atol=1e-7 * (activation == "log_softmax"))
                graph = self.graph(model)
                self.assertFalse({"Sigmoid", "Softplus", "LogSoftmax"} & {node.op_type for node in graph.node})

    def test_a_table_has_no_onnx_form(self):
        model = keras.Sequential([keras.Input((1,), dtype="int64"), layers.IntegerLookup(vocabulary=[3, 5])])
        with self.assertRaisesRegex(keras_model.Unsupported, "a table or another resource"):
            keras_model.convert(model, "table", HOST.folder)


if __name__ == "__main__":
    unittest.main()
