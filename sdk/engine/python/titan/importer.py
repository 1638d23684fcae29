"""Imports modules from the engine's memory.

Frozen into the engine under the name `titan_importer`, because it runs before there is anything to import from. It knows where
code is; it must import nothing that is not frozen or built in.
"""

import sys
from marshal import loads

import _titan


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
        spec = cls._Spec(name, cls, origin="titan", is_package=package)
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
    def get_source(name):
        """Sources are not kept; `inspect` and `traceback` then show none."""
        return None


def install():
    """Makes this the way to import what is neither built in nor frozen. There are no files to find anything else in."""
    Importer._Spec = _spec()
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__name__ != "PathFinder"]
    sys.meta_path.append(Importer)
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
