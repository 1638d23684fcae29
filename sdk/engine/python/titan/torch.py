"""Stands in for PyTorch modules: the host runs the graph. The spec is that of `titan_freeze.torch_model`."""

import numpy as np
import torch

from titan import graph
from titan.keras.structure import pack

_NOT_HERE = {
    "train": "train it in a cell before",
    "state_dict": "keep what an endpoint needs of it in a variable",
    "load_state_dict": "load it in a cell before",
    "parameters": "keep what an endpoint needs of them in a variable",
    "requires_grad_": "there are no gradients",
}


class Module(torch.nn.Module):
    """Answers as the module that `spec` was made from, in evaluation."""

    def __init__(self, spec):
        self.__dict__.update(spec["attributes"])
        self._spec, self.training = spec, spec["training"]

    def __repr__(self):
        return self._spec["text"]

    def __getattr__(self, name):
        spec = self.__dict__.get("_spec", {})
        hint = _NOT_HERE.get(name, "move what it does into a function of the notebook, or keep its value in a variable")
        raise AttributeError(f"the deployed module {spec.get('class')} has no {name!r}: {hint}, and deploy again")

    def eval(self):
        self.training = False
        return self

    def to(self, *_, **__):
        return self

    cpu = float = to

    def __call__(self, *inputs, **named):
        spec = self._spec
        if self.training and spec["trains"]:
            raise RuntimeError(
                f"the deployed module {spec['class']} is in training mode, in which {spec['trains']} is random or "
                "changes: call eval() on it"
            )
        names = [port["name"] for port in spec["inputs"]]
        given = dict(zip(names, inputs), **named)
        if len(inputs) > len(names) or set(given) != set(names):
            raise TypeError(
                f"the deployed module {spec['class']} takes {', '.join(names)}, and was given {', '.join(given)}"
            )
        arrays = [self._array(port, given[port["name"]]) for port in spec["inputs"]]
        results = graph.run(spec["graph"], [port["graph_name"] for port in spec["inputs"]], arrays)
        kinds = [np.dtype(kind) for kind in spec["outputs"]]
        return pack(spec["structure"], [torch.Tensor(r.astype(kind, copy=False)) for r, kind in zip(results, kinds)])

    forward = __call__

    def _array(self, port, value):
        if not isinstance(value, torch.Tensor):
            kind = self._spec["class"]
            raise TypeError(
                f"{port['name']} of the deployed module {kind} must be a Tensor, not {type(value).__name__}"
            )
        array, shape = value.numpy(), port["shape"]
        if array.dtype != port["dtype"]:
            raise RuntimeError(f"{port['name']} has type {value.dtype}, and the module was called with {port['dtype']}")
        if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape)):
            raise RuntimeError(
                f"{port['name']} has shape {tuple(array.shape)}, and the module was frozen for {tuple(shape)}, where "
                "None is any number: call it on other shapes in a cell before, so that they can vary"
            )
        return np.ascontiguousarray(array)
