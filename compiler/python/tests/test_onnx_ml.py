"""Compares models of skl2onnx with the same models spelled out, both run by onnxruntime.

Needs skl2onnx and onnxruntime; skipped where they are absent. Run from compiler/python:

    python -m unittest tests.test_onnx_ml
"""

import importlib.util
import unittest

HAS_SKL2ONNX = all(importlib.util.find_spec(name) for name in ("skl2onnx", "onnxruntime", "sklearn"))
if HAS_SKL2ONNX:
    import numpy as np
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler

    from titan_freeze import onnx_host, onnx_ml


@unittest.skipUnless(HAS_SKL2ONNX, "skl2onnx and onnxruntime are not installed")
class SpelledOut(unittest.TestCase):
    def test_linear_models_and_scalers_compute_the_same(self):
        iris = load_iris()
        X, y = iris.data.astype(np.float32), iris.target
        two = np.c_[iris.data[:, 3], iris.data[:, 2]]
        for model in (
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y),
            make_pipeline(RobustScaler(), LogisticRegression()).fit(X, y == 1),
            make_pipeline(Normalizer("l1"), Ridge()).fit(X, two),
            make_pipeline(Normalizer("max"), Normalizer(), LinearRegression()).fit(X, iris.data[:, 0]),
            OneVsRestClassifier(LogisticRegression()).fit(X, y),
            make_pipeline(MinMaxScaler(), RandomForestClassifier(3, random_state=0)).fit(X, y),
        ):
            with self.subTest(model):
                options = {"zipmap": False} if hasattr(model, "predict_proba") else None
                written = to_onnx(model, X[:1], options=options)
                before = self.run_by_onnxruntime(written, X)
                onnx_host.adapt(written)
                left = {node.op_type for node in written.graph.node if node.domain == onnx_ml.DOMAIN}
                self.assertLessEqual(left, {"TreeEnsembleClassifier"})
                for got, want in zip(self.run_by_onnxruntime(written, X), before, strict=True):
                    self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype))
                    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)

    @staticmethod
    def run_by_onnxruntime(model, X):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: X})
