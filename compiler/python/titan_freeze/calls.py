"""What calls change: of the notebook's own functions by their summaries, of libraries' by their names."""

import ast
import functools
import inspect
import random
import types

from .roots import ASSIGNED, NOTHING, UNKNOWN, any_of, at, is_fixed, new_of, part_of, value_of
from .scope import Scope

_LIST = "append extend insert remove pop clear sort reverse"
_DICT = "update popitem setdefault move_to_end subtract"
_SET = "add discard difference_update intersection_update symmetric_difference_update"
_DEQUE = "appendleft popleft extendleft rotate"
_ARRAY = set("fill sort put itemset resize partition setfield setflags".split())
_FRAME = {"insert", "update", "pop"}
_TRAINING = """
    fit partial_fit fit_transform fit_predict train train_on_batch compile adapt load_weights set_weights set_params
    reset_state reset_states
"""
_OTHERS = "__setitem__ __delitem__ __setattr__ __delattr__ __iadd__ __ior__ push put write writelines truncate seed"
_MUTATORS = set(f"{_LIST} {_DICT} {_SET} {_DEQUE} {_TRAINING} {_OTHERS}".split()) | _ARRAY

# Functions that change their first argument.
_CHANGE_FIRST = set(
    """
    setattr delattr next anext shuffle heappush heappop heapify heapreplace heappushpop insort insort_left insort_right
    copyto fill_diagonal put put_along_axis place putmask setitem delitem iadd iconcat ior at
    """.split()
)
# Calls whose result is new, with what the arguments hold in it; and those that return something the arguments hold.
_NEW = set(
    "list tuple dict set frozenset sorted reversed enumerate zip map filter iter chain copy items values".split()
)
_HELD = set(
    """
    next max min getattr get pop setdefault popitem popleft asarray reshape ravel view transpose squeeze atleast_1d
    atleast_2d
    """.split()
)
_RANDOM_READERS = {"getstate", "get_state", "__getstate__"}


