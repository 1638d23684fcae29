"""Python files that travel with the version, imported from the frozen state, which carries their sources: modules that
lie beside the notebook, and packages of its image."""

import sys
import zlib

import _frozen_importlib

SITE = "/lib/python3.13/site-packages/"
"""Where packages seem to be."""

# Of modules beside the notebook, which load anew for the warm-up.
_local = set()
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
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(file.removesuffix("/__init__.py"))
        return spec

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        exec(Importer.get_code(module.__spec__.name), module.__dict__)

    @staticmethod
    def get_code(name):
        code = _codes.get(name)
        if code is None:
            code = compile(Importer.get_source(name), _sources[name][1], "exec", dont_inherit=True)
            if name in _local:
                _codes[name] = code
        return code

    @staticmethod
    def get_source(name):
        # `inspect` and `traceback` ask for it when they need lines.
        return zlib.decompress(_sources[name][2]).decode()

    @staticmethod
    def is_package(name):
        return _sources[name][0]

    @staticmethod
    def get_data(path):
        """The bytes of a package's data file."""
        with open(path, "rb") as file:
            return file.read()

    @staticmethod
    def get_resource_reader(name):
        """What `importlib.resources` reads a package's data files by."""
        from importlib.resources.readers import FileReader
        from types import SimpleNamespace

        return FileReader(SimpleNamespace(path=_sources[name][1]))

    @staticmethod
    def find_distributions(context):
        """What `importlib.metadata` knows of packages."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        return MetadataPathFinder.find_distributions(DistributionFinder.Context(name=context.name, path=[SITE]))


def install(modules, packages):
    """Makes modules beside the notebook and packages, both {name: (is_package, file, compressed source)}, importable
    before anything the engine has of the same name. A module's `file` is relative to the notebook's folder, a
    package's to SITE.
    """
    _local.update(modules)
    _sources.update(modules)
    _sources.update((name, (is_package, SITE + file, source)) for name, (is_package, file, source) in packages.items())
    if _sources and Importer not in sys.meta_path:
        sys.meta_path.insert(0, Importer)


def take():
    """Takes the loaded modules that lie beside the notebook out of `sys.modules`, so that they load anew; `put` brings
    them back."""
    return {name: sys.modules.pop(name) for name in _local if name in sys.modules}


def put(modules):
    """Undoes `take`."""
    for name in _local:
        sys.modules.pop(name, None)
    sys.modules.update(modules)
