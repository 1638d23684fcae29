"""Compares Keras with the engine's stand-in for it: predictions, tensors, histories and graphs.

Run from compiler/python in the image `tensorflow`:

    python -m unittest tests.test_keras_model
"""

import os
import unittest

from tests.keras_support import HAS_KERAS, HOST, KerasTest, classifier, data

if HAS_KERAS:
    import keras
    import numpy as np
    import onnx
    import tensorflow as tf
    import titan.keras
    from keras import layers
    from titan_freeze import keras_model


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
                    self.assert_same(
                        stand_in.predict(given, batch_size=9), model.predict(given, batch_size=9, verbose=0)
                    )
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
            "recurrent": (
                (6, 3),
                [layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3)), layers.Dense(1)],
            ),
            "both ways": ((6, 3), [layers.Bidirectional(layers.LSTM(2, return_sequences=True)), layers.Flatten()]),
            "attention": ((6, 8), [layers.LayerNormalization(), layers.Dense(8, activation="silu")]),
        }
        for name, (shape, stack) in stacks.items():
            with self.subTest(name):
                model = keras.Sequential([keras.Input(shape), *stack])
                x = np.random.default_rng(2).normal(size=(9, *shape))
                self.assert_same(self.frozen(model)[0].predict(x, batch_size=4), model.predict(x, verbose=0))


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
        self.assertEqual(
            (frozen.history, frozen.epoch, frozen.params), (history.history, history.epoch, history.params)
        )

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
                np.testing.assert_allclose(
                    got[normal], want[normal], rtol=2e-5, atol=1e-7 * (activation == "log_softmax")
                )
                graph = self.graph(model)
                self.assertFalse({"Sigmoid", "Softplus", "LogSoftmax"} & {node.op_type for node in graph.node})

    def test_a_table_has_no_onnx_form(self):
        model = keras.Sequential([keras.Input((1,), dtype="int64"), layers.IntegerLookup(vocabulary=[3, 5])])
        with self.assertRaisesRegex(keras_model.Unsupported, "integer_lookup.* looks values up in a table"):
            keras_model.convert(model, "table", HOST.folder)


if __name__ == "__main__":
    unittest.main()
