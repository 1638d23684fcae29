"""Modules: which the engine has, which lie beside the notebook and travel as source, and which are missing."""

import ast
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path


class Import:
    """An import statement of one name: `module`, or `attribute` from it. `guarded` says that the code copes without;
    `level` counts the dots of a relative import."""

    def __init__(self, module, attribute, level, guarded):
        self.module, self.attribute, self.level, self.guarded = module, attribute, level, guarded


_COPES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def imports(tree, into_functions=True, guarded=False):
    """Yields every Import in a syntax tree, or only those that run when the module does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, 0, guarded)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.module or "", alias.name, node.level, guarded)
        elif isinstance(node, ast.Try) and any(_copes(handler) for handler in node.handlers):
            yield from imports(ast.Module(node.body, []), into_functions, True)
            rest = [*node.handlers, *node.orelse, *node.finalbody]
            yield from imports(ast.Module(rest, []), into_functions, guarded)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not into_functions:
            continue
        elif isinstance(node, ast.If) and _never(node.test):
            yield from imports(ast.Module(node.orelse, []), into_functions, guarded)
        else:
            yield from imports(node, into_functions, guarded)


def _copes(handler):
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(getattr(kind, "id", getattr(kind, "attr", None)) in _COPES for kind in kinds)


def _never(test):
    """Whether it is the condition of code that is for type checkers only."""
    return getattr(test, "id", getattr(test, "attr", None)) == "TYPE_CHECKING"


class Modules:
    """What can be imported in an engine. `engines` are [{name, modules}], each with the modules of those before it. `local`
    collects {name: (is_package, file, source)} of the notebook's own modules."""

    def __init__(self, engines, folder):
        self._engines = [(engine["name"], frozenset(engine["modules"])) for engine in engines]
        self._engine = self._engines[-1][1]
        self._needed = set()
        self._folder = folder
        paths = sysconfig.get_paths()
        roots = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")] + [os.path.dirname(__file__)]
        self._foreign = [Path(root).resolve() for root in roots]
        self._missing = {}
        self.local = {}

    def missing(self, name):
        """The module without which `name` cannot be imported in the engine, or None. A local module is taken along,
        with the modules it imports."""
        if name not in self._missing:
            # A module that imports itself in a circle is not missing for that.
            self._missing[name] = None
            self._missing[name] = self._find_missing(name)
        return self._missing[name]

    def has(self, name):
        return self.missing(name) is None

    def _find_missing(self, name):
        parent = name.rpartition(".")[0]
        if parent and parent not in self._engine and not self.has(parent):
            return self.missing(parent)
        spec = self._spec(name)
        if self._is_local(spec):
            return self._take(name, spec)
        for known in (name, getattr(sys.modules.get(name), "__name__", name)):
            if known in self._engine:
                self._needed.add(known)
                return None
        return name

    def engine(self):
        """The name of the smallest engine that has every module that was asked for."""
        return next(name for name, modules in self._engines if self._needed <= modules)

    @staticmethod
    def _spec(name):
        try:
            spec = getattr(sys.modules.get(name), "__spec__", None)
            return spec or importlib.util.find_spec(name)
        except Exception:
            # It looks for the module by importing its package, which may fail in any way.
            return None

    def _is_local(self, spec):
        """Whether it is a Python file, or a folder of such, that is neither the standard library's nor an installed
        package's."""
        if spec is None:
            return False
        if spec.origin and spec.has_location:
            files = [spec.origin] if isinstance(spec.loader, importlib.machinery.SourceFileLoader) else []
        else:
            files = list(spec.submodule_search_locations or ())
        return bool(files) and not any(self._is_foreign(Path(file).resolve()) for file in files)

    def _is_foreign(self, file):
        if {"site-packages", "dist-packages"} & set(file.parts):
            return True
        return any(file.is_relative_to(root) for root in self._foreign)

    def _take(self, name, spec):
        is_package = spec.submodule_search_locations is not None
        file, source = name.replace(".", "/"), ""
        if spec.has_location and spec.origin:
            file = os.path.relpath(spec.origin, self._folder)
            source = importlib.util.decode_source(Path(spec.origin).read_bytes())
        self.local[name] = is_package, file, source
        package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(source)
        missing = self.missing_imports(imports(tree, into_functions=False), package)
        # Functions may import what they need late, or never be called: what is there travels, what is not is their
        # affair.
        self.missing_imports(imports(tree), package)
        return missing[0] if missing else None

    def missing_imports(self, statements, package=""):
        """The modules the import statements cannot do without and the engine lacks."""
        found = {}
        for statement in statements:
            module = statement.module
            if statement.level:
                try:
                    module = importlib.util.resolve_name("." * statement.level + module, package)
                except ImportError:
                    continue
            missing = self.missing(module)
            submodule = f"{module}.{statement.attribute}"
            if missing is None and statement.attribute and self._is_submodule(module, statement.attribute):
                missing = self.missing(submodule)
            if missing is not None and not statement.guarded:
                found[missing] = None
        return list(found)

    def _is_submodule(self, module, attribute):
        name = f"{module}.{attribute}"
        if name in sys.modules or name in self._engine:
            return True
        if module in sys.modules and hasattr(sys.modules[module], attribute):
            return False
        return self._spec(name) is not None

    def importable(self, statements):
        """The names of modules that are there in the engine and the statements import."""
        for statement in statements:
            if statement.level == 0 and self.has(statement.module):
                yield statement.module
                if statement.attribute and self._is_submodule(statement.module, statement.attribute):
                    name = f"{statement.module}.{statement.attribute}"
                    if self.has(name):
                        yield name

    def loaded_below(self, package):
        """The names of the loaded modules of a package that the engine has too."""
        return [name for name in list(sys.modules) if name.startswith(f"{package}.") and self.has(name)]
