"""The text a notebook shows for a value: its repr, but containers are broken into lines of at most 79 characters.

What a kernel shows as `text/plain`. Containers are laid out as groups: either all of a group's items are in one line,
or each is in a line of its own; outer groups break before inner ones.
"""

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
    """`within` are the ids of the containers around it."""
    kind = type(value)
    for base, (opening, closing) in _BRACKETS.items():
        if issubclass(kind, base) and kind.__repr__ is base.__repr__:
            if id(value) in within:
                return f"{opening}...{closing}"
            return _container(value, base, opening, closing, (*within, id(value)))
    if issubclass(kind, type) and kind.__repr__ is type.__repr__:
        return value.__qualname__ if value.__module__ == "builtins" else f"{value.__module__}.{value.__qualname__}"
    lines = repr(value).splitlines()
    return lines if len(lines) > 1 else "".join(lines)


_BRACKETS = {dict: "{}", list: "[]", tuple: "()", set: "{}", frozenset: ("frozenset({", "})")}


def _container(value, base, opening, closing, within):
    if base in (set, frozenset):
        if not value:
            return repr(value)
        if len(value) < MOST:
            value = _ordered(value)
    items = []
    for item in value.items() if base is dict else value:
        if len(items) == MOST:
            items.append(["..."])
            break
        items.append([_part(item[0], within), ": ", _part(item[1], within)] if base is dict else [_part(item, within)])
    if base is tuple and len(items) == 1:
        closing = ",)"
    return _Group(opening, items, closing)


def _ordered(values):
    try:
        return sorted(values)
    except Exception:
        return sorted(values, key=str)
