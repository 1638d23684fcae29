"""A real ONNX runner in place of the engine's host. Importing this makes the engine's packages importable; it needs
`onnx`."""

import os
import sys
import types

import numpy as np
import onnx.reference

from . import engine as engine


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
