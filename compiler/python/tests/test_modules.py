"""What the engine has, lacks and is given. Run from compiler/python: python -m unittest tests.test_modules"""

import ast
import importlib
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from titan_freeze.modules import Modules, imports

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
        return self.modules.missing_imports(imports(ast.parse(source)))

    def test_missing_modules_are_named(self):
        self.assertEqual(
            self.missing("import json, sqlite3, tkinter.ttk\nfrom curses import ascii"),
            ["sqlite3", "tkinter", "curses"],
        )
        self.assertEqual(
            self.missing("import json.decoder\nfrom os import path\nimport os.path, xml.etree.ElementTree"), []
        )
        self.assertEqual(self.missing("from xml import sax"), ["xml.sax"])
        self.assertEqual(self.missing("from json import loads, JSONDecoder\nfrom math import *"), [])
        self.assertEqual(self.missing("def f():\n    class C:\n        import sqlite3"), ["sqlite3"])

    def test_code_that_copes_is_let(self):
        self.assertEqual(self.missing("try: import sqlite3\nexcept ImportError: import math"), [])
        self.assertEqual(self.missing("try: import sqlite3\nexcept (KeyError, ModuleNotFoundError): pass"), [])
        self.assertEqual(self.missing("try:\n    import sqlite3\nexcept: pass"), [])
        self.assertEqual(self.missing("try: import sqlite3\nexcept KeyError: pass"), ["sqlite3"])
        self.assertEqual(self.missing("try: pass\nexcept ImportError: import sqlite3"), ["sqlite3"])
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
        self.assertEqual(self.missing("import titan_test_f"), ["sqlite3"])

    def test_what_endpoints_import_is_listed(self):
        statements = imports(ast.parse("import json.decoder\nfrom xml import etree\nimport sqlite3"))
        self.assertEqual(list(self.modules.importable(statements)), ["json.decoder", "xml", "xml.etree"])


if __name__ == "__main__":
    unittest.main()
