"""Turns a trained Keras model into an ONNX graph and a spec of plain data that the engine's `titan.keras` answers from.

Runs in the notebook's own Python. Nothing is imported that the notebook has not imported, so asking about any object
is cheap. This module knows nothing of endpoints or of how a spec travels.

A spec is made of dicts, lists, strings, numbers, booleans, None and numpy arrays. Its keys:

  graph                 name of the graph: the file's stem
  name, class           of the Keras model
  inputs, outputs       [{name, shape (None: any size), dtype}], inputs with `graph_name`, their name in the graph
  inputs_structure,     how they nest: a number is the index of a leaf, {"list": [...]}, {"tuple": [...]},
  outputs_structure     {"dict": [[key, structure], ...]}
  output_names          what Keras calls the outputs
  hidden                graph outputs after the model's own, by index or None: `logits` (with `activations`) and
                        `masks`, one an output, and `own_loss`
  evaluation            losses and metrics (see keras_evaluation), or None for a model that was not compiled
  unsupported           {"predict" or "evaluate": reason}
  history               of the last `fit`, or None
  metrics_names, loss, optimizer, summary, parameters, config, layers ([[class, name]])     what a notebook may ask for
"""

import contextlib
import io
import json
import os
import sys
import warnings

import numpy as np

from . import keras_names
from .errors import Unsupported

KIND = "keras"
STAND_IN = "model"
# What the host's inference understands.
INPUT_TYPES = ("float16", "float32", "float64", "uint8", "int32", "int64", "bool")
# What numpy has without TensorFlow.
TENSOR_TYPES = {"int8", "int16", "uint16", "uint32", "uint64", "complex64", "complex128", *INPUT_TYPES}


def _loaded(name):
    """The class or function `name` of Keras, or None where the notebook has not imported Keras."""
    found = sys.modules.get("keras")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _is_a(value, name):
    kind = _loaded(name)
    return kind is not None and isinstance(value, kind)


def _legacy(model):
    """Whether `model` is one of Keras 2, which lives on as the package tf_keras."""
    kind = getattr(sys.modules.get("tf_keras"), "Model", None)
    return kind is not None and isinstance(model, kind)


def is_model(value):
    """Whether `value` is a Keras model."""
    return _is_a(value, "Model") or _legacy(value)


def part(value):
    """Histories and tensors; see `models`."""
    if is_history(value):
        return "history", history_spec(value)
    if is_tensor(value):
        return "tensor", tensor_array(value)
    return None


def reference(value):
    """Functions and types that the engine's `keras` and `tensorflow` have."""
    return keras_names.reference(value)


def is_history(value):
    """Whether `value` is what `fit` returns."""
    return _is_a(value, "callbacks.History")


def is_tensor(value):
    """Whether `value` is a tensor or variable of numbers that are known now."""
    tensorflow = sys.modules.get("tensorflow")
    kinds = [getattr(tensorflow, "Tensor", None), getattr(tensorflow, "Variable", None), _loaded("Variable")]
    if not any(kind is not None and isinstance(value, kind) for kind in kinds) or not hasattr(value, "numpy"):
        return False
    return str(getattr(value.dtype, "name", value.dtype)) in TENSOR_TYPES


def tensor_array(value):
    """The numbers of a tensor, for `titan.keras.Tensor`."""
    return np.asarray(value.numpy())


def history_spec(history):
    """A training history as plain data, for `titan.keras.History`."""
    return {
        "history": {str(name): [_number(value) for value in values] for name, values in history.history.items()},
        "epoch": [int(epoch) for epoch in getattr(history, "epoch", [])],
        "params": {name: value for name, value in (history.params or {}).items() if _is_json(value)},
    }


def convert(model, name, folder):
    """Writes folder/NAME.onnx and returns the spec.

    Raises Unsupported for a model that has no ONNX form.
    """
    if _legacy(model):
        raise Unsupported("is a model of Keras 2 (tf_keras); build it with Keras 3 (import keras) and deploy again")
    if not hasattr(sys.modules["keras"], "config"):
        version = getattr(sys.modules["keras"], "__version__", "2")
        raise Unsupported(f"is a model of Keras {version}; install Keras 3, as the image tensorflow has it, and deploy again")
    if sys.modules["keras"].config.backend() != "tensorflow":
        raise Unsupported("runs on another backend than TensorFlow; unset KERAS_BACKEND and deploy again")
    from . import keras_evaluation, keras_graph

    graph = keras_graph.export(model, os.path.join(folder, f"{name}.onnx"))
    evaluation, reason = keras_evaluation.evaluation(model, graph)
    unsupported = {} if reason is None else {"evaluate": reason}
    overridden = keras_evaluation.overridden(model, ["predict_step", "make_predict_function"])
    if overridden:
        unsupported["predict"] = f"its class overrides {overridden}; call the model itself instead"
    return {
        "graph": name,
        "name": str(model.name),
        "class": type(model).__name__,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "inputs_structure": graph.inputs_structure,
        "outputs_structure": graph.outputs_structure,
        "output_names": graph.output_names,
        "hidden": graph.hidden,
        "evaluation": evaluation,
        "unsupported": unsupported,
        "history": history_spec(model.history) if is_history(getattr(model, "history", None)) else None,
        "metrics_names": [str(metric) for metric in model.metrics_names] if model.compiled else [],
        "loss": _plain_or_name(getattr(model, "loss", None)),
        "optimizer": _optimizer(model),
        "summary": _summary(model),
        "parameters": int(model.count_params()),
        "layers": [[type(layer).__name__, str(layer.name)] for layer in model.layers],
        "config": _config(model),
    }


def answers(model, spec, inputs):
    """As `models` asks for: the model's own outputs, which come first in the graph."""
    from keras.src import tree

    from .keras_evaluation import pack

    with quiet():
        x = pack(spec["inputs_structure"], list(inputs))
        y = model(x, training=False) if model._call_has_training_arg else model(x)
        return [np.asarray(tensor) for tensor in tree.flatten(y)]


def _number(value):
    """A number of a history; what is no number stays what it is (a metric may give one a class)."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def _is_json(value):
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _plain_or_name(value):
    """`value` where it is made of text, else the names of what it is made of."""
    if isinstance(value, dict):
        return {str(key): _plain_or_name(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_or_name(part) for part in value]
    if value is None or isinstance(value, str):
        return value
    return str(getattr(value, "name", None) or getattr(value, "__name__", None) or type(value).__name__)


def _optimizer(model):
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return None
    rate = getattr(optimizer, "learning_rate", None)
    return {"name": str(optimizer.name), "learning_rate": None if rate is None else float(np.asarray(rate))}


def _summary(model):
    lines = []
    with quiet():
        model.summary(print_fn=lambda text, **_: lines.append(text))
    return "\n".join(lines)


def _config(model):
    """The model's configuration where it is plain data. A class of the notebook's own need not define one."""
    try:
        with quiet():
            return json.loads(json.dumps(model.get_config()))
    except Exception:
        return None


@contextlib.contextmanager
def quiet():
    """Keeps what Keras and its converters print or warn of out of a deploy's output."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
