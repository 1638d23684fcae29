"""What an endpoint's answer may depend on beside its request and the notebook's variables: time, chance, network, files.

Found by the names its code reaches, through functions and classes of the notebook and of files beside it. So it may
be said of code that never gets there: it explains an answer that differs, and excuses nothing by itself.
"""

import ast
import dis
import types

from .names import attributes, global_reads

TIME, CHANCE, NETWORK, FILES, IDENTITY = "time", "randomness", "the network", "files", "hash() or id()"

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
_BUILTINS = {"open": FILES, "hash": IDENTITY, "id": IDENTITY}


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
        for module in _imported(code):
            self._module(module, names)

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
        module = getattr(value, "__module__", None)
        if not isinstance(module, str):
            # Methods of C, as `random.random`, know the object they belong to.
            module = type(getattr(value, "__self__", value)).__module__
        if module not in self._local:
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


def _imported(code):
    """The modules that the code, or code within it, imports."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _imported(part)
