"""Where values may come from, as the analysis of effects follows them through code.

A *root* says where: (kind, name, depth), where kind is "global", "parameter" of the function looked at, or "itself" for
what the function keeps (closure, defaults, its module); depth 0 is the object, 1 one of its elements or attributes, and
so on.
A value is a pair of sets of roots, of the object and of its elements: a new list of the rows of a global has roots for
its elements only.
"""

import collections
import datetime
import decimal
import enum
import numbers
import re

_SCALARS = (
    numbers.Number, str, bytes, type(None), range, re.Pattern, decimal.Decimal, datetime.date, datetime.time,
    datetime.timedelta, datetime.tzinfo, enum.Enum,
)
_DEEPEST = 3
_LOOKED_AT = 10_000

# The depth of a change that gives a variable another object.
ASSIGNED = -1
# In place of an object that is not known before the code runs.
UNKNOWN = object()
NOTHING = (frozenset(), frozenset())


def value_of(roots):
    """The value that the roots are of."""
    return frozenset(roots), frozenset(_deeper(root) for root in roots)


def _deeper(root):
    kind, name, depth = root
    return kind, name, min(depth + 1, _DEEPEST)


def part_of(value):
    """An element or attribute of a value."""
    return value[1], frozenset(_deeper(root) for root in value[1])


def any_of(values):
    values = list(values)
    return frozenset().union(*(v[0] for v in values)), frozenset().union(*(v[1] for v in values))


def new_of(values):
    """A new container of what the values hold."""
    return frozenset(), any_of(values)[1]


def is_fixed(value, depth=0):
    """Whether what lies `depth` below the value cannot be changed."""
    if isinstance(value, _SCALARS) or type(value).__module__ == "numpy" and not hasattr(value, "__setitem__"):
        return True
    if isinstance(value, (tuple, frozenset)) and depth == 0:
        return True
    if depth == 0:
        return False
    if isinstance(value, enum.EnumMeta):
        return True
    if type(value).__name__ == "ndarray":
        return value.ndim == depth and not value.dtype.hasobject
    if not isinstance(value, (list, tuple, dict, set, frozenset, collections.deque)) or len(value) > _LOOKED_AT:
        return False
    return all(is_fixed(part, depth - 1) for part in (value.values() if isinstance(value, dict) else value))


def at(value, depth):
    """The roots of what lies `depth` below a value."""
    for _ in range(depth):
        value = part_of(value)
    return value[0]


class Summary:
    """What a function does when it is called: the roots it changes, and the value it returns."""

    def __init__(self, parameters=(), changes=(), returns=NOTHING):
        self.parameters, self.changes, self.returns = list(parameters), set(changes), returns
