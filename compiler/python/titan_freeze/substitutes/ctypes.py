"""Stands in for `ctypes` in the engine, which has no shared libraries: packages that ask for the sizes of C's types
get those of a 64-bit machine, as its numbers are, and those that load a library fail when they do."""

import struct

_SIZES = {
    "byte": "b",
    "ubyte": "B",
    "char": "c",
    "bool": "?",
    "short": "h",
    "ushort": "H",
    "int": "i",
    "uint": "I",
    "long": "q",
    "ulong": "Q",
    "longlong": "q",
    "ulonglong": "Q",
    "float": "f",
    "double": "d",
    "size_t": "Q",
    "ssize_t": "q",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "void_p": "Q",
}


class _Simple:
    def __init__(self, value=0):
        self.value = value


for _name, _code in _SIZES.items():
    globals()[f"c_{_name}"] = type(f"c_{_name}", (_Simple,), {"_type_": _code})


def sizeof(kind):
    return struct.calcsize(f"={kind._type_}")


def _refuse(*arguments, **options):
    raise OSError("the engine has no shared libraries: use a package in pure Python, or compute in a cell before")


CDLL = PyDLL = POINTER = byref = cast = _refuse
