"""What the tests of scikit-learn share: data, estimators brought into the engine's package, and comparisons.

Needs scikit-learn; tests are skipped where it is absent.
"""

import importlib.util
import io
import pathlib
import pickle
import unittest

HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None
if HAS_SKLEARN:
    import numpy as np

    from .engine import ROOT

    import titan.state
    from titan_freeze.modules import Modules
    from titan_freeze.pickler import Pickler
    from titan_freeze.sources import Sources
    from titan_freeze.stand_ins import Present

METHODS = """
    predict predict_proba predict_log_proba decision_function score_samples transform kneighbors radius_neighbors apply
    predict_joint_log_proba
""".split()


class Capture:
    """What the pickler tells of: arrays only. No endpoint shows anything."""

    def __init__(self):
        self.arrays, self.shown = [], []

    def array(self, array):
        self.arrays.append(array)
        return len(self.arrays) - 1

    def base(self, array):
        return None


class Reader(titan.state.Reader if HAS_SKLEARN else object):
    """The engine's reader, in a Python that has more than the engine."""

    def find_class(self, module, name):
        assert module.split(".")[0] in (
            "titan",
            "numpy",
            "builtins",
            "copyreg",
            "collections",
            "functools",
            "importlib",
        ), module
        return super().find_class(module, name)


def engine_modules():
    names = (ROOT / "sdk/engine/prebuilt/numpy/modules.txt").read_text().split()
    return [{"name": "numpy", "modules": names}]


def travelled(*values):
    """The values as they are in the engine."""
    stream, capture = io.BytesIO(), Capture()
    pickle.dump({"sources": [], "names": {str(i): "GET /x" for i in range(len(values))}}, stream)
    pickler = Pickler(stream, capture, Modules(engine_modules(), pathlib.Path(".")), Sources({}))
    with Present():
        for value in (*values, {}):
            # And no settings.
            pickler.dump(value)

    def array(index, dtype, shape, order):
        return np.array(capture.arrays[index], dtype=dtype, order=order).reshape(shape)

    found = {}
    Reader(stream.getvalue(), found, array).fill()
    return list(found.values()) if len(values) > 1 else found["0"]


@unittest.skipUnless(HAS_SKLEARN, "scikit-learn is not installed")
class SklearnTest(unittest.TestCase):
    def assert_same(self, got, want, what="", rtol=1e-9, atol=1e-12):
        if hasattr(want, "toarray"):
            self.assertEqual(repr(got).split("\n")[0].split("'")[1], repr(want).split("\n")[0].split("'")[1], what)
            got, want = got.toarray(), want.toarray()
        if isinstance(want, (list, tuple)):
            self.assertEqual((type(got), len(got)), (type(want), len(want)), what)
            for one, other in zip(got, want):
                self.assert_same(one, other, what, rtol, atol)
        elif isinstance(want, np.ndarray):
            self.assertIsInstance(got, np.ndarray, what)
            self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype), what)
            if want.dtype.hasobject:
                for one, other in zip(got.ravel(), want.ravel()):
                    self.assert_same(one, other, what, rtol, atol)
            elif want.dtype.kind == "f":
                np.testing.assert_allclose(got, want, rtol, atol, err_msg=what)
            else:
                np.testing.assert_array_equal(got, want, what)
        elif isinstance(want, (float, np.floating)):
            self.assertEqual(type(got), type(want), what)
            np.testing.assert_allclose(got, want, rtol, atol, err_msg=what)
        else:
            self.assertEqual((type(got), got), (type(want), want), what)

    def assert_answers(self, real, X, y=None, weights=True, methods=METHODS, **tolerance):
        """The stand-in answers X as `real` does, by every method that `real` has, and has its attributes."""
        stand_in, name = travelled(real), type(real).__name__
        asked = 0
        for method in methods:
            if hasattr(real, method):
                asked += 1
                self.assert_same(
                    getattr(stand_in, method)(X), getattr(real, method)(X), f"{name}.{method}", **tolerance
                )
        if y is not None and hasattr(real, "score"):
            self.assert_same(stand_in.score(X, y), real.score(X, y), f"{name}.score", **tolerance)
            if weights:
                given = np.linspace(0.5, 2, len(y))
                want = real.score(X, y, sample_weight=given)
                self.assert_same(stand_in.score(X, y, sample_weight=given), want, f"{name}.score", **tolerance)
        self.assertTrue(asked or y is not None, name)
        self.assertEqual(repr(stand_in), repr(real))
        self.assertEqual(type(stand_in).__name__, name)
        return stand_in

    def assert_inverts(self, real, X, **tolerance):
        """`inverse_transform` of what `transform` returns."""
        stand_in = travelled(real)
        want = real.inverse_transform(real.transform(X))
        self.assert_same(stand_in.inverse_transform(stand_in.transform(X)), want, type(real).__name__, **tolerance)


def numbers(features=5, samples=60, seed=1):
    return np.random.default_rng(seed).normal(size=(samples, features))
