"""Pickles what endpoints reach so that it is the same in the engine.

What pickle does by itself it does. This adds what it refuses (functions and classes of the notebook, models, modules,
views of arrays) and refuses what would arrive broken: whatever belongs to a module that the engine lacks.
"""

import copyreg
import functools
import gc
import importlib
import os
import pickle
import sys
import types
import typing

from . import classes, containers, hints, keras_names, stand_ins, unseeded
from .errors import CannotTravel
from .models import Models
from .names import global_reads
from .references import is_reference

# Types that have a name in `types` and nowhere else.
_TYPES = {value: name for name, value in vars(types).items() if isinstance(value, type)}
_SORT_KEY = type(functools.cmp_to_key(max))


def _compared_by(key):
    """The function of a `functools.cmp_to_key`, which no attribute tells."""
    return next(referent for referent in gc.get_referents(key) if callable(referent) and referent is not _SORT_KEY)


class Pickler(pickle.Pickler):
    """Writes to `file`. `capture` is told of everything that is more than data:

    capture.function(function, place)   a function of the notebook, found at `place` by `Sources.find`
    capture.cell(cell)                  the number of a source cell
    capture.model(model)                the spec of a model
    capture.array(array)                the number of an array, whose memory is kept
    capture.generator(generator)        a random number generator that was made without a seed
    capture.base(array)                 the array that `array` is a view of, if that travels too

    `capture.shown` are the values of variables, or parts of them, that endpoints show as their last expressions.
    """

    def __init__(self, file, capture, modules, sources):
        super().__init__(file, protocol=5)
        self._capture, self._modules, self._sources = capture, modules, sources
        self._reducers = {
            types.FunctionType: self._function,
            types.BuiltinFunctionType: self._builtin,
            types.ModuleType: self._module,
            types.CellType: lambda cell: (types.CellType, ()),
            types.MethodType: lambda method: (types.MethodType, (method.__func__, method.__self__)),
            type(os.environ): lambda _: (getattr, (os, "environ")),
            types.MappingProxyType: lambda proxy: (types.MappingProxyType, (dict(proxy),)),
            property: lambda p: (property, (p.fget, p.fset, p.fdel, p.__doc__)),
            classmethod: lambda method: (classmethod, (method.__func__,)),
            staticmethod: lambda method: (staticmethod, (method.__func__,)),
            functools.cached_property: self._cached_property,
            functools.singledispatchmethod: lambda m: (type(m), (m.func,), {"dispatcher": m.dispatcher}),
            functools._lru_cache_wrapper: self._lru_cache,
            _SORT_KEY: lambda key: (functools.cmp_to_key, (_compared_by(key),)),
            typing.TypeVar: self._type_variable,
            typing.NewType: lambda new: (typing.NewType, (new.__name__, new.__supertype__)),
        }
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            self._reducers[numpy.ndarray] = self._array
        self._models = Models(stand_ins, capture)
        self._estimators = None
        if "sklearn" in sys.modules:
            from .sklearn_model import Estimators

            self._estimators = Estimators(stand_ins, modules.has, capture.shown)

    def reducer_override(self, value):
        if isinstance(value, type):
            return self._class(value)
        # A module may be of a class of its own, as those are that load when they are used.
        kind = types.ModuleType if isinstance(value, types.ModuleType) else type(value)
        reducer = self._reducers.get(kind)
        if reducer is not None:
            return reducer(value)
        return self._models.reduce(value) or self._of_sklearn(value) or self._instance(value)

    def _of_sklearn(self, value):
        return self._estimators and self._estimators.reduce(value)

    def _instance(self, value):
        """As pickle does it, but here an error knows the object it is about."""
        module = type(value).__module__
        if module == "IPython.utils.text":
            # The output of a `!command`, with more methods than a list or str.
            base = list if isinstance(value, list) else str
            return base, (base(value),)
        # Before pickle tries, which may end in any error or none.
        if is_reference(value):
            module = value.__module__
        if module != "__main__":
            self._check_reference(value, module)
        if module == "__main__" or module in self._modules.local or module in self._modules.packages:
            reduced = containers.reduction(value, stand_ins)
            if reduced is not None:
                return reduced
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            reduced = reduce(value) if reduce is not None else value.__reduce_ex__(5)
        except Exception as error:
            raise CannotTravel(value, f"{type(error).__name__}: {error}", hints.remedy(value)) from error
        if isinstance(reduced, str):
            self._check_reference(value, pickle.whichmodule(value, reduced))
        elif unseeded.is_unseeded(value):
            self._capture.generator(value)
            function, arguments, *rest = reduced
            return stand_ins.unseeded, (function, *arguments), *rest
        return reduced

    def _check_reference(self, value, module):
        if module == "__main__":
            raise CannotTravel(value, "it is known by its name only", hints.remedy(value))
        missing = self._modules.missing(module)
        if missing is not None:
            raise CannotTravel(value, f"it needs {missing}", hints.remedy(value))

    def _builtin(self, function):
        if isinstance(function.__self__, types.ModuleType) or function.__self__ is None:
            self._check_reference(function, pickle.whichmodule(function, function.__qualname__))
            return NotImplemented
        return getattr, (function.__self__, function.__name__)

    def _module(self, module):
        name = keras_names.public(module.__name__)
        if name != "__main__":
            self._check_reference(module, name)
        return importlib.import_module, (name,)

    def _function(self, function):
        if stand_ins.is_stand_in(function):
            return NotImplemented
        reference = self._models.reference(function) or (
            self._estimators and self._estimators.reduce_function(function)
        )
        if reference:
            return reference
        if is_reference(function):
            if function.__module__.startswith("IPython.") and function.__name__ == "display":
                return getattr, (importlib.import_module("builtins"), "display")
            self._check_reference(function, function.__module__)
            return NotImplemented
        if hasattr(function, "registry") and hasattr(function, "_clear_cache"):
            # Of `functools.singledispatch`, which keeps what it does in a cache of weak references.
            return stand_ins.single_dispatch, (dict(function.registry),)
        place = self._sources.find(function.__code__)
        module = function.__globals__.get("__name__")
        if getattr(sys.modules.get(module), "__dict__", None) is not function.__globals__:
            # Code that a package generated, as attrs does methods, may have globals that are no module's.
            module = None
        if place is None:
            own = module == "__main__"
            remedy = "define it in a cell, with def or lambda" if own else hints.remedy(function)
            raise CannotTravel(function, "its source is not known", remedy)
        if module not in ("__main__", None):
            self._check_reference(function, module)
        self._capture.function(function, place)
        cell, line, ordinal = place
        code = function.__code__
        closure = dict(zip(code.co_freevars, function.__closure__ or ()))
        number = self._capture.cell(cell)
        made = stand_ins.function, (number, code.co_name, line, ordinal, closure, module)
        return *made, self._function_state(function, closure, module), None, None, stand_ins.set_function

    def _function_state(self, function, closure, module):
        contents = []
        for cell in closure.values():
            try:
                contents.append((cell, cell.cell_contents))
            except ValueError:
                # A variable that has no value yet.
                pass
        state = {"contents": contents, "__dict__": dict(function.__dict__), "__qualname__": function.__qualname__}
        state["__module__"] = function.__module__
        if function.__annotations__:
            state["__annotations__"] = classes.annotations(function.__annotations__, self._modules)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                state[name] = getattr(function, name)
        code = function.__code__
        if module is None:
            names = function.__globals__
            state["globals"] = {name: names[name] for name in sorted(global_reads(code)) if name in names}
        if function.__name__ != code.co_name:
            state["__name__"] = function.__name__
        if function.__doc__ != (code.co_consts[0] if code.co_consts and isinstance(code.co_consts[0], str) else None):
            state["__doc__"] = function.__doc__
        return state

    @staticmethod
    def _cached_property(value):
        return functools.cached_property, (value.func,), {"attrname": value.attrname}

    @staticmethod
    def _lru_cache(function):
        options = function.cache_parameters()
        made = "__wrapped__", "cache_parameters"
        state = {name: value for name, value in vars(function).items() if name not in made}
        return stand_ins.lru_cache, (function.__wrapped__, options["maxsize"], options["typed"]), state

    @staticmethod
    def _type_variable(variable):
        options = {name: getattr(variable, f"__{name}__") for name in ("bound", "covariant", "contravariant")}
        return functools.partial(typing.TypeVar, variable.__name__, *variable.__constraints__, **options), ()

    def _class(self, cls):
        if cls in (type(None), type(...), type(NotImplemented)):
            return NotImplemented
        stand_in = self._estimators and self._estimators.reduce_class(cls)
        if stand_in:
            return stand_in
        if is_reference(cls):
            self._check_reference(cls, cls.__module__)
            return NotImplemented
        if _TYPES.get(cls):
            return getattr, (types, _TYPES[cls])
        return classes.reduce(cls, self._modules, self._sources)

    def _array(self, array):
        if array.dtype.hasobject:
            return array.__reduce_ex__(5)
        base = self._capture.base(array)
        if base is not None:
            offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
            return stand_ins.view, (base, array.dtype, array.shape, array.strides, offset)
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        return stand_ins.array, (self._capture.array(array), array.dtype, array.shape, order)
