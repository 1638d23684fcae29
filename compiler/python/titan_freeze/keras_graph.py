"""Exports the forward pass of a Keras model as an ONNX graph whose outputs are also what `evaluate` needs.

TensorFlow computes crossentropies from the logits behind a model's last sigmoid or softmax, not from the rounded
probabilities; masks of padded timesteps weigh losses; layers may add losses of their own. All of these exist only
inside the forward pass, so the graph gives them out after the model's outputs. Knows nothing of losses, metrics or of
specs.
"""

import contextlib
import inspect
import re

import keras
import numpy as np
import tensorflow as tf
from keras.src import backend, tree
from keras.src.export.export_utils import get_input_signature

from . import onnx_repair
from .keras_model import INPUT_TYPES, Unsupported, quiet


class Graph:
    """What a written graph takes and gives; the fields are those of the spec."""

    def __init__(self):
        self.inputs = []
        self.outputs = []
        self.inputs_structure = None
        self.outputs_structure = None
        self.output_names = []
        self.hidden = None
        # Values of tensors that were made before the model ran, by name.
        self.captured = {}


class Flat(keras.Model):
    """The model with a flat list of inputs and outputs, hidden ones included. Tracing it fills `graph`."""

    def __init__(self, model, structure, graph):
        super().__init__()
        self._wrapped = model
        self._structure = structure
        self._graph = graph
        self._hide = model.compiled
        # What is traced has its weights; there is nothing to build.
        self.built = True

    def call(self, inputs):
        model = self._wrapped
        x = tree.pack_sequence_as(self._structure, list(inputs))
        y = model(x, training=False) if model._call_has_training_arg else model(x)
        visible = tree.flatten(y)
        graph = self._graph
        graph.outputs_structure = _structure(y)
        graph.outputs = [_port(None, tensor) for tensor in visible]
        results = list(visible)

        def hide(tensor):
            results.append(tensor)
            return len(results) - 1

        graph.captured.update(_captured())
        noted = [_logits(tensor) if self._hide else (None, None) for tensor in visible]
        masks = [backend.get_keras_mask(tensor) if self._hide else None for tensor in visible]
        own = self._own_losses() if self._hide else []
        graph.hidden = {
            "logits": [None if logits is None else hide(logits) for logits, _ in noted],
            "activations": [activation for _, activation in noted],
            "masks": [None if mask is None else hide(tf.cast(mask, tf.float32)) for mask in masks],
            "own_loss": hide(tf.add_n(own)) if own else None,
        }
        return results

    def _own_losses(self):
        """What layers added while they ran: activity regularizers and add_loss."""
        losses = [loss for layer in self._flatten_layers() for loss in layer._get_own_losses()]
        return [tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in losses]


def _logits(tensor):
    """The logits behind `tensor`, and the activation in TensorFlow's terms where only that gives them away."""
    logits = getattr(tensor, "_keras_logits", None)
    if logits is not None:
        return logits, None
    if tensor.op.type in ("Sigmoid", "Softmax"):
        return tensor.op.inputs[0], tensor.op.type
    return None, None


def _captured():
    """Values from outside of the function being traced, such as the mean of a Normalization layer, by name."""
    captures = tf.compat.v1.get_default_graph().captures
    return {inner.name: outer.numpy() for outer, inner in captures if outer.dtype != tf.resource}


def export(model, path):
    """Writes the graph of `model` to `path` and returns its description."""
    with quiet():
        signature = _signature(model)
        structure = signature[0]
        specs = tree.flatten(structure)
        graph = Graph()
        graph.inputs_structure = _structure(structure)
        flat = []
        for index, spec in enumerate(specs):
            if spec.dtype not in INPUT_TYPES:
                raise Unsupported(
                    f"has an input of type {spec.dtype}, which its ONNX form cannot take; "
                    "do that step in Python and give the model numbers"
                )
            name = f"input_{index}"
            graph.inputs.append({**_port(spec.name, spec), "graph_name": name})
            flat.append(keras.InputSpec(shape=spec.shape, dtype=spec.dtype, name=name))
        try:
            loops = _write(model, structure, graph, flat, path)
            if loops:
                # Keras refuses where the number of timesteps is open. Then the loop stays.
                with _unrolled(model), contextlib.suppress(ValueError):
                    loops = _write(model, structure, graph, flat, path)
        except onnx_repair.NotOnnx as error:
            raise Unsupported(f"has no ONNX form: {error}; do that step in Python") from error
        except Exception as error:
            raise Unsupported(
                f"cannot be exported to ONNX ({_one_line(error)}); build it of Keras's layers and keras.ops, and do "
                "the rest in Python around it"
            ) from error
        finally:
            # Tracing leaves symbolic losses behind.
            model._clear_losses()
    if loops:
        raise Unsupported("has a loop, which the host cannot run; give recurrent layers a fixed number of timesteps")
    names = getattr(model, "output_names", None)
    graph.output_names = [str(name) for name in names or [f"output_{i}" for i in range(len(graph.outputs))]]
    for port, name in zip(graph.outputs, graph.output_names):
        port["name"] = name
    return graph


def _write(model, structure, graph, signature, path):
    """Exports once; returns whether the graph has loops."""
    Flat(model, structure, graph).export(path, format="onnx", verbose=False, input_signature=[signature])
    repaired = onnx_repair.repair(path, [port["graph_name"] for port in graph.inputs], graph.captured)
    return onnx_repair.has_loops(repaired)


@contextlib.contextmanager
def _unrolled(model):
    """Lets recurrent layers repeat their step for every timestep, which takes a loop to a plain graph."""
    rolled = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN) and not layer.unroll]
    for layer in rolled:
        layer.unroll = True
    try:
        yield
    finally:
        for layer in rolled:
            layer.unroll = False


def _signature(model):
    """The positional arguments of the model as one structure of input specs with any batch size."""
    if not model.built and getattr(model, "inputs", None):
        model(tree.map_structure(lambda x: np.zeros([d or 1 for d in x.shape], x.dtype), model.inputs))
    if not model.built:
        raise Unsupported("has never been called, so the shape of its input is not known; call it once on sample data")
    try:
        signature = get_input_signature(model)
    except Exception as error:
        raise Unsupported(f"hides the shape of its input ({_one_line(error)}); call it once on sample data") from error
    arguments = max(len(signature), _required(model.call))
    if arguments != 1:
        raise Unsupported(f"takes {arguments} tensor arguments; let it take one list or dict of tensors")
    return signature


def _required(function):
    """How many arguments it cannot be called without."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = inspect.signature(function).parameters.values()
    return sum(p.default is p.empty and p.kind in kinds for p in parameters)


def _structure(value, count=None):
    """The nesting of `value` with its leaves numbered in the order in which Keras flattens them."""
    count = iter(range(len(tree.flatten(value)))) if count is None else count
    if isinstance(value, dict):
        parts = {key: _structure(value[key], count) for key in sorted(value)}
        return {"dict": [[key, parts[key]] for key in value]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_structure(part, count) for part in value]}
    return next(count)


def _port(name, tensor):
    shape = [None if size is None else int(size) for size in tensor.shape]
    return {"name": name, "shape": shape, "dtype": backend.standardize_dtype(tensor.dtype)}


def _one_line(error):
    # Keras writes in bold.
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return " ".join(text.split())[:300] or type(error).__name__
