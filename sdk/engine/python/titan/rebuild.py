"""Builds what pickle cannot carry: functions and classes of the notebook, and models.

A function comes back from the source of its cell, with the closure, defaults and attributes it had; a class from its
attributes. No code of the notebook runs for that: decorators, class bodies and `__init_subclass__` have done their
work before the freeze, and the state has the results.
"""

import ast
import builtins
import collections
import dataclasses
import functools
import importlib
import linecache
import types
import typing
import warnings

from . import renew

CO_OPTIMIZED = 1
"""The flag of code objects that have fast locals: functions, and neither classes nor cells."""


def functions(code):
    """Yields the code objects of the functions within `code`, comprehensions left out, in an order that does not
    depend on the version of Python."""
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            if part.co_flags & CO_OPTIMIZED and (part.co_name == "<lambda>" or part.co_name[0] != "<"):
                yield part
            yield from functions(part)


class Sources:
    """Cells that functions come from, compiled when first asked for."""

    def __init__(self, cells):
        self._cells = cells
        self._compiled = {}

    def function(self, cell, name, line, ordinal):
        """The code of the function `name` that begins in `line` of a cell, the `ordinal`-th such."""
        if cell not in self._compiled:
            self._compiled[cell] = found = {}
            for code in functions(compile_cell(*self._cells[cell])):
                found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
        try:
            return self._compiled[cell][name, line][ordinal]
        except (KeyError, IndexError):
            where = f"line {line} of {self._cells[cell][0]}"
            raise LookupError(f"function {name} is not found in {where}: move it out of its expression") from None


