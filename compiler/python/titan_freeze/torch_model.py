"""PyTorch: modules become ONNX graphs by `torch.onnx`, tensors arrays.

A module is exported in evaluation mode, with the inputs it was called with while the notebook ran: dimensions that
differed from one call to the next, and the first, may have any size. What is exported must compute what the module
does, on two batches of different sizes. A spec's keys:

graph        name of the graph: the file's stem class, text  of the module: the name of its class, and its
representation training     whether it was in training mode, and `trains`, the class of a layer for which that
matters, or None inputs       [{name, graph_name, dtype, shape (None: any size)}] of the arguments of `forward`
outputs      types of the outputs' elements; `structure` says how they nest, as of Keras models attributes   those of
the module itself that are plain data
"""

import contextlib
import inspect
import io
import os
import re
import sys
import warnings
from pathlib import Path

import numpy as np

from . import torch_calls
from .errors import CannotTravel, Unsupported, one_line

KIND = "torch"
STAND_IN = "module"

_TYPES = ("float16", "float32", "float64", "uint8", "int32", "int64", "bool")
# What tensors of the engine hold.
_TENSORS = ("float32", "float16", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
# Layers that compute otherwise in training.
_TRAINS = ("Dropout", "BatchNorm", "InstanceNorm", "RReLU")
# What the host is tested with.
_OPSET = 18
_PLAIN = (bool, int, float, str, type(None))
# Relative to the largest value: how far an export may be from the module, in float32.
_TOLERANCE = 1e-4


def _torch():
    return sys.modules["torch"]


def is_model(value):
    """Whether `value` is a module."""
    return isinstance(value, getattr(getattr(_torch(), "nn", None), "Module", ()))


def part(value):
    """Tensors; see `models`."""
    if not isinstance(value, getattr(_torch(), "Tensor", ())):
        return None
    kind = str(value.dtype).removeprefix("torch.")
    if kind not in _TENSORS:
        raise CannotTravel(value, f"it holds {kind}, which the engine does not know", f"keep it as {_TENSORS[0]} or int64")
    if value.layout != _torch().strided:
        raise CannotTravel(value, "it is sparse, which no tensor of the engine is", "keep it as .to_dense()")
    return "torch_tensor", value.detach().cpu().numpy()


def reference(value):
    """Nothing has another name in the engine."""
    return None


def convert(module, name, folder):
    """Writes folder/NAME.onnx and returns the spec. Raises Unsupported for a module that has no ONNX form."""
    if isinstance(module, _torch().jit.ScriptModule):
        raise Unsupported("is compiled by torch.jit; let the endpoint use the module it was made from")
    if hasattr(module, "_orig_mod"):
        raise Unsupported("is compiled by torch.compile; let the endpoint use the module it was made from")
    inputs = _inputs(module)
    training = module.training
    module.eval()
    try:
        with _quiet(), _torch().no_grad():
            outputs, structure = _flat(module(*_samples(inputs, 2).values()))
            file = os.path.join(folder, f"{name}.onnx")
            reasons = []
            # The older exporter knows recurrent layers as such; the newer one follows what the older does not.
            if not any(_exports(module, inputs, file, by_graph, reasons) for by_graph in (False, True)):
                why = "; ".join(dict.fromkeys(reasons))
                raise Unsupported(f"has no ONNX form ({why}); do that step in Python around it")
            from . import onnx_host

            onnx_host.adapt_file(file)
    finally:
        module.train(training)
    return {
        "graph": name,
        "class": type(module).__name__,
        "text": repr(module),
        "training": training,
        "trains": next((type(m).__name__ for m in module.modules() if type(m).__name__.startswith(_TRAINS)), None),
        "inputs": inputs,
        "outputs": [str(output.dtype).removeprefix("torch.") for output in outputs],
        "structure": structure,
        "attributes": {
            key: value for key, value in vars(module).items() if key[0] != "_" and isinstance(value, _PLAIN)
        },
    }


def answers(module, spec, inputs):
    """As `models` asks for, in evaluation mode."""
    training = module.training
    module.eval()
    try:
        with _quiet(), _torch().no_grad():
            outputs, _ = _flat(module(*map(_torch().from_numpy, inputs)))
            return [output.numpy() for output in outputs]
    finally:
        module.train(training)


def _inputs(module):
    calls = torch_calls.of(module)
    names = [p.name for p in inspect.signature(module.forward).parameters.values()]
    inputs = []
    for key, kinds in calls.items():
        name = key if isinstance(key, str) else names[min(key, len(names) - 1)]
        tensors = [kind for kind in kinds if isinstance(kind, tuple)]
        if len(tensors) < len(kinds):
            other = next(kind.__name__ for kind in kinds if not isinstance(kind, tuple))
            raise Unsupported(f"takes {name}, which is no tensor but {other}; let forward() take tensors only")
        dtypes, ranks = {dtype for dtype, _ in tensors}, {len(shape) for _, shape in tensors}
        if len(dtypes) > 1 or len(ranks) > 1:
            raise Unsupported(
                f"was called with {name} of several types or ranks; call it with one, before it is deployed"
            )
        shape = [
            None if i == 0 or len(set(sizes)) > 1 else sizes[0] for i, sizes in enumerate(zip(*(s for _, s in tensors)))
        ]
        inputs.append(_port(name, dtypes.pop(), shape))
    if not inputs:
        inputs = [_port(names[0] if names else "input", "float32", [None, _first_width(module)])]
    return inputs


def _port(name, dtype, shape):
    if dtype not in _TYPES:
        raise Unsupported(
            f"takes {name} of type {dtype}, which the host does not know; let it take one of {', '.join(_TYPES)}"
        )
    return {"name": name, "graph_name": name, "dtype": dtype, "shape": shape}


def _first_width(module):
    """The size of a sample, if the first layer is a linear one."""
    first = next((layer for layer in module.modules() if list(layer.parameters(recurse=False))), None)
    if not isinstance(first, _torch().nn.Linear):
        raise Unsupported(
            "has never been called, so the shape of its input is not known; call it once on sample data in a cell"
        )
    return first.in_features


def _samples(inputs, size):
    """{name: tensor} of that many samples; other dimensions of any size are of another."""
    random, torch = np.random.default_rng(0), _torch()
    found = {}
    for port in inputs:
        shape = [(size if i == 0 else size + 3) if n is None else n for i, n in enumerate(port["shape"])]
        values = random.normal(size=shape) if port["dtype"].startswith("float") else np.zeros(shape)
        found[port["name"]] = torch.from_numpy(values.astype(port["dtype"]))
    return found


def _flat(output):
    """(tensors, structure) of what a module returns."""
    leaves = []

    def structure(value):
        if isinstance(value, _torch().Tensor):
            leaves.append(value)
            return len(leaves) - 1
        if isinstance(value, dict):
            return {"dict": [[key, structure(part)] for key, part in value.items()]}
        if isinstance(value, (list, tuple)):
            return {"list" if isinstance(value, list) else "tuple": [structure(part) for part in value]}
        raise Unsupported(
            f"returns {type(value).__name__}; let forward() return tensors, or tuples, lists or dicts of them"
        )

    return leaves, structure(output)


def _exports(module, inputs, file, by_graph, reasons):
    """Whether the export succeeds and computes what the module does; if not, says why in `reasons`."""
    torch, samples = _torch(), _samples(inputs, 2)
    outputs, _ = _flat(module(*samples.values()))
    free = {p["name"]: {i: f"{p['name']}_{i}" for i, n in enumerate(p["shape"]) if n is None} for p in inputs}
    for axes in free.values():
        axes[0] = "batch"
    options = {"dynamic_axes": free}
    if by_graph:
        automatic = torch.export.Dim.AUTO
        options = {
            "dynamic_shapes": tuple({i: automatic for i in axes} for axes in free.values()),
            "external_data": False,
        }
    else:
        options["dynamic_axes"].update({f"output_{i}": {0: "batch"} for i, output in enumerate(outputs) if output.ndim})
    try:
        torch.onnx.export(
            module,
            tuple(samples.values()),
            file,
            input_names=[port["graph_name"] for port in inputs],
            output_names=[f"output_{i}" for i in range(len(outputs))],
            opset_version=_OPSET,
            dynamo=by_graph,
            **options,
        )
        return all(_agrees(module, inputs, file, size, reasons) for size in (2, 5))
    except Exception as error:
        reasons.append(_reason(error))
        return False


def _reason(error):
    """What the exporter said, without its colours and what it tells its own developers to do."""
    texts = [re.sub(r"\x1b\[[0-9;]*m", "", str(e)) for e in (error, error.__cause__) if e is not None and str(e)]
    lines = [text.strip().splitlines()[0].partition(" This is step ")[0] for text in texts]
    return one_line(": ".join(lines))[:300] or type(error).__name__


def _agrees(module, inputs, file, size, reasons):
    import onnxruntime

    samples = _samples(inputs, size)
    session = onnxruntime.InferenceSession(Path(file).read_bytes(), providers=["CPUExecutionProvider"])
    feed = {port["graph_name"]: samples[port["name"]].numpy() for port in inputs}
    results = session.run(None, {given.name: feed[given.name] for given in session.get_inputs()})
    for got, want in zip(results, _flat(module(*samples.values()))[0]):
        want = want.numpy()
        margin = _TOLERANCE * max(1.0, float(np.abs(want).max(initial=0)))
        if got.shape != want.shape or not np.allclose(got, want, rtol=_TOLERANCE, atol=margin):
            reasons.append(f"its export computes something else for {size} samples")
            return False
    return True


@contextlib.contextmanager
def _quiet():
    """Keeps what the exporters print or warn of out of a deploy's output."""
    import logging

    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
