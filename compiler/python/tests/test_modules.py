"""What the engine has, lacks and is given. Run from compiler/python: python -m unittest tests.test_modules"""

import ast
import importlib
import importlib.machinery
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from titan_freeze.imports import imports
from titan_freeze.modules import Modules

ENGINE = ["json", "json.decoder", "math", "os", "posixpath", "typing", "xml", "xml.etree", "xml.etree.ElementTree"]


class ModulesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        sys.path.insert(0, folder.name)
        self.addCleanup(sys.path.remove, folder.name)
        self.modules = Modules([{"name": "numpy", "modules": ENGINE}], self.folder)

    def write(self, **files):
        for name, text in files.items():
            file = self.folder / (name.replace("__", "/") + ".py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        importlib.invalidate_caches()

    def missing(self, source):
        return [str(missing) for missing in self.modules.missing_imports(imports(ast.parse(source)))]

    def lacking(self, *names):
        return [f"{name}, which the engine does not have" for name in names]

    def test_missing_modules_are_named(self):
        self.assertEqual(
            self.missing("import json, sqlite3, tkinter.ttk\nfrom curses import ascii"),
            self.lacking("sqlite3", "tkinter", "curses"),
        )
        self.assertEqual(
            self.missing("import json.decoder\nfrom os import path\nimport os.path, xml.etree.ElementTree"), []
        )
        self.assertEqual(self.missing("from xml import sax"), self.lacking("xml.sax"))
        self.assertEqual(self.missing("from json import loads, JSONDecoder\nfrom math import *"), [])
        self.assertEqual(self.missing("def f():\n    class C:\n        import sqlite3"), self.lacking("sqlite3"))

    def test_code_that_copes_is_let(self):
        self.assertEqual(self.missing("try: import sqlite3\nexcept ImportError: import math"), [])
        self.assertEqual(self.missing("try: import sqlite3\nexcept (KeyError, ModuleNotFoundError): pass"), [])
        self.assertEqual(self.missing("try:\n    import sqlite3\nexcept: pass"), [])
        self.assertEqual(self.missing("try: import sqlite3\nexcept KeyError: pass"), self.lacking("sqlite3"))
        self.assertEqual(self.missing("try: pass\nexcept ImportError: import sqlite3"), self.lacking("sqlite3"))
        self.assertEqual(self.missing("from typing import TYPE_CHECKING\nif TYPE_CHECKING: import sqlite3"), [])

    def test_local_modules_are_taken_with_what_they_import(self):
        self.write(
            titan_test_a="from titan_test_b import b\ndef late(): import titan_test_c, sqlite3",
            titan_test_b="b = 1",
            titan_test_c="",
            titan_test_unused="",
        )
        self.assertEqual(self.missing("import titan_test_a"), [])
        self.assertEqual(sorted(self.modules.local), ["titan_test_a", "titan_test_b", "titan_test_c"])
        self.assertEqual(self.modules.local["titan_test_b"], (False, "titan_test_b.py", "b = 1"))

    def test_packages_are_taken_by_relative_imports(self):
        self.write(
            titan_test_p____init="",
            titan_test_p__x="from . import y\nfrom .z import w",
            titan_test_p__y="",
            titan_test_p__z="w = 1",
        )
        (self.folder / "titan_test_p/__init__.py").write_text("from .x import y")
        self.assertEqual(self.missing("import titan_test_p"), [])
        self.assertEqual(sorted(self.modules.local), ["titan_test_p", *(f"titan_test_p.{name}" for name in "xyz")])
        self.assertTrue(self.modules.local["titan_test_p"][0])

    def test_modules_that_import_one_another_are_no_trouble(self):
        self.write(titan_test_d="import titan_test_e", titan_test_e="import titan_test_d")
        self.assertEqual(self.missing("import titan_test_d"), [])

    def test_a_local_module_needs_what_it_imports(self):
        self.write(titan_test_f="import titan_test_g", titan_test_g="import sqlite3")
        self.assertEqual(
            self.missing("import titan_test_f"),
            self.lacking("titan_test_f, which imports titan_test_g, which imports sqlite3"),
        )

    def test_what_endpoints_import_is_listed(self):
        statements = imports(ast.parse("import json.decoder\nfrom xml import etree\nimport sqlite3"))
        self.assertEqual(
            [name for name, _ in self.modules.importable(statements)], ["json.decoder", "xml", "xml.etree"]
        )

    def install(self, **files):
        """Writes a package that counts as installed."""
        site = self.folder / "site-packages"
        site.mkdir(exist_ok=True)
        sys.path.insert(0, str(site))
        self.addCleanup(sys.path.remove, str(site))
        self.write(**{f"site-packages__{name}": text for name, text in files.items()})

    def test_packages_travel_with_what_they_import(self):
        self.install(
            titan_pack_b="def late():\n    import titan_pack_c, sqlite3",
            titan_pack_c="__import__('titan_pack_d')",
            titan_pack_d="",
            titan_pack_unused="",
        )
        site = self.folder / "site-packages"
        (site / "titan_pack_a").mkdir()
        (site / "titan_pack_a/__init__.py").write_text("from . import part")
        (site / "titan_pack_a/part.py").write_text("import titan_pack_b")
        self.assertEqual(self.missing("import titan_pack_a"), [])
        self.assertEqual(
            sorted(self.modules.packages),
            ["titan_pack_a", "titan_pack_a.part", "titan_pack_b", "titan_pack_c", "titan_pack_d"],
        )
        self.assertEqual(self.modules.packages["titan_pack_a"][:2], (True, "titan_pack_a/__init__.py"))
        self.assertEqual(self.modules.local, {})

    def test_a_native_extension_is_named_with_its_chain(self):
        self.install(
            titan_native_a="import titan_native_b\nimport titan_native_d",
            titan_native_b="import titan_native_c\nimport titan_native_a",
            titan_native_d="",
        )
        suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
        (self.folder / f"site-packages/titan_native_c{suffix}").write_bytes(b"")
        importlib.invalidate_caches()
        chain = "titan_native_b, which imports titan_native_c: a native extension that the engine does not have"
        self.assertEqual(self.missing("import titan_native_a"), [f"titan_native_a, which imports {chain}"])
        # What relied on it, in a circle, is missing as well, and nothing of it travels.
        self.assertEqual(self.missing("import titan_native_b"), [chain])
        self.assertEqual(self.missing("import titan_native_d"), [])
        self.assertEqual(list(self.modules.packages), ["titan_native_d"])

    def test_what_is_not_installed_says_so(self):
        (missing,) = self.modules.missing_imports(imports(ast.parse("import titan_nowhere")))
        self.assertIn("titan_nowhere, which is not installed", str(missing))
        self.assertIn("commands:", missing.remedy)

    def test_conditions_are_those_of_the_engine(self):
        self.install(
            titan_if="import sys, os\nif sys.version_info < (3, 8): import sqlite3\n"
            "if sys.platform == 'win32': import winreg\nelse: import json\nif os.environ: import tkinter\nimport contextlib",
        )
        self.modules = Modules([{"name": "numpy", "modules": [*ENGINE, "sys", "contextlib"]}], self.folder)
        self.assertEqual(self.missing("import titan_if"), [])
        self.assertEqual(
            self.missing("from contextlib import suppress\nwith suppress(ImportError): import sqlite3"), []
        )

    def test_the_smallest_engine_is_chosen_by_what_must_be_there(self):
        engines = [
            {"name": "small", "modules": ENGINE},
            {"name": "large", "modules": [*ENGINE, "sqlite3", "titan_frames"]},
        ]
        self.install(titan_lazy="def late():\n    import titan_frames", titan_eager="import titan_frames")
        self.modules = Modules(engines, self.folder)
        self.assertEqual(self.missing("import titan_lazy"), [])
        self.assertEqual(self.modules.engine(), "small")
        self.assertEqual(self.missing("import titan_eager"), [])
        self.assertEqual(self.modules.engine(), "large")


if __name__ == "__main__":
    unittest.main()