def compile_cell(label, text, flags, mode="exec", tree=None):
    """The code of a cell, or of a part of its syntax tree. Tracebacks show its lines."""
    linecache.cache[label] = len(text), None, text.splitlines(True), label
    with warnings.catch_warnings():
        # They were shown when the notebook ran.
        warnings.simplefilter("ignore")
        return compile(tree or text, label, mode, flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


class Builder:
    """What the stream of a state calls by name. `namespace` holds the functions' global names, `array` makes arrays."""

    def __init__(self, sources, namespace, array):
        self._sources = sources
        self._namespace = namespace
        self.array = array

    def function(self, cell, name, line, ordinal, cells, module):
        """A function over `cells`, {name: cell}, of the variables it closes over."""
        code = self._sources.function(cell, name, line, ordinal)
        closure = tuple(cells[variable] for variable in code.co_freevars)
        if module is None:
            # Of its own; `set_function` fills them.
            names = {"__builtins__": builtins}
        else:
            names = self._namespace if module == "__main__" else importlib.import_module(module).__dict__
        return types.FunctionType(code, names, name, None, closure)

    @staticmethod
    def set_function(function, state):
        """Gives the function its attributes, and its closure what it holds: `contents` is a list of (cell, value)."""
        for cell, value in state.pop("contents"):
            cell.cell_contents = value
        function.__dict__.update(state.pop("__dict__"))
        function.__globals__.update(state.pop("globals", ()))
        for name, value in state.items():
            setattr(function, name, value)

    @staticmethod
    def lru_cache(function, maxsize, typed):
        """A `functools.lru_cache` of the function, empty."""
        return functools.lru_cache(maxsize, typed)(function)

    @staticmethod
    def single_dispatch(registry):
        """A `functools.singledispatch` function over {class: implementation}."""
        function = functools.singledispatch(registry[object])
        for cls, implementation in registry.items():
            function.register(cls, implementation)
        return function

    @staticmethod
    def container(cls, base):
        """An empty container of a class that derives from `base`."""
        return base.__new__(cls)

    @staticmethod
    def set_container(container, state):
        """Fills it by its base's methods, whatever its class makes of them, and gives it its attributes."""
        contents, extra, attributes = state
        base = next(base for base in _CONTAINERS if isinstance(container, base))
        if base in _EXTRA:
            base.__init__(container, *_EXTRA[base](extra))
        if issubclass(base, dict):
            for key, value in contents:
                base.__setitem__(container, key, value)
        else:
            _FILL[base](container, contents)
        for name, value in attributes.items():
            object.__setattr__(container, name, value)

    @staticmethod
    def unseeded(function, *arguments):
        """A random number generator that was made without a seed, as `function` makes it."""
        renew.generators.append(function(*arguments))
        return renew.generators[-1]

    @staticmethod
    def view(base, dtype, shape, strides, offset):
        """An array over the memory of the array `base`."""
        import numpy

        memory = base.reshape(-1, order="A").view(numpy.uint8)
        return numpy.ndarray(shape, dtype, memory, offset, strides)

    @staticmethod
    def model(spec):
        """A model, from what `titan_freeze` noted of it."""
        from .keras import Model

        return Model(spec)

    @staticmethod
    def history(spec):
        """What `fit` returned."""
        from .keras import History

        return History(spec)

    @staticmethod
    def tensor(array):
        """A tensor of TensorFlow."""
        from .keras import Tensor

        return Tensor(array)

    @staticmethod
    def session(spec):
        """A session of onnxruntime."""
        from .onnx import InferenceSession

        return InferenceSession(spec)

    @staticmethod
    def module(spec):
        """A module of PyTorch."""
        from .torch import Module

        return Module(spec)

    @staticmethod
    def torch_tensor(array):
        """A tensor of PyTorch."""
        from torch import Tensor

        return Tensor(array)

    @staticmethod
    def sparse(array):
        """A sparse matrix of SciPy."""
        from .sklearn.sparse import Sparse

        return Sparse(array)

    @staticmethod
    def estimator_class(family, name):
        """The stand-in for a class of scikit-learn."""
        from .sklearn import estimator_class

        return estimator_class(family, name)

    @staticmethod
    def trees(*arrays):
        """The trees of an ensemble of scikit-learn."""
        from .sklearn.trees import Trees

        return Trees(*arrays)

    @staticmethod
    def tree(*parts):
        """One of such trees."""
        from .sklearn.trees import Tree

        return Tree(*parts)

    def class_(self, meta, name, bases, attributes):
        """A class with the attributes that must be there from the start."""
        return self._create(meta, name, bases, attributes)

    def enum(self, meta, name, bases, attributes, members, options):
        """An enum with {name: value} of its members."""
        body = meta.__prepare__(name, bases, **options)
        for key, value in {**attributes, **members}.items():
            body[key] = value
        return self._create(meta, name, bases, body, **options)

    def _create(self, meta, name, bases, body, **options):
        """The class, without running the notebook's own hooks for it."""
        hooked = {cls for base in bases for cls in base.__mro__ if self._has_hook(cls)}
        hooks = {cls: cls.__dict__["__init_subclass__"] for cls in hooked}
        try:
            for cls in hooks:
                type.__delattr__(cls, "__init_subclass__")
            maker = next(cls for cls in meta.__mro__ if cls.__module__ != "__main__")
            maker = type if maker is typing._TypedDictMeta else maker
            return maker.__new__(meta, name, bases, body, **options)
        finally:
            for cls, hook in hooks.items():
                type.__setattr__(cls, "__init_subclass__", hook)

    @staticmethod
    def _has_hook(cls):
        return cls.__module__ == "__main__" and "__init_subclass__" in cls.__dict__

    @staticmethod
    def set_class(cls, state):
        """Gives the class its attributes; `dataclass`, `registered` and `members` are (see `titan_freeze.classes`)
        instructions."""
        for name, value in state["attributes"].items():
            type.__setattr__(cls, name, value)
        for name, attributes in state.get("members", {}).items():
            cls._member_map_[name].__dict__.update(attributes)
        if "dataclass" in state:
            _make_dataclass(cls, **state["dataclass"])
        for subclass in state.get("registered", ()):
            cls.register(subclass)


_CONTAINERS = collections.OrderedDict, collections.Counter, collections.defaultdict, collections.deque, dict, list, set
_EXTRA = {collections.defaultdict: lambda factory: (factory,), collections.deque: lambda maxlen: ((), maxlen)}
_FILL = {collections.deque: collections.deque.extend, list: list.extend, set: set.update}
_KINDS = {"ClassVar": typing.ClassVar, "InitVar": dataclasses.InitVar(object), "field": object}


def _make_dataclass(cls, options, fields):
    """Generates the methods of a dataclass again. `fields` is {name: (kind, type, arguments of `dataclasses.field`)}
    of its own fields, without those it inherits."""
    generated = options["init"] and "__init__" not in cls.__dict__
    kept = {name: cls.__dict__[name] for name in ("__annotations__", *fields) if name in cls.__dict__}
    cls.__annotations__ = {name: _KINDS[kind] for name, (kind, _, _) in fields.items()}
    for name, (kind, _, arguments) in fields.items():
        if kind != "ClassVar":
            type.__setattr__(cls, name, dataclasses.field(**arguments))
    dataclasses.dataclass(cls, **options)
    for name, (_, annotation, _) in fields.items():
        cls.__dataclass_fields__[name].type = annotation
        if generated and name in cls.__init__.__annotations__:
            cls.__init__.__annotations__[name] = annotation
    for name, value in kept.items():
        type.__setattr__(cls, name, value)
