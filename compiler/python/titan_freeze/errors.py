"""What stops a freeze."""


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


def type_name(value):
    """The type of `value` as its users write it."""
    kind = type(value)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
