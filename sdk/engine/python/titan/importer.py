"""Imports modules from the engine's memory.

Frozen into the engine under the name `titan_importer`, because it runs before there is anything to import from. It knows where
code is; it must import nothing that is not frozen or built in.
"""

import sys
from marshal import loads

import _titan

_LIBRARY = "/lib/python3.13/"


def _spec():
    # Python's own bootstrap, which is frozen, already holds the class; `importlib.machinery` would import more.
    import _frozen_importlib

    return _frozen_importlib.ModuleSpec


class Importer:
    """A meta path finder and loader over `_titan.find`. There is one, used as a class."""

    _names = _titan.modules()
    _found = {}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in cls._names:
            return None
        package, _ = found = _titan.find(name)
        # Kept until it is run, so that a module inflates once.
        cls._found[name] = found
        file = _LIBRARY + name.replace(".", "/") + ("/__init__.py" if package else ".py")
        spec = cls._Spec(name, cls, origin=file, is_package=package)
        # Gives the module a `__file__`, from which packages tell where their data is.
        spec.has_location = True
        if package:
            spec.submodule_search_locations.append(file.removesuffix("/__init__.py"))
        return spec

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        exec(cls.get_code(module.__spec__.name), module.__dict__)

    @classmethod
    def get_code(cls, name):
        found = cls._found.pop(name, None) or _titan.find(name)
        if found is None:
            raise ImportError(f"no module named {name!r} in the engine", name=name)
        return loads(found[1])

    @classmethod
    def is_package(cls, name):
        found = _titan.find(name)
        return found is not None and found[0]

    @staticmethod
    def get_data(path):
        """The bytes of a package's data file."""
        with open(path, "rb") as file:
            return file.read()

    @staticmethod
    def get_source(name):
        """Sources are not kept; `inspect` and `traceback` then show none."""
        return None


def install():
    """Makes this the way to import what is neither built in nor frozen. No modules are found in files."""
    Importer._Spec = _spec()
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__name__ != "PathFinder"]
    sys.meta_path.append(Importer)
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    # WASI has no such call, and numpy reads files through a duplicate.
    import os

    os.dup = _titan.duplicate