class Calls(Scope):
    """The part of a walker that follows values through calls."""

    def _static_of(self, node):
        """The object an expression stands for before the code runs, if it can be told without running any."""
        if isinstance(node, ast.Name):
            return self._static(node.id)
        if isinstance(node, ast.Attribute):
            holder = self._static_of(node.value)
            return UNKNOWN if holder is UNKNOWN else _attribute(holder, node.attr)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            holder = self._static_of(node.value)
            if type(holder) in (dict, list, tuple):
                try:
                    return holder[node.slice.value]
                except (LookupError, TypeError):
                    pass
        return UNKNOWN

    def _value_Call(self, node):
        arguments = [self.value(argument) for argument in node.args]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords}
        for keyword in node.keywords:
            if keyword.arg == "out":
                self._change(named["out"][0])
        receiver = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        everything = [*arguments, *named.values(), *([receiver] if receiver else [])]
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self._callback(argument, everything)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and self._parameters:
            return self.known[self._parameters[0]]
        if isinstance(node.func, ast.Name) and node.func.id in self._local and node.func.id in self.known:
            return self._called(self._local[node.func.id], None, arguments, named, NOTHING)
        callee = self.value(node.func) if not isinstance(node.func, ast.Attribute) else part_of(receiver)
        function = self._static_of(node.func)
        while isinstance(function, functools.partial):
            arguments = [value_of(callee[0])] * len(function.args) + arguments
            function = function.func
        function = inspect.unwrap(function) if isinstance(function, functools._lru_cache_wrapper) else function
        called = self._own_call(function, callee, receiver, arguments, named)
        if called is not None:
            return called
        name = node.func.attr if receiver is not None else getattr(node.func, "id", "")
        holder = self._static_of(node.func.value) if receiver is not None else UNKNOWN
        if receiver is not None and not isinstance(holder, types.ModuleType):
            return self._method(node, name, holder, receiver, arguments, named)
        if name in _CHANGE_FIRST and arguments:
            self._change(arguments[0][0])
        return self._result(name, everything if receiver is None else [*arguments, *named.values()])

    def _own_call(self, function, callee, receiver, arguments, named):
        """The result of calling something of the notebook's own; None if it is not."""
        if isinstance(function, types.FunctionType) and self._effects.is_own(function):
            return self._called(self._effects.of_function(function), function, arguments, named, callee)
        if isinstance(function, types.MethodType) and self._effects.is_own(function.__func__):
            itself = receiver if receiver is not None else callee
            return self._called(
                self._effects.of_function(function.__func__), function.__func__, [itself, *arguments], named, callee
            )
        if isinstance(function, type) and self._effects.is_own(function):
            for name in "__new__", "__init__", "__post_init__":
                made = inspect.getattr_static(function, name, None)
                made = getattr(made, "__func__", made)
                if isinstance(made, types.FunctionType) and self._effects.is_own(made):
                    itself = callee if name == "__new__" else NOTHING
                    self._called(self._effects.of_function(made), made, [itself, *arguments], named, callee)
            return frozenset(), any_of([*arguments, *named.values()])[0]
        if function is not UNKNOWN and self._effects.is_own(type(function)):
            call = inspect.getattr_static(type(function), "__call__", None)
            if isinstance(call, types.FunctionType):
                return self._called(self._effects.of_function(call), call, [callee, *arguments], named, callee)
        return None

    def _called(self, summary, function, arguments, named, callee):
        """Applies a summary to the arguments of a call. `callee` is the function itself, as a value."""
        given = dict(zip(summary.parameters, arguments)) | {key: value for key, value in named.items() if key}
        others = [value for name, value in named.items() if name not in summary.parameters]
        rest = any_of([*arguments[len(summary.parameters) :], *others])

        def actual(root):
            kind, name, depth = root
            if kind == "global":
                replaced = self._node is None and name in self.known and depth != ASSIGNED
                return at(self.known[name], depth) if replaced else {root}
            if kind == "itself":
                return callee[0]
            if name in given:
                return at(given[name], depth)
            if name in summary.parameters:
                # A default value is kept by the function.
                return callee[0] if _has_changeable_default(function, name) else frozenset()
            return rest[0] | rest[1]

        for change in summary.changes:
            self._change(actual(change))
        own, parts = summary.returns
        return frozenset().union(*map(actual, own)), frozenset().union(*map(actual, parts))

    def _callback(self, node, values):
        """A function that is handed over is called, with any of the other values."""
        summary = None
        if isinstance(node, ast.Lambda):
            summary = type(self)(self._effects, self._function, node, self).summary()
        elif isinstance(node, ast.Name) and node.id in self._local:
            summary = self._local[node.id]
        else:
            function = self._static_of(node)
            function = getattr(function, "__func__", function)
            if isinstance(function, types.FunctionType) and self._effects.is_own(function):
                summary = self._effects.of_function(function)
        if summary is not None:
            for kind, name, depth in summary.changes:
                if kind == "parameter":
                    self._change(any_of(values)[0] | any_of(values)[1])
                elif kind == "itself":
                    self._change(self.value(node)[0])
                else:
                    self._change({(kind, name, depth)})

    def _method(self, node, name, holder, receiver, arguments, named):
        """A call of a method that is not known to be the notebook's own."""
        inplace = any(
            keyword.arg == "inplace" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            for keyword in node.keywords
        )
        if inplace or _changes_receiver(name, holder):
            self._change(receiver[0])
        if holder is UNKNOWN:
            for function in self._effects.methods(name) if receiver[0] else ():
                summary = self._effects.of_function(function)
                self._called(summary, function, [receiver, *arguments], named, NOTHING)
        if name in _CHANGE_FIRST - _MUTATORS and arguments:
            self._change(arguments[0][0])
        return self._result(name, [receiver, *arguments])

    @staticmethod
    def _result(name, values):
        if name in _NEW:
            return new_of(values)
        return part_of(any_of(values)) if name in _HELD else NOTHING


def _attribute(holder, name):
    """An attribute that can be had without running code of the notebook."""
    if isinstance(holder, types.ModuleType):
        return vars(holder).get(name, UNKNOWN)
    found = inspect.getattr_static(holder, name, UNKNOWN)
    if isinstance(found, types.FunctionType) and not isinstance(holder, type):
        return found.__get__(holder)
    if isinstance(found, classmethod):
        return found.__get__(holder, type(holder))
    return found.__func__ if isinstance(found, staticmethod) else found


def _has_changeable_default(function, name):
    if function is None:
        return True
    parameter = inspect.signature(function, follow_wrapped=False).parameters.get(name)
    return parameter is not None and parameter.default is not parameter.empty and not is_fixed(parameter.default)


def _changes_receiver(name, holder):
    """Whether a method of `holder` that is called `name` changes it."""
    kind = type(holder)
    if holder is UNKNOWN:
        return name in _MUTATORS
    if is_fixed(holder):
        return False
    if kind.__module__.startswith("numpy.random") or isinstance(holder, random.Random):
        return name not in _RANDOM_READERS
    if kind.__module__.split(".")[0] == "pandas":
        return name in _FRAME
    return name in (_ARRAY if kind.__name__ == "ndarray" else _MUTATORS)
