"""Notes with what PyTorch modules are called while the notebook runs: a module does not know the shapes of its inputs.

A hook for all modules is set as soon as the notebook has imported `torch`.
"""

import importlib.abc
import importlib.machinery
import sys
import weakref

_calls = weakref.WeakKeyDictionary()


def _kind(value):
    """(type of the elements, shape) of a tensor, or the type of anything else."""
    return (str(value.dtype).removeprefix("torch."), tuple(value.shape)) if hasattr(value, "shape") else type(value)


def watch():
    """Waits for the notebook to import torch."""
    if "torch" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def of(module):
    """What the module was called with: {position or name of an argument: set of (type of elements, shape), or of the
    types of what is no tensor}. Empty for a module that was never called."""
    return _calls.get(module, {})


def _note(module, inputs, named, _):
    import torch

    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return
    arguments = {**dict(enumerate(inputs)), **named}
    seen = _calls.setdefault(module, {})
    if seen.keys() != arguments.keys():
        seen.clear()
    for key, value in arguments.items():
        seen.setdefault(key, set()).add(_kind(value))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds torch as it would be found without, and sets the hook when it is loaded."""

    def find_spec(self, name, path, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        from torch.nn.modules.module import register_module_forward_hook

        register_module_forward_hook(_note, with_kwargs=True)
