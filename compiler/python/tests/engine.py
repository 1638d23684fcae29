"""Importing this makes the engine's package `titan` importable; not those beside it, which have the names of real
libraries."""

import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[3]
PYTHON = ROOT / "sdk/engine/python"


def load(name, folder):
    """Imports the package in a folder of the engine's under a name."""
    spec = importlib.util.spec_from_file_location(
        name, PYTHON / folder / "__init__.py", submodule_search_locations=[str(PYTHON / folder)]
    )
    package = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


if "titan" not in sys.modules:
    load("titan", "titan")
# The freeze has the package below its own.
load("titan_freeze.titan", "titan")
