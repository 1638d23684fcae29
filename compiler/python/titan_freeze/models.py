"""Which libraries models are of. Each has a module here with

    KIND                   its name
    STAND_IN               the function of the engine's `titan.rebuild` that makes a model of a spec
    is_model(value)
    convert(model, name, folder)   writes folder/NAME.onnx and returns the spec; raises Unsupported
    answers(model, spec, inputs)   what the model computes for arrays, one for each of the spec's inputs, as a list of
                           arrays in the graph's order
    part(value)            (function of `titan.rebuild`, its argument) for what else of the library travels, or None
    reference(value)       (module, name) by which the engine knows a part of the library that has one there, or None

Nothing is imported that the notebook has not imported.
"""

import base64
import functools
import sys

import numpy as np

_BATCHES = 1, 3
_OPEN = 16


def _loaded():
    """The modules for the libraries that the notebook has imported."""
    if any(name in sys.modules for name in ("keras", "tf_keras", "tensorflow")):
        from . import keras_model

        yield keras_model
    if "onnxruntime" in sys.modules:
        from . import onnx_session

        yield onnx_session
    if "torch" in sys.modules:
        from . import torch_model

        yield torch_model


def converter(model):
    """The module that converts the model."""
    return next(library for library in _loaded() if library.is_model(model))


def samples(model, spec):
    """[{inputs, outputs}]: what the library computes with the model for batches of two sizes, to compare with what runs
    its graph. Empty where it does not take such inputs, or answers otherwise every time."""
    library, found = converter(model), []
    for size in _BATCHES:
        try:
            inputs = [_sample(port, size) for port in spec["inputs"]]
            outputs, again = library.answers(model, spec, inputs), library.answers(model, spec, inputs)
            if not all(map(np.array_equal, outputs, again)):
                continue
        except Exception:
            # It may want what no random numbers are.
            continue
        names = [port.get("graph_name", port["name"]) for port in spec["inputs"]]
        found.append({
            "inputs": [_array(*pair) for pair in zip(names, inputs)],
            "outputs": [_array("", output) for output in outputs],
        })
    return found


def _sample(port, size):
    """Random numbers for an input, whose dimensions of any size are `size` for the first and _OPEN for others."""
    random = np.random.default_rng(0)
    shape = [n if isinstance(n, int) else _OPEN if i else size for i, n in enumerate(port["shape"])]
    kind = np.dtype(port.get("dtype") or onnx_type(port["type"]))
    # Numbers of a category or a word are small in any vocabulary.
    return random.normal(size=shape).astype(kind) if kind.kind == "f" else random.integers(0, 2, shape).astype(kind)


def onnx_type(name):
    """numpy's name for a tensor type of ONNX: `float32` for `tensor(float)`."""
    kind = name.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(kind, kind)


def _array(name, array):
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "data": data}


class Models:
    """Reduces models, and what comes of training and asking them, for a pickler. `capture` is told of the models."""

    def __init__(self, stand_ins, capture):
        self._stand_ins, self._capture = stand_ins, capture
        self._libraries = list(_loaded())

    def reduce(self, value):
        """The reduction, or None for what is of no such library."""
        for library in self._libraries:
            if library.is_model(value):
                return getattr(self._stand_ins, library.STAND_IN), (self._capture.model(value),)
            found = library.part(value)
            if found is not None:
                return getattr(self._stand_ins, found[0]), (found[1],)
        return self.reference(value)

    def reference(self, value):
        """The reduction of what the engine has under a name of its own, or None."""
        for library in self._libraries:
            found = library.reference(value)
            if found is not None:
                module, name = found
                root, *rest = module.split(".")
                return getattr, (functools.reduce(getattr, rest, sys.modules[root]), name)
        return None
