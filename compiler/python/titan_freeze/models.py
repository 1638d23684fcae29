"""Which libraries models are of. Each has a module here with

    KIND                   its name
    STAND_IN               the function of the engine's `titan.rebuild` that makes a model of a spec
    is_model(value)
    convert(model, name, folder)   writes folder/NAME.onnx and returns the spec; raises Unsupported
    part(value)            (function of `titan.rebuild`, its argument) for what else of the library travels, or None

Nothing is imported that the notebook has not imported.
"""

import sys


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
        return None
