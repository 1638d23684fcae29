"""Finds where in a variable a value is, to name it in an error: `config['handle']`."""

import sys
import types
from collections import deque

# A search through more than this takes longer than it helps.
_MOST = 200_000


def path_to(name, root, value):
    """How to get from the variable `name`, which holds `root`, to `value`; the name alone if there is no way to be
    seen."""
    queue, seen = deque([(name, root)]), {id(root)}
    # What is looked at stays alive, so that no other object gets its id.
    kept = []
    while queue and len(seen) < _MOST:
        path, holder = queue.popleft()
        if holder is value:
            return path
        for step, part in _parts(holder):
            if id(part) not in seen:
                seen.add(id(part))
                kept.append(part)
                queue.append((path + step, part))
    return name


def _parts(holder):
    if isinstance(holder, dict):
        for key, part in list(holder.items()):
            yield f"[{_short(key)}]", part
            yield f" (the key {_short(key)})", key
    elif isinstance(holder, (list, tuple)):
        for index, part in enumerate(holder):
            yield f"[{index}]", part
    elif isinstance(holder, (set, frozenset)):
        for part in holder:
            yield " (an element)", part
    elif _is_frame(holder):
        for column in holder.columns:
            yield f"[{_short(column)}]", holder[column]
    elif hasattr(holder, "dtype"):
        # An array, or a column of a frame.
        if getattr(holder.dtype, "hasobject", False):
            for index, part in enumerate(getattr(holder, "array", holder)):
                yield f"[{index}]", part
        yield "", getattr(holder, "array", None)
    elif isinstance(holder, types.FunctionType):
        for variable, cell in zip(holder.__code__.co_freevars, holder.__closure__ or ()):
            try:
                yield f" (its variable {variable!r})", cell.cell_contents
            except ValueError:
                pass
        for part in (holder.__defaults__ or ()) + tuple((holder.__kwdefaults__ or {}).values()):
            yield " (a default value)", part
    elif isinstance(holder, types.MethodType):
        yield ".__self__", holder.__self__
        yield ".__func__", holder.__func__
    elif isinstance(holder, (property, classmethod, staticmethod)):
        for attribute in ("fget", "fset", "fdel", "__func__"):
            yield "", getattr(holder, attribute, None)
    elif getattr(type(holder), "__module__", "builtins") == "builtins" and not isinstance(holder, type):
        return
    for attribute, part in list(getattr(holder, "__dict__", {}).items()):
        yield f".{attribute}", part
    for cls in type(holder).__mro__:
        if cls.__module__ == "__main__":
            for attribute, part in list(vars(cls).items()):
                yield f".{attribute}", part
        for slot in _slots(cls):
            try:
                yield f".{slot}", object.__getattribute__(holder, slot)
            except AttributeError:
                pass


def _is_frame(holder):
    return isinstance(holder, getattr(sys.modules.get("pandas"), "DataFrame", ()))


def _slots(cls):
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _short(key):
    text = repr(key)
    return text if len(text) <= 40 else f"{text[:37]}..."
