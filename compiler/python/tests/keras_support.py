"""What the tests of frozen Keras models share: the engine's package on a real ONNX runner in place of the host.

Needs the packages of the image `tensorflow`; what builds on it is skipped where they are absent.
"""

import importlib.util
import os
import tempfile
import unittest
import warnings

HAS_KERAS = all(importlib.util.find_spec(name) for name in ("keras", "tensorflow", "onnx"))
HOST = None
if HAS_KERAS:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    import keras
    import numpy as np
    from keras import layers

    from .host import HOST

    import titan.keras
    from titan_freeze import keras_model


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
