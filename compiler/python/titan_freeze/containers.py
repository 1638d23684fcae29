"""How objects travel whose classes derive from Python's containers and exceptions.

pickle makes such an object by calling its class, with arguments its `__init__` may not take, and then fills it by
methods its class may have changed. Here its class makes it empty, and the base's own methods fill it.
"""

import collections
import copyreg

_BASES = collections.OrderedDict, collections.Counter, collections.defaultdict, collections.deque, dict, list, set
_OWN = "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"


def reduction(value, stand_ins):
    """The reduction of a container or exception of a derived class, or None for any other object."""
    cls = type(value)
    if _reduces_itself(cls):
        return None
    if isinstance(value, BaseException):
        return copyreg.__newobj__, (cls, *value.args), _attributes(value) or None
    base = next((base for base in _BASES if isinstance(value, base)), None)
    if base is None or cls is base:
        return None
    if issubclass(base, dict):
        # By the base: the class may have methods of its own for these.
        contents = [(key, dict.__getitem__(value, key)) for key in base.__iter__(value)]
    else:
        contents = list(base.__iter__(value))
    extra = {collections.defaultdict: "default_factory", collections.deque: "maxlen"}.get(base)
    state = contents, extra and getattr(base, extra).__get__(value), _attributes(value)
    return stand_ins.container, (cls, base), state, None, None, stand_ins.set_container


def _reduces_itself(cls):
    """Whether the class, or one it derives from that is none of Python's own, says how its objects travel."""
    own = [parent for parent in cls.__mro__ if parent.__module__ not in ("builtins", "collections")]
    return any(name in vars(parent) for parent in own for name in _OWN)


def _attributes(value):
    attributes = dict(getattr(value, "__dict__", {}))
    for parent in type(value).__mro__:
        slots = vars(parent).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                attributes[name] = getattr(value, name)
    return attributes
