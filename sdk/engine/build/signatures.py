"""Fails if a C function has another number of parameters than its entry in a PyMethodDef or PyGetSetDef table says.

    signatures.py FOLDER...

Natively a surplus argument does no harm. In Wasm a call through a pointer of the wrong type traps, and only when it happens.
This reads sources with regular expressions, so it knows methods, getters and setters, not slots or what macros generate.
"""

import collections
import re
import sys
from pathlib import Path

PARAMETERS = r"((?:[^()]|\([^()]*\))*)"
DEFINITION = re.compile(
    r"^(?:static\s+|NPY_NO_EXPORT\s+|extern\s+|inline\s+)*(?:PyObject\s*\*|int\b)\s*(?:NPY_UNUSED\(\w+\)\s*)?(\w+)\s*\(" + PARAMETERS + r"\)\s*\{",
    re.M,
)
ENTRY = re.compile(
    r'\{\s*"([^"]+)"\s*,\s*(?:\(PyCFunction\)\s*(?:\(void\s*\(\*\)\(void\)\)\s*)?|_PyCFunction_CAST\()?\(?(\w+)\)?\s*,'
    r"\s*((?:METH_\w+\s*\|?\s*)+)"
)
PROPERTY = re.compile(r'\{\s*"([^"]+)"\s*,\s*(\(getter\)\s*)?(\w+)\s*,\s*(?:\(setter\)\s*)?(\w+)\s*,')

# Not compiled: numpy's own test module, a call of BSD's, and Windows'.
ABSENT = {"printf_float_g", "kqueue_tracking_after_fork", "Overlapped_getaddress", "Overlapped_getpending"}


def expected(flags):
    """The number of parameters of a method with these flags."""
    if "METH_METHOD" in flags:
        return 5
    if "METH_FASTCALL" in flags:
        return 4 if "METH_KEYWORDS" in flags else 3
    return 3 if "METH_KEYWORDS" in flags else 2


def entries(text):
    """(name in Python, function, its number of parameters) of the tables in a source."""
    for name, function, flags in ENTRY.findall(text):
        yield name, function, expected(flags)
    for name, cast, getter, setter in PROPERTY.findall(text):
        if cast:
            yield name, getter, 2
            yield name, setter, 3


def count(parameters):
    """How many parameters there are; a parameter that is itself a function holds commas of its own."""
    parameters = re.sub(r"\([^()]*\)", "", parameters).strip()
    return 0 if parameters in ("", "void") else parameters.count(",") + 1


def main(*folders):
    sources = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in (".c", ".cpp", ".h", ".hpp", ".src") and "highway" not in path.parts:
                sources[path] = path.read_text(errors="replace")
    functions = collections.defaultdict(list)
    for path, text in sources.items():
        for name, parameters in DEFINITION.findall(text):
            functions[name].append((path, count(parameters)))
    wrong = checked = 0
    for path, text in sources.items():
        for name, function, wanted in entries(text):
            defined = functions[function]
            for where, parameters in defined:
                if where != path and len(defined) > 1 or function in ABSENT:
                    continue
                checked += 1
                if parameters != wanted:
                    wrong += 1
                    print(f"{where}: {function} has {parameters} parameters, {name!r} in {path} wants {wanted}")
    print(f"{checked} functions checked")
    if wrong or not checked:
        sys.exit(f"{wrong} functions have a wrong prototype: correct them by a patch")


if __name__ == "__main__":
    main(*sys.argv[1:])
