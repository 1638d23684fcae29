"""What stops a freeze."""

import types


class FreezeError(Exception):
    """The reason, and what to do about it, in one line; `detail` may be long."""

    def __init__(self, message, detail=""):
        super().__init__(one_line(message))
        self.detail = detail


class CannotTravel(Exception):
    """`value` cannot be brought into the engine: `why`, and what to do."""

    def __init__(self, value, why, remedy):
        super().__init__(why)
        self.value, self.why, self.remedy = value, why, remedy


class Unsupported(Exception):
    """What of a model cannot be frozen, and what to do, on one line."""


def one_line(text):
    """The text without line breaks and runs of white space."""
    return " ".join(str(text).split())


def described(value):
    """What `value` is, for people: its type, or for what has a name of its own, that."""
    if isinstance(value, (type, types.FunctionType)):
        kind = "class" if isinstance(value, type) else "function"
        return f"{kind} {qualified(value)}"
    return type_name(value)


def type_name(value):
    """The type of `value` as its users write it."""
    return qualified(type(value))


def qualified(named):
    """The name of a class or function with its module's, unless that is the notebook."""
    if named.__module__ in ("builtins", "__main__", None):
        return named.__qualname__
    return f"{named.__module__}.{named.__qualname__}"
