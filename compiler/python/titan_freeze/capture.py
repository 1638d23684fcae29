"""Finds what the endpoints need: variables, functions behind them, modules, models.

`search` follows every variable an endpoint reads, through the functions and classes it reaches, by pickling it to
nowhere. That finds what cannot travel before anything is written, and what there is to write.
"""

import ast
import io
import types

from . import models
from .errors import CannotTravel, FreezeError, Unsupported, described, one_line, type_name
from .imports import imports
from .names import CellReads, attributes, global_reads
from .paths import path_to
from .pickler import Pickler
from .sklearn_families import nearest
from .sources import Sources
from .stand_ins import Present
from .titan import settings
from .uses import Uses

# The methods of IPython that magics are translated to calls of.
_MAGICS = {"run_line_magic", "run_cell_magic", "system", "getoutput"}
# Variables that are set anew: for every request, and by Python for a cell with annotations.
_SET = {"REQUEST", "__annotations__"}


class Endpoint:
    """An endpoint with its code as the engine runs it, and the variables it reads."""

    def __init__(self, job, kernel):
        self.export, self.method, self.path = job["name"], job["method"], job["path"]
        self.label = f"{self.method} {self.path}"
        self.flags = kernel.flags
        self.source = self._python(kernel, job["source"])
        self.info = job["response_info"] and self._python(kernel, job["response_info"])
        reads = self._analysed(self.source, frozenset())
        self.reads = reads.reads
        self.quiet = kernel.is_quiet(self.source)
        if self.info:
            self.reads |= self._analysed(self.info, reads.after).reads

    def _python(self, kernel, source):
        """The cell as Python code without magics."""
        try:
            text = kernel.transform(source)
            tree = ast.parse(text)
        except SyntaxError as error:
            raise self._wrong(error, error.text) from None
        lines = source.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _MAGICS and ast.unparse(node.value) == "get_ipython()":
                line = lines[node.lineno - 1].strip() if node.lineno <= len(lines) else source.strip()
                raise FreezeError(
                    f"{self.label} uses an IPython command ({line!r}), and requests are answered without IPython: "
                    "move it to a cell before"
                )
        return text

    def _analysed(self, text, known):
        try:
            return CellReads(text, self.flags, known)
        except SyntaxError as error:
            raise self._wrong(error, text.splitlines()[error.lineno - 1] if error.lineno else "") from None

    def _wrong(self, error, line):
        what = f"{self.label}: {type(error).__name__}: {error.msg} at {(line or '').strip()!r}"
        return FreezeError(f"{what}; correct the cell and deploy again")

    def head(self, sample):
        """As `titan.state` describes it."""
        return {
            "method": self.method,
            "path": self.path,
            "source": self.source,
            "flags": self.flags,
            "quiet": self.quiet,
            "info": self.info,
            "sample": sample,
        }

    def trees(self):
        """The syntax trees of its cells."""
        return [ast.parse(text) for text in (self.source, self.info) if text]


class _Nowhere(io.RawIOBase):
    def write(self, data):
        return len(data)


class Variable:
    """A variable that travels: its value, the first endpoint that reaches it, and the function it is reached through
    if any."""

    def __init__(self, name, value, endpoint, via):
        self.name, self.value, self.endpoint, self.via = name, value, endpoint, via

    @property
    def user(self):
        """Who reads it, for people."""
        return f"{self.endpoint.label} (in {self.via})" if self.via else self.endpoint.label


