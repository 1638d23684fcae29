"""What suite.py runs in the engine: pytest over one file, and a count of what came out.

It is given to the engine as an endpoint cell, so its globals are a notebook's. The test files and pytest itself are in
the engine's file system, below LIBRARY.
"""

import importlib
import importlib.machinery
import json
import os
import sys
import tempfile
import types

import numpy

LIBRARY = "/lib/python3.13"
ABSENT = ("asyncio", "ctypes", "mmap", "multiprocessing", "pdb", "pydoc", "unittest.mock", "urllib.request",
          "numpy._core._multiarray_tests", "numpy._core._operand_flag_tests", "numpy._core._rational_tests",
          "numpy._core._simd", "numpy._core._struct_ufunc_tests", "numpy._core._umath_tests")
"""Modules that the engine leaves out. Test files import them for a few of their tests."""


class Absent:
    """Stands for something of a module that the engine lacks: the test that calls it is skipped."""

    # numpy takes what has this for a type, of which test files make arrays for parameters.
    dtype = numpy.dtype(object)

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}")

    def __call__(self, *_, **__):
        if not Counter.running:
            return Absent(f"{self._name}()")
        import pytest

        pytest.skip(f"{self._name} is not in the engine")

    def __mro_entries__(self, bases):
        return (object,)

    def __mul__(self, other):
        return self


class AbsentModule(types.ModuleType):
    """A module of which nothing is there."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")


class Counter:
    """A pytest plugin: counts outcomes, and writes the name of the running test to the log before it runs, so that one
    that ends the instance is known."""

    running = False
    """Whether tests run already, and not only the test file."""

    def __init__(self):
        self.passed = self.skipped = 0
        self.failed = {}

    def pytest_runtest_logstart(self, nodeid, location):
        Counter.running = True
        print(f"\x1e{nodeid}\x1f", file=sys.__stderr__, flush=True)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.setdefault(report.nodeid, _reason(report))
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed[report.nodeid] = _reason(report)
        elif report.skipped:
            self.skipped += 1


def _reason(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash is not None else str(report.longrepr))[:4000]


def prepare(packages):
    """Makes test files importable and imports what every run needs."""
    # Before there are stand-ins: pandas copes with what is not there.
    for name in packages:
        importlib.import_module(name)
    sys.meta_path.append(importlib.machinery.PathFinder)
    sys.path_hooks.append(importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)))
    sys.path.append(LIBRARY)
    for name in ABSENT:
        sys.modules[name] = AbsentModule(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(importlib.import_module(parent), child, sys.modules[name])
    # hypothesis asks whether what it was given is one.
    sys.modules["unittest.mock"]._patch = type("_patch", (), {})
    # numpy asks before and after every test.
    sys.modules["numpy._core._multiarray_tests"].get_fpu_mode = int
    # It is asked for before anything is written, and looked for by writing.
    tempfile.tempdir = "/tmp"
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in "_pytest.python", "_pytest.terminal", "_pytest.unittest", "_pytest.junitxml", "hypothesis":
        importlib.import_module(name)


def run(file, options):
    """Runs the tests of a file below LIBRARY: a dict of counts, and of what failed why."""
    import pytest

    counter = Counter()
    plugins = ("cacheprovider", "faulthandler", "logging", "terminal")
    without = [option for plugin in plugins for option in ("-p", f"no:{plugin}")]
    where = [f"{LIBRARY}/{file}", f"--rootdir={LIBRARY}", f"-c={LIBRARY}/pytest.ini"]
    # pytest looks at its own output's file.
    shown, sys.stdout = sys.stdout, sys.__stdout__
    try:
        os.chdir(LIBRARY)
        pytest.main([*where, "--assert=plain", "--capture=no", *without, *options], [counter])
    finally:
        sys.stdout = shown
    counts = {"passed": counter.passed, "failed": len(counter.failed), "skipped": counter.skipped}
    return {**counts, "failures": counter.failed}


_wish = json.loads(json.loads(REQUEST)["body"] or '["prepare", []]')
print(json.dumps({"prepare": prepare, "run": run}[_wish[0]](*_wish[1:])))
