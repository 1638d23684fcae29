"""What the engine says of attributes that its stand-ins lack, before any request. Run from compiler/python:
python -m unittest tests.test_uses"""

import ast
import importlib.util
import types
import unittest

from titan_freeze.uses import Uses as Found

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
if HAS_NUMPY:
    import sys

    from .engine import ROOT as ROOT

    sys.modules.setdefault("_titan", types.ModuleType("_titan"))
    from titan import uses
    from titan.keras.model import Model
    from titan.onnx import InferenceSession
    from titan.state import StateError


@unittest.skipUnless(HAS_NUMPY, "needs numpy")
class Uses(unittest.TestCase):
    def check(self, name, *attributes):
        port = {"name": "a", "graph_name": "a", "shape": [None, 2], "dtype": "float32"}
        spec = dict.fromkeys(["evaluation", "history", "loss", "optimizer", "config"], None)
        spec |= {"name": "net", "inputs": [port], "outputs": [port], "metrics_names": [], "output_names": [], "layers": []}
        spec["unsupported"] = {"evaluate": "its loss is not one of Keras's own; compute it in a notebook cell"}
        session = InferenceSession({"graph": "s", "inputs": [], "outputs": []})

        class Own:
            @property
            def asked(self):
                raise AssertionError("code of the notebook runs")

        namespace = {"net": Model(spec), "session": session, "types": types, "own": Own()}
        uses.check([("GET /x", name, attributes)], namespace)

    def test_what_is_there_is_let(self):
        for use in [("net", "predict"), ("session", "run"), ("types", "ModuleType"), ("own", "asked"), ("own", "absent")]:
            self.check(*use)
        # Modules that are not loaded are imported by code that copes.
        self.check("nowhere.at.all", "x")

    def test_code_that_a_flag_turns_on_may_ask_for_anything(self):
        for code, found in [
            ("scaler.fit(x) if fit else scaler.transform(x)", set()),
            ("if fit:\n    scaler.fit(x)", set()),
            ("if not fit:\n    scaler.fit(x)", set()),
            ("if x > 1:\n    scaler.fit(x)", {"fit"}),
            ("scaler.fit(x)", {"fit"}),
        ]:
            scaler = types.SimpleNamespace(fit=print, transform=print)
            asked = Found({"scaler": scaler}, lambda _: False)
            asked.find(ast.parse(code), ["scaler", "fit"], "GET /x")
            self.assertEqual({name for _, (name, *_) in asked.looked_at}, found, code)

    def test_what_is_missing_is_named_with_the_way_out(self):
        for use, message in [
            (("net", "fit"), r"GET /x uses net.fit: the deployed model 'net' has no fit\(\): train it in a notebook cell"),
            (("net", "weights"), "GET /x uses net.weights: .* has no 'weights': keep what an endpoint needs of it"),
            (("net", "evaluate"), "GET /x uses net.evaluate: .* cannot evaluate: its loss .*; compute it in a notebook cell"),
            (("session", "io_binding"), r"GET /x uses session.io_binding: the deployed session has no .*: use run\(\)"),
            (("types", "absent"), "GET /x uses types.absent: the engine's types has no 'absent': use what it has"),
            (("importlib", "absent", "x"), "GET /x uses importlib.absent.x: the engine's importlib has no 'absent'"),
        ]:
            with self.subTest(use=use), self.assertRaisesRegex(StateError, message):
                self.check(*use)


if __name__ == "__main__":
    unittest.main()
