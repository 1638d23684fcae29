"""What to do about a value that cannot travel."""

import collections.abc
import io
import types
import weakref

_KEEP = (
    "compute what the endpoint needs of it in a cell before, and keep that as numbers, text, lists, dicts or numpy arrays"
)
_MODEL = "let the endpoint use a keras.Model that it is part of, or write what it does with numpy"
_ALONE = "leave it out, since an instance answers one request at a time, or make it in the endpoint's cell"
# By the package an object is of, or by a longer beginning of its type's name.
_OF_PACKAGES = {
    "pandas": "keep it as .to_numpy() or .to_dict()",
    "keras": _MODEL,
    "tf_keras": _MODEL,
    "tensorflow": _MODEL,
    "keras.src.optimizers": _KEEP,
    "keras.src.callbacks": _KEEP,
    "matplotlib": "draw in a cell before, and keep the picture's bytes (savefig into io.BytesIO)",
    "sqlite3": "query in a cell before, and keep the rows",
    "sqlalchemy": "query in a cell before, and keep the rows",
    "_thread": _ALONE,
    "threading": _ALONE,
    "asyncio.locks": _ALONE,
    "multiprocessing.synchronize": _ALONE,
    "_queue": "keep a list or a collections.deque in its place",
}


def remedy(value):
    """What to do, by what the value is."""
    kind = value if isinstance(value, type) else type(value)
    module = (value.__module__ if isinstance(value, types.FunctionType) else kind.__module__) or ""
    if isinstance(value, types.ModuleType):
        if value.__name__.partition(".")[0] in ("keras", "tf_keras", "tensorflow"):
            return "use numpy for what it does around the model, or compute the result in a cell before"
        return "use what the engine has, or compute the result in a cell before"
    if isinstance(value, io.IOBase):
        if getattr(value, "writable", bool)():
            return "keep data in a variable, or in io.StringIO or io.BytesIO: a version has no disk to write to"
        return (
            "read it in a cell before and keep what was read, or open it in the endpoint's cell and list it under "
            "'files:' in the config cell"
        )
    if isinstance(value, types.CoroutineType):
        return "await it in a cell before, and keep the result"
    if isinstance(value, (types.AsyncGeneratorType, collections.abc.Iterator)):
        return "keep a list of what it yields"
    if isinstance(value, (weakref.ReferenceType, weakref.ProxyType)):
        return "keep the object itself"
    if hasattr(kind, "numpy") and not module.startswith("keras"):
        return "keep it as .numpy()"
    beginnings = (module.rsplit(".", count)[0] for count in range(module.count(".") + 1))
    return next((_OF_PACKAGES[name] for name in beginnings if name in _OF_PACKAGES), _KEEP)
