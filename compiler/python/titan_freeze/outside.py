"""What an endpoint's answer may depend on beside its request and the notebook's variables: time, chance, network,
files, and the order of sets, which in Python is another in every process.

Found by the names its code reaches, through functions and classes of the notebook and of files beside it. So it may
be said of code that never gets there: it explains an answer that differs, and excuses nothing by itself.
"""

import ast
import dis
import types

from .names import attributes, global_reads

TIME, CHANCE, NETWORK, FILES = "time", "randomness", "the network", "files"
IDENTITY, ORDER = "hash() or id()", "the order of sets"

_MODULES = {
    "time": TIME,
    "random": CHANCE,
    "numpy.random": CHANCE,
    "secrets": CHANCE,
    "uuid": CHANCE,
    "tempfile": CHANCE,
    "socket": NETWORK,
    "http.client": NETWORK,
    "urllib.request": NETWORK,
    "urllib3": NETWORK,
    "requests": NETWORK,
    "httpx": NETWORK,
    "aiohttp": NETWORK,
}
_ATTRIBUTES = {
    "now": TIME,
    "utcnow": TIME,
    "today": TIME,
    "urandom": CHANCE,
    "read_text": FILES,
    "read_bytes": FILES,
    "listdir": FILES,
    "scandir": FILES,
    "iterdir": FILES,
}
_BUILTINS = {"open": FILES, "hash": IDENTITY, "id": IDENTITY, "set": ORDER, "frozenset": ORDER}
_INSTRUCTIONS = {"BUILD_SET": ORDER, "SET_ADD": ORDER}


class Reach:
    """What the code of an endpoint reaches: `names`, and `outside`, in order. `local` are the names of modules that
    lie beside the notebook."""

    def __init__(self, endpoint, kernel, local):
        self.names, self.outside = set(), []
        self._kernel = kernel
        self._local = {"__main__", *local}
        self._seen = set()
        for tree in endpoint.trees():
            flags = endpoint.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            self._code(compile(tree, "<cell>", "exec", flags, dont_inherit=True), endpoint.reads, kernel.names)

    def _code(self, code, reads, variables):
        names = attributes(code)
        self.names |= names
        for name in sorted(names):
            self._note(_ATTRIBUTES.get(name))
        for name in reads:
            if name in variables and not (variables is self._kernel.names and self._kernel.is_own(name)):
                self._value(variables[name], names)
            else:
                self._note(_BUILTINS.get(name))
        for instruction in _instructions(code):
            self._note(_INSTRUCTIONS.get(instruction.opname))
            if instruction.opname == "IMPORT_NAME":
                self._module(instruction.argval, names)

    def _note(self, what):
        if what is not None and what not in self.outside:
            self.outside.append(what)

    def _module(self, module, names):
        """`names` tell which of its submodules are meant."""
        for known, what in _MODULES.items():
            rest = known.removeprefix(module + ".") if known.startswith(module + ".") else None
            if module == known or module.startswith(known + ".") or rest and names.issuperset(rest.split(".")):
                self._note(what)

    def _value(self, value, names):
        if isinstance(value, types.ModuleType):
            self._module(value.__name__, names)
            if value.__name__ in self._local:
                for name in sorted(names & vars(value).keys()):
                    self._value(vars(value)[name], names)
            return
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        module = _module_of(value)
        if isinstance(value, (set, frozenset)):
            self._note(ORDER)
        elif module not in self._local:
            self._module(module, names)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            for base in value.__mro__:
                self._class(base)
        else:
            self._value(type(value), names)

    def _function(self, function):
        self._code(function.__code__, global_reads(function.__code__), function.__globals__)
        for cell in function.__closure__ or ():
            try:
                self._value(cell.cell_contents, self.names)
            except ValueError:
                # Not set.
                pass

    def _class(self, kind):
        if kind.__module__ not in self._local:
            return
        for member in list(vars(kind).values()):
            for part in (member, *(getattr(member, name, None) for name in ("__func__", "fget", "fset", "func"))):
                if isinstance(part, types.FunctionType):
                    self._value(part, self.names)


def _module_of(value):
    try:
        module = getattr(value, "__module__", None)
        # Methods of C, as `random.random`, know the object they belong to.
        return module if isinstance(module, str) else type(getattr(value, "__self__", value)).__module__
    except Exception:
        # An object may answer with anything.
        return type(value).__module__


def _instructions(code):
    """The instructions of the code, and of code within it."""
    yield from dis.get_instructions(code)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _instructions(part)
