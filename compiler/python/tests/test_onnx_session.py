"""Compares sessions of onnxruntime with what stands in for them in the engine.

Needs onnx and onnxruntime, as the image `scikit-learn` has them; skipped where they are absent. Run from
compiler/python:

    python -m unittest tests.test_onnx_session
"""

import importlib.util
import pathlib
import tempfile
import unittest

HAS_RUNTIME = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
if HAS_RUNTIME:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from .host import HOST

    import titan.onnx
    from titan_freeze import onnx_session
    from titan_freeze.errors import Unsupported


def model():
    """y = x @ w, and whether it is positive."""
    weights = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3) - 6, "w")
    zero = numpy_helper.from_array(np.float32(0), "zero")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Greater", ["y", "zero"], ["positive"])]
    port = helper.make_tensor_value_info
    outputs = [port("y", TensorProto.FLOAT, ["n", 3]), port("positive", TensorProto.BOOL, ["n", 3])]
    graph = helper.make_graph(nodes, "g", [port("x", TensorProto.FLOAT, ["n", 4])], outputs, [weights, zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@unittest.skipUnless(HAS_RUNTIME, "onnx and onnxruntime are not installed")
class Sessions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        HOST.folder = folder.name
        HOST._loaded.clear()

    def frozen(self, session):
        return titan.onnx.InferenceSession(onnx_session.convert(session, "m", HOST.folder))

    def assert_same(self, session):
        stand_in = self.frozen(session)
        for side in ("get_inputs", "get_outputs"):
            for got, want in zip(getattr(stand_in, side)(), getattr(session, side)(), strict=True):
                self.assertEqual((got.name, got.type, got.shape), (want.name, want.type, want.shape))
        for names in (None, ["positive"], ["positive", "y"]):
            for count in (1, 5):
                feed = {"x": np.random.default_rng(1).normal(size=(count, 4)).astype(np.float32)}
                for got, want in zip(stand_in.run(names, feed), session.run(names, feed), strict=True):
                    self.assertEqual(got.dtype, want.dtype)
                    np.testing.assert_allclose(got, want, rtol=1e-6)

    def test_made_from_bytes(self):
        self.assert_same(onnxruntime.InferenceSession(model().SerializeToString()))

    def test_made_from_a_file(self):
        file = pathlib.Path(HOST.folder, "original.onnx")
        onnx.save(model(), file)
        self.assert_same(onnxruntime.InferenceSession(str(file)))

    def test_a_file_that_is_gone(self):
        file = pathlib.Path(HOST.folder, "original.onnx")
        onnx.save(model(), file)
        session = onnxruntime.InferenceSession(file)
        file.unlink()
        with self.assertRaisesRegex(Unsupported, "original.onnx, which cannot be read .* keep it beside the notebook"):
            self.frozen(session)

    def test_dimensions_get_names(self):
        unnamed = model()
        unnamed.graph.input[0].type.tensor_type.shape.dim[0].Clear()
        self.assert_same(onnxruntime.InferenceSession(unnamed.SerializeToString()))
        port = onnx.load(pathlib.Path(HOST.folder, "m.onnx")).graph.input[0]
        self.assertEqual([d.dim_param or d.dim_value for d in port.type.tensor_type.shape.dim], ["batch", 4])

    def test_weights_in_a_file_of_their_own(self):
        file = pathlib.Path(HOST.folder, "original.onnx")
        onnx.save(model(), file, save_as_external_data=True, size_threshold=0, location="weights")
        self.assert_same(onnxruntime.InferenceSession(str(file)))

    def test_wrong_input_is_an_error_that_says_so(self):
        stand_in = self.frozen(onnxruntime.InferenceSession(model().SerializeToString()))
        x = np.zeros((2, 4), np.float32)
        for feed, message in (
            ({}, r"Required inputs \(\['x'\]\) are missing"),
            ({"x": x, "z": x}, "Invalid input name: z"),
            ({"x": x.astype(float)}, r"Actual: float64, expected: tensor\(float\)"),
            ({"x": x[0]}, "Invalid rank for input: x Got: 1 Expected: 2"),
        ):
            with self.assertRaisesRegex(ValueError, message):
                stand_in.run(None, feed)
        with self.assertRaisesRegex(ValueError, "Invalid output name: q"):
            stand_in.run(["q"], {"x": x})

    def test_what_is_no_tensor_of_numbers(self):
        text = model()
        node = helper.make_node("Cast", ["y"], ["words"], to=TensorProto.STRING)
        text.graph.node.append(node)
        text.graph.output.append(helper.make_tensor_value_info("words", TensorProto.STRING, ["n", 3]))
        session = onnxruntime.InferenceSession(text.SerializeToString())
        with self.assertRaisesRegex(Unsupported, r"outputs 'words' of type tensor\(string\)"):
            self.frozen(session)


if __name__ == "__main__":
    unittest.main()
