"""Modules: which an engine has, which travel as source (those beside the notebook, and pure Python packages of the
image), and which are missing."""

import ast
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

from .imports import Import, computes_names, imports

_LACKING = ", which the engine does not have"
_NATIVE = ": a native extension that the engine does not have"
_ABSENT = ", which is not installed in the notebook's environment"
# Packages whose Python can be imported without the native code that does their work.
_BACKENDS = {"keras": "tensorflow", "tf_keras": "tensorflow", "PIL": "PIL._imaging"}
# What no code that answers requests imports.
_ASIDE = {"tests", "test", "__main__", "conftest"}
_SUBSTITUTES = Path(__file__).with_name("substitutes")


class Missing:
    """Why a module cannot be imported in the engine. `chain` names it and what it needs, each module imported by the
    one before; `why` is said of the last."""

    def __init__(self, chain, why):
        self.chain, self.why = chain, why

    @property
    def remedy(self):
        """What to do, or None where that depends on what the module is for."""
        if self.why is _ABSENT:
            return "install it by 'commands:' of the config cell"
        return None

    def __str__(self):
        return ", which imports ".join(self.chain) + self.why


class Modules:
    """What can be imported in an engine. `engines` are [{name, modules}], each with the modules of those before it.
    What travels is collected as {name: (is_package, file, source)}: `local` modules are those beside the notebook,
    with paths relative to its `folder`; `packages` are the image's, with paths relative to where packages are."""

    def __init__(self, engines, folder):
        self._engines = [(engine["name"], frozenset(engine["modules"])) for engine in engines]
        self._engine = self._engines[-1][1]
        self._folder = folder
        paths = sysconfig.get_paths()
        self._site = [Path(paths[key]).resolve() for key in ("purelib", "platlib")]
        roots = [paths[key] for key in ("stdlib", "platstdlib")] + [os.path.dirname(__file__)]
        self._foreign = [Path(root).resolve() for root in roots]
        # {name: Missing or None}
        self._found = {}
        # Statements that travelling modules may come to, by module: they are looked at when that module's own fate is
        # known.
        self._late = {}
        self._needed = {}
        # Packages that compute names of what they import: they travel whole.
        self._whole = set()
        self.local, self.packages = {}, {}

    def missing(self, name):
        """The Missing that tells why `name` cannot be imported in the engine, or None. A module that is to travel is
        taken along, with the modules it imports."""
        missing = self._follow(name, True)
        self._look_late()
        return missing

    def has(self, name):
        return self.missing(name) is None

    def engine(self):
        """The name of the smallest engine that has every module that was asked for."""
        return next(name for name, modules in self._engines if self._needed.keys() <= modules)

    def folders(self, package):
        """Where the files of a package are; none for a module."""
        return list(self._spec(package).submodule_search_locations or ())

    def missing_imports(self, statements):
        """A Missing for each module that the import statements of a cell cannot do without."""
        found = {}
        for statement in statements:
            missing = self._first_missing([statement], "", True)
            if missing is not None and not statement.guarded:
                found[missing.chain[0]] = missing
        self._look_late()
        return list(found.values())

    def importable(self, statements):
        """(name, guarded) of the modules that are there in the engine and the statements import."""
        for statement in statements:
            if statement.level == 0 and self.has(statement.module):
                yield statement.module, statement.guarded
                if statement.attribute and self._is_submodule(statement.module, statement.attribute):
                    name = f"{statement.module}.{statement.attribute}"
                    if self.has(name):
                        yield name, statement.guarded

    def loaded_below(self, package):
        """The names of the loaded modules of a package that the engine has too."""
        return [name for name in list(sys.modules) if name.startswith(f"{package}.") and self.has(name)]

    def _look_late(self):
        while self._late:
            package, statements = self._late.pop(next(iter(self._late)))
            for statement in statements:
                self._first_missing([statement], package, False)

    def _follow(self, name, needed):
        """As `missing`, without what is looked at late. `needed` says that an engine must have the module if it is one
        of an engine's."""
        if name not in self._found:
            collected = self._found, self._late, self._needed, self.local, self.packages
            before = [len(names) for names in collected]
            # A module that imports itself in a circle is not missing for that.
            self._found[name] = None
            missing = self._find(name)
            if missing is not None:
                # What was taken on the way may rely on this one; what is missing stays so.
                lacking = {name: why for name, why in self._found.items() if why is not None}
                for names, length in zip(collected, before):
                    while len(names) > length:
                        names.popitem()
                self._found.update(lacking)
                self._found[name] = missing
        if self._found[name] is None and (needed or name in sys.modules) and name not in self.local:
            for known in self._names(name):
                if known in self._engine:
                    self._needed[known] = None
        return self._found[name]

    @staticmethod
    def _names(name):
        """The names of a module: `os.path` is also `posixpath`."""
        return dict.fromkeys((name, getattr(sys.modules.get(name), "__name__", name)))

    def _find(self, name):
        root = name.partition(".")[0]
        if root in _BACKENDS and name not in self._engine and self._spec(root) is not None:
            return Missing([name, _BACKENDS[root]], _NATIVE)
        parent = name.rpartition(".")[0]
        if parent and parent not in self._engine:
            missing = self._follow(parent, False)
            if missing is not None:
                return missing
        spec = self._spec(name)
        files = _files(spec)
        if files and not any(self._is_foreign(file) for file in files) and _is_python(spec):
            file = os.path.relpath(spec.origin, self._folder) if spec.has_location else name.replace(".", "/")
            return self._take(name, spec, file, self.local)
        if not self._engine.isdisjoint(self._names(name)):
            return None
        if files and name.partition(".")[0] in self._engine:
            # A package of the engine's does not go together with modules of the image's.
            return Missing([name], _LACKING)
        if not files:
            if parent and name in sys.modules and not getattr(spec, "origin", None):
                # The package makes it, as `six` does `six.moves`.
                return None
            known = name.partition(".")[0] in sys.stdlib_module_names or parent in self._engine or spec is not None
            return Missing([name], _LACKING if known else _ABSENT)
        if not all(map(self._is_installed, files)):
            return Missing([name], _LACKING)
        if not _is_python(spec):
            return Missing([name], _NATIVE)
        file = name.replace(".", "/")
        if spec.has_location:
            file += "/__init__.py" if spec.submodule_search_locations is not None else ".py"
        return self._take(name, spec, file, self.packages)

    def _spec(self, name):
        """The module's spec, found without running its package."""
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is not None:
            return spec
        path = None
        if parent := name.rpartition(".")[0]:
            above = self._spec(parent)
            path = above and above.submodule_search_locations
            if path is None:
                return None
        for finder in sys.meta_path:
            try:
                spec = finder.find_spec(name, path)
            except Exception:
                # Finders that packages install may fail in any way.
                continue
            if spec is not None:
                return spec
        return None

    def _is_foreign(self, file):
        return self._is_installed(file) or any(file.is_relative_to(root) for root in self._foreign)

    def _is_installed(self, file):
        return bool({"site-packages", "dist-packages"} & set(file.parts)) or any(map(file.is_relative_to, self._site))

    def _take(self, name, spec, file, taken):
        is_package, source = spec.submodule_search_locations is not None, ""
        if spec.has_location and spec.origin:
            source = importlib.util.decode_source(Path(spec.origin).read_bytes())
        taken[name] = is_package, file, source
        package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(source)
        # Functions may import what they need late, or never be called: what is there travels, what is not is their
        # affair.
        self._late[name] = package, list(imports(tree))
        root = name.partition(".")[0]
        if taken is self.packages and root not in self._whole and computes_names(tree):
            self._whole.add(root)
            self._late[name][1].extend(Import(module, None, 0, True, True) for module in self._all_of(root))
        at_once = [s for s in imports(tree, into_functions=False) if not (s.guarded or s.conditional)]
        missing = self._first_missing(at_once, package, True)
        return missing and Missing([name, *missing.chain], missing.why)

    def _all_of(self, package):
        """The names of all modules of a package, but for those that test it or are its commands."""
        for folder in map(Path, self.folders(package)):
            for file in sorted(folder.rglob("*.py")):
                parts = file.relative_to(folder.parent).with_suffix("").parts
                if all(map(str.isidentifier, parts)) and not _ASIDE & set(parts):
                    yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _first_missing(self, statements, package, needed):
        for statement in statements:
            if statement.instead_of and self._first_missing(statement.instead_of, package, needed) is None:
                continue
            module = statement.module
            if statement.level:
                try:
                    module = importlib.util.resolve_name("." * statement.level + module, package)
                except ImportError:
                    continue
            missing = self._follow(module, needed)
            if missing is not None and package and needed and self._substitute(module):
                continue
            if missing is None and statement.attribute and self._is_submodule(module, statement.attribute):
                missing = self._follow(f"{module}.{statement.attribute}", needed)
            if missing is not None:
                return missing
        return None

    def _substitute(self, name):
        """Takes what stands in for a module that packages import but rarely use. Code that copes without never asks
        for it."""
        file = _SUBSTITUTES / f"{name}.py"
        if not file.is_file():
            return False
        self._found[name] = None
        self.packages[name] = False, name.replace(".", "/") + ".py", file.read_text()
        return True

    def _is_submodule(self, module, attribute):
        name = f"{module}.{attribute}"
        if name in sys.modules or name in self._engine:
            return True
        if module in sys.modules and hasattr(sys.modules[module], attribute):
            return False
        return self._spec(name) is not None


def _files(spec):
    """The file or the folders of a module, resolved; none for those within Python or made by other modules."""
    if spec is None:
        return []
    files = [spec.origin] if spec.origin and spec.has_location else spec.submodule_search_locations or ()
    return [Path(file).resolve() for file in files]


def _is_python(spec):
    """Whether it is a Python file, or a folder of such."""
    return not spec.has_location or isinstance(spec.loader, importlib.machinery.SourceFileLoader)
