"""Chooses how state lives between requests where the notebook does not say: as in a Jupyter kernel if an endpoint
changes a variable that an endpoint reads as it was left, and by instances that are reused if none does.

What an endpoint surely sets before it reads is its own affair, as a local variable is.
"""

import functools
import types

from .effects import Effects
from .names import CellReads, global_reads

# Set anew for every request, or by Python itself.
_SET = {"REQUEST", "__annotations__"}
_LOOKED_AT = 10_000


class _Reads(CellReads):
    """The variables a cell reads as they were left, with those that the functions it may call read."""

    def __init__(self, source, flags, known, reached):
        self._reached = reached
        super().__init__(source, flags, known)

    def note(self, name, known):
        super().note(name, known)
        for inner in self._reached(name):
            if inner not in known:
                super().note(inner, known)


class Reached:
    """The variables that code behind a variable reads: of functions, of classes and their instances, of containers of
    these, and of what they read in turn."""

    def __init__(self, effects):
        self._effects = effects
        self._found = {}

    def __call__(self, name):
        """The names, for the variable `name`."""
        if name not in self._found:
            names = self._found[name] = {}
            seen, kept = set(), []
            if name in self._effects.names:
                self._search(self._effects.names[name], names, seen, kept)
        return self._found[name]

    def _search(self, value, names, seen, kept):
        queue = [value]
        while queue and len(seen) < _LOOKED_AT:
            value = queue.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            kept.append(value)
            if isinstance(value, types.FunctionType) and self._effects.is_own(value):
                for name in global_reads(value.__code__):
                    names[name] = None
                    if name in self._effects.names and value.__globals__.get("__name__") == "__main__":
                        queue.append(self._effects.names[name])
            queue.extend(self._parts(value))

    def _parts(self, value):
        if isinstance(value, types.FunctionType) and self._effects.is_own(value):
            for cell in value.__closure__ or ():
                try:
                    yield cell.cell_contents
                except ValueError:
                    # A variable that has no value yet.
                    pass
        elif isinstance(value, type):
            if self._effects.is_own(value):
                yield from vars(value).values()
                yield from value.__bases__
        elif isinstance(value, (property, classmethod, staticmethod, types.MethodType, functools.partial)):
            parts = (getattr(value, name, None) for name in ("fget", "fset", "__func__", "__self__", "func"))
            yield from (part for part in parts if part is not None)
        elif isinstance(value, dict):
            yield from value.values() if len(value) <= _LOOKED_AT else ()
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from value if len(value) <= _LOOKED_AT else ()
        elif isinstance(value, functools._lru_cache_wrapper):
            yield value.__wrapped__
        elif self._effects.is_own(type(value)):
            yield type(value)
            yield from getattr(value, "__dict__", {}).values()


def choose(names, capture, cells):
    """{"mode": "kernel" or "reuse", "why": a clause for people}. `names` are the notebook's variables, `cells` is
    {export name of an endpoint: [indexes of its cells]}."""
    effects = Effects(names, capture.sources, capture.modules.local)
    reached = Reached(effects)
    readers = {}
    for endpoint in capture.endpoints:
        for name in _reads(endpoint, reached):
            readers.setdefault(name, endpoint)
    for endpoint in capture.endpoints:
        for name in effects.of_cell(endpoint.trees()):
            if name in readers and name not in _SET:
                return {"mode": "kernel", "why": _why(endpoint, name, _reads(endpoint, reached), readers[name], cells)}
    return {"mode": "reuse", "why": "no endpoint changes what an endpoint reads"}


def _reads(endpoint, reached):
    reads = _Reads(endpoint.source, endpoint.flags, frozenset(), reached)
    names = dict(reads.reads)
    if endpoint.info:
        names |= _Reads(endpoint.info, endpoint.flags, reads.after, reached).reads
    return names


def _why(endpoint, name, own_reads, reader, cells):
    who = "it" if name in own_reads else reader.label
    indexes = cells[endpoint.export]
    where = f"cell {indexes[0]}" if len(indexes) == 1 else "cells " + " and ".join(map(str, indexes))
    return f"{endpoint.label} changes {name!r}, which {who} reads ({where})"
