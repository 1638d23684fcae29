"""What to do about a value that cannot travel."""

import io
import types

from .errors import type_name

_KEEP = (
    "compute what the endpoint needs of it in a cell before, and keep that as numbers, text, lists, dicts or numpy arrays"
)


def remedy(value):
    """What to do, by what the value is."""
    name, kind = type_name(value), type(value)
    if isinstance(value, types.ModuleType):
        return "use what the engine has, or compute the result in a cell before"
    if isinstance(value, io.IOBase):
        return "read it in a cell before, and keep what was read"
    if isinstance(value, (types.GeneratorType, types.AsyncGeneratorType)):
        return "keep a list of what it yields"
    if name.startswith("pandas."):
        return "keep it as .to_numpy() or .to_dict()"
    if hasattr(kind, "numpy"):
        return "keep it as .numpy()"
    if kind.__module__ == "_thread":
        return "make it in the endpoint's cell"
    return _KEEP