class Capture:
    """What `search` found."""

    def __init__(self, kernel, modules, endpoints, verify):
        self._kernel, self.modules, self._verify = kernel, modules, verify
        self.sources = Sources(kernel.magic_bodies)
        self.environment = kernel.environment()
        self.uses = Uses(kernel.names, lambda cls: nearest(cls) is not None)
        self.endpoints = [Endpoint(endpoint, kernel) for endpoint in endpoints]
        self.variables = {}
        self.imports = {}
        self.generators = []
        self._queue = []
        self._current = None
        self._seen = set()
        self._models = {}
        self._arrays = {}
        self.shown = [value for endpoint in self.endpoints for value in self._shown(endpoint)]

    def _shown(self, endpoint):
        """What the last expression stands for, where it is a variable or an attribute or element of one."""
        last = ast.parse(endpoint.source).body[-1:]
        node, steps = last[0].value if last and isinstance(last[0], ast.Expr) else None, []
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            steps.insert(0, node)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._kernel.names:
            return
        value = self._kernel.names[node.id]
        try:
            for step in steps:
                if isinstance(step, ast.Attribute):
                    value = vars(value)[step.attr]
                elif type(value) in (dict, list, tuple) or type(value).__module__.startswith("sklearn."):
                    value = value[ast.literal_eval(step.slice)]
                else:
                    return
        except (TypeError, ValueError, LookupError):
            # It is computed, or another at each request.
            return
        yield value

    def search(self):
        """Finds everything. Raises FreezeError for what cannot travel."""
        for endpoint in self.endpoints:
            trees = endpoint.trees()
            self._import(trees, f"{endpoint.label} imports")
            codes = [compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) for tree in trees]
            self._read(endpoint.reads, set().union(*map(attributes, codes)), endpoint, None)
            self._look(trees, endpoint.reads, endpoint.label)
        # No endpoint's in particular.
        self.settings = Variable("settings", settings.take(), self.endpoints[0], None)
        pickler = Pickler(_Nowhere(), self, self.modules, self.sources)
        with Present():
            self._current = self.settings
            self.pickle(pickler, self.settings)
            # The list grows meanwhile.
            for variable in self._queue:
                self._current = variable
                self.pickle(pickler, variable)

    def pickle(self, pickler, variable):
        """Pickles the variable; an error names it."""
        try:
            pickler.dump(variable.value)
        except CannotTravel as error:
            if isinstance(error.value, types.ModuleType):
                what = f"module {error.value.__name__}, which {variable.user} uses, cannot travel"
            else:
                path = path_to(variable.name, variable.value, error.value)
                what = f"variable {path} ({described(error.value)}), which {variable.user} uses, cannot travel"
            raise FreezeError(f"{what}: {one_line(error.why)}; {error.remedy}", error.why) from error
        except RecursionError:
            raise FreezeError(
                f"variable {variable.name} ({type_name(variable.value)}), which {variable.user} uses, cannot travel: "
                "its objects refer to one another in too long a chain; keep them in a list"
            ) from None

    def _import(self, trees, what):
        statements = [statement for tree in trees for statement in imports(tree)]
        missing = self.modules.missing_imports(statements)
        if missing:
            remedy = "use what it has, or compute the result in a cell before and keep it in a variable"
            raise FreezeError(f"{what} {'; it imports '.join(map(str, missing))}: {missing[0].remedy or remedy}")
        for name, guarded in self.modules.importable(statements):
            if not guarded:
                self.imports[name] = self.imports.get(name) or what
            else:
                self.imports.setdefault(name)

    def _read(self, names, used, endpoint, via):
        """Queues the variables `names`. `used` are all names in the code that reads them."""
        for name in names:
            if name == "get_ipython":
                where = f" (in {via})" if via else ""
                raise FreezeError(
                    f"{endpoint.label}{where} uses IPython (a % or ! command, or get_ipython), and requests are "
                    "answered without it: move that to a cell before"
                )
            if name in _SET or name not in self._kernel.names or self._kernel.is_own(name):
                # What is missing in the notebook as well may be set by another endpoint.
                continue
            value = self._kernel.names[name]
            if name not in self.variables:
                self.variables[name] = Variable(name, value, endpoint, via)
                self._queue.append(self.variables[name])
            if isinstance(value, types.ModuleType):
                self._import_submodules(value.__name__, used)

    def _import_submodules(self, package, used):
        """`import a.b` defines `a` only. What makes `a.b` work must be imported in the engine too."""
        for name in self.modules.loaded_below(package):
            if set(name[len(package) + 1 :].split(".")) <= used:
                self.imports.setdefault(name)

    def function(self, function, place):
        """Called by the pickler: a function travels, so must what it reads."""
        if function in self._seen:
            return
        self._seen.add(function)
        cell, line, _ = place
        code, variable = function.__code__, self._current
        via = f"function {function.__qualname__}"
        if function.__globals__ is self._kernel.names or function.__globals__.get("__name__") == "__main__":
            self._read(global_reads(code), attributes(code), variable.endpoint, via)
        tree = self.sources.definition(cell, code.co_name, line)
        if tree is not None:
            self._import([tree], f"{variable.endpoint.label} uses {via}, which imports")
            self._look([tree], global_reads(code), f"{variable.endpoint.label} (in {via})")

    def _look(self, trees, reads, label):
        if self._verify:
            for tree in trees:
                self.uses.find(tree, reads, label)

    def cell(self, cell):
        """Called by the pickler, for which numbers do not matter yet."""
        return 0

    def generator(self, generator):
        self.generators.append(generator)

    def array(self, array):
        """Called by the pickler. Arrays are remembered: one may turn out to be another's base."""
        self._arrays[id(array)] = array
        return 0

    def base(self, array):
        """Called by the pickler: what is a view is known after the search."""
        return None

    def travelling_base(self, array):
        """The array that travels too and whose memory `array` shows a part of, or None."""
        base = array.base
        while type(base) is type(array) and base.base is not None:
            base = base.base
        if id(base) not in self._arrays or array.size == 0 or base is array:
            return None
        return base if base.flags.c_contiguous or base.flags.f_contiguous else None

    @property
    def models(self):
        """The models that travel."""
        return [model for model, _ in self._models.values()]

    def model(self, model):
        """Called by the pickler. Models are converted when all are known."""
        if id(model) not in self._models:
            self._models[id(model)] = (model, self._current)
        return id(model)

    def convert_models(self, out):
        """Writes every model's graph into a folder of `out` and notes its spec; describes them as the package does."""
        written, self.specs = [], {}
        folder = out / "models"
        folder.mkdir()
        for key, (model, variable) in self._models.items():
            name = _file_name(variable.name, {model["name"] for model in written})
            converter = models.converter(model)
            try:
                self.specs[key] = converter.convert(model, name, folder)
            except Unsupported as error:
                path = path_to(variable.name, variable.value, model)
                raise FreezeError(f"model {path}, which {variable.user} uses, cannot travel: it {error}") from error
            written.append({
                "name": name,
                "file": f"models/{name}.onnx",
                "kind": converter.KIND,
                "place": f"model {path_to(variable.name, variable.value, model)}, which {variable.user} uses",
                "samples": models.samples(model, self.specs[key]) if self._verify else [],
            })
        return written

    def in_order(self):
        """The variables in the order to write them: what others may need while they are built comes first."""
        order = list(self._kernel.names)
        return sorted(self.variables.values(), key=lambda variable: (_rank(variable.value), order.index(variable.name)))


def _rank(value):
    if isinstance(value, (types.ModuleType, type(None), bool, int, float, complex, str, bytes)):
        return 0
    return 1 if isinstance(value, (type, types.FunctionType)) else 2


def _file_name(name, taken):
    name = "".join(c if c.isascii() and c.isalnum() or c in "_-" else "-" for c in name)
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}-{count}"
    return unique
