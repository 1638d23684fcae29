"""The text a notebook shows for a value: its repr, but containers are broken into lines of at most 79 characters, and
some types look otherwise.

What a kernel shows as `text/plain`. Containers are laid out as groups: either all of a group's items are in one line,
or each is in a line of its own; outer groups break before inner ones.
"""

import collections
import itertools
import re
import types

WIDTH = 79
MOST = 1000
"""Items of a container that are shown."""


class _Group:
    """Items between brackets. An item is a list of parts: text, lines of text, or groups."""

    def __init__(self, opening, items, closing):
        self.opening, self.items, self.closing = opening, items, closing
        flats = [[_flat(part) for part in item] for item in items]
        self.flat = None
        if all(None not in flat for flat in flats):
            self.flat = opening + ", ".join(map("".join, flats)) + closing


def _flat(part):
    """The part as one line; None if it cannot be."""
    if isinstance(part, str):
        return part
    return part.flat if isinstance(part, _Group) else None


def pretty(value):
    """The text."""
    part = _part(value, ())
    if isinstance(part, str):
        return part
    out = []
    _lay_out(part, out, 0, 0, 0)
    return "".join(out)


def _lay_out(part, out, column, indent, tail):
    """Appends the part to `out` and returns the column after it. `tail` is the width of what must stay in its last
    line."""
    if isinstance(part, list):
        text = ("\n" + " " * indent).join(part)
        out.append(text)
        return indent + len(part[-1])
    flat = _flat(part)
    if isinstance(part, str) or flat is not None and column + len(flat) + tail <= WIDTH:
        out.append(flat)
        return column + len(flat)
    out.append(part.opening)
    column += len(part.opening)
    indent += len(part.opening)
    for number, item in enumerate(part.items, 1):
        last = number == len(part.items)
        for index, piece in enumerate(item):
            after = sum(len(other) for other in item[index + 1 :] if isinstance(other, str))
            column = _lay_out(piece, out, column, indent, after + (len(part.closing) + tail if last else 1))
        if not last:
            out.append(",\n" + " " * indent)
            column = indent
    out.append(part.closing)
    return column + len(part.closing)


def _part(value, within):
    """`within` are the ids of what is around it."""
    kind = type(value)
    for base in kind.__mro__:
        show = _SHOWN.get(base)
        if show is not None:
            return show(value, (*within, id(value)), id(value) in within)
        if base is object:
            return f"<{_class(kind)} at {id(value):#x}>"
        if "__repr__" in vars(base):
            break
    return _repr(value)


def _repr(value, within=(), again=False):
    lines = repr(value).splitlines()
    return lines if len(lines) > 1 else "".join(lines)


def _class(kind, within=(), again=False):
    if type(kind).__repr__ is not type.__repr__:
        return _repr(kind)
    return kind.__qualname__ if kind.__module__ in ("builtins", None) else f"{kind.__module__}.{kind.__qualname__}"


def _function(function, within, again):
    import inspect

    name = getattr(function, "__qualname__", function.__name__)
    if function.__module__ not in ("builtins", None):
        name = f"{function.__module__}.{name}"
    try:
        return f"<function {name}{inspect.signature(function)}>"
    except ValueError:
        return f"<function {name}>"


def _items(values, within):
    """The items of a group: at most MOST."""
    items = [[_part(value, within)] for value in itertools.islice(values, MOST)]
    return items if len(values) <= MOST else [*items, ["..."]]


def _list(value, within, again):
    return "[...]" if again else _Group("[", _items(value, within), "]")


def _tuple(value, within, again):
    return "(...)" if again else _Group("(", _items(value, within), ",)" if len(value) == 1 else ")")


def _pairs(opening, closing):
    def pairs(value, within, again):
        if again:
            return "{...}"
        keys = list(itertools.islice(value, MOST))
        items = [[_part(key, within), ": ", _part(value[key], within)] for key in keys]
        return _Group(opening, items if len(value) <= MOST else [*items, ["..."]], closing)

    return pairs


def _elements(opening, closing):
    def elements(value, within, again):
        if again:
            return f"{opening}...{closing}"
        if not value:
            return f"{type(value).__name__}()"
        return _Group(opening, _items(value if len(value) >= MOST else _ordered(value), within), closing)

    return elements


def _ordered(values):
    try:
        return sorted(values)
    except Exception:
        return sorted(values, key=str)


def _call(arguments, name=None):
    """Shows a value as the call that makes it. `arguments(value)` are its arguments by position and by name."""

    def call(value, within, again):
        opening = f"{name or type(value).__name__}("
        if again:
            return f"{opening}...)"
        positions, names = arguments(value)
        items = [[_part(argument, within)] for argument in positions]
        items += [[_Group(f"{keyword}=", [[_part(argument, within)]], "")] for keyword, argument in names.items()]
        return _Group(opening, items, ")")

    return call


def _exception(error, within, again):
    return _call(lambda error: (error.args, {}), _class(type(error)))(error, within, again)


def _pattern(pattern, within, again):
    named = (flag for flag in _FLAGS if pattern.flags & getattr(re, flag))
    flags = "|".join(f"re.{flag}" for flag in named)
    text = "r" + repr(pattern.pattern).replace("\\\\", "\\")
    return _Group("re.compile(", [[text], [flags]] if pattern.flags else [[text]], ")")


_FLAGS = "IGNORECASE", "LOCALE", "MULTILINE", "DOTALL", "UNICODE", "VERBOSE", "DEBUG"
_SHOWN = {
    list: _list,
    tuple: _tuple,
    dict: _pairs("{", "}"),
    set: _elements("{", "}"),
    frozenset: _elements("frozenset({", "})"),
    type: _class,
    types.FunctionType: _function,
    types.BuiltinFunctionType: _function,
    types.MappingProxyType: _pairs("mappingproxy({", "})"),
    types.SimpleNamespace: _call(lambda value: ((), vars(value)), "namespace"),
    re.Pattern: _pattern,
    BaseException: _exception,
    collections.defaultdict: _call(lambda value: ((value.default_factory, dict(value)), {})),
    collections.OrderedDict: _call(lambda value: ((list(value.items()),) if value else (), {})),
    collections.Counter: _call(lambda value: ((dict(value.most_common()),) if value else (), {})),
    collections.deque: _call(lambda value: ((list(value),), {} if value.maxlen is None else {"maxlen": value.maxlen})),
    collections.UserList: _call(lambda value: ((value.data,), {})),
}
