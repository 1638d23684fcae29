"""Python files that lie beside the notebook: imported from the frozen state, which carries their sources."""

import linecache
import sys

import _frozen_importlib

_sources = {}
_codes = {}


class Importer:
    """A meta path finder and loader over the sources the state brought. There is one, used as a class."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _sources:
            return None
        is_package, file, _ = _sources[name]
        spec = _frozen_importlib.ModuleSpec(name, Importer, origin=file, is_package=is_package)
        # `__file__` is relative to the notebook's folder: a name for people, there are no files.
        spec.has_location = True
        return spec

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        exec(Importer.get_code(module.__name__), module.__dict__)

    @staticmethod
    def get_code(name):
        if name not in _codes:
            _, file, source = _sources[name]
            _codes[name] = compile(source, file, "exec", dont_inherit=True)
        return _codes[name]

    @staticmethod
    def get_source(name):
        return _sources[name][2]

    @staticmethod
    def is_package(name):
        return _sources[name][0]


def install(modules):
    """Makes {name: (is_package, file, source)} importable, before anything the engine has of the same name."""
    _sources.update(modules)
    for _, file, source in modules.values():
        linecache.cache[file] = len(source), None, source.splitlines(True), file
    if modules and Importer not in sys.meta_path:
        sys.meta_path.insert(0, Importer)


def take():
    """Takes the loaded modules out of `sys.modules`, so that they load anew; `put` brings them back."""
    return {name: sys.modules.pop(name) for name in _sources if name in sys.modules}


def put(modules):
    """Undoes `take`."""
    for name in _sources:
        sys.modules.pop(name, None)
    sys.modules.update(modules)
