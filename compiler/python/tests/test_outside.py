"""What answers may depend on, found in code. Run from compiler/python: python -m unittest tests.test_outside"""

import ast
import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from titan_freeze.names import CellReads
from titan_freeze.outside import CHANCE, FILES, IDENTITY, NETWORK, ORDER, TIME, Reach


class Endpoint:
    """An endpoint as `titan_freeze.capture` makes it, of code without magics."""

    flags = 0

    def __init__(self, source):
        self._source, self.reads = source, CellReads(source).reads

    def trees(self):
        return [ast.parse(self._source)]


class Kernel:
    """A notebook's kernel after the cell `setup`."""

    def __init__(self, setup):
        # As IPython does, which has an `open` of its own.
        self.names = {"__name__": "__main__", "open": print}
        exec(setup, self.names)

    def is_own(self, name):
        return name == "open"


class OutsideTest(unittest.TestCase):
    def assert_outside(self, expected, setup, source, local=()):
        with self.subTest(setup=setup, source=source):
            self.assertEqual(Reach(Endpoint(source), Kernel(setup), local).outside, expected)

    def test_modules_are_found_however_they_are_reached(self):
        self.assert_outside([TIME], "import time", "print(time.time())")
        self.assert_outside([TIME], "from time import time as clock", "print(clock())")
        self.assert_outside([TIME], "", "import time\nprint(time.time())")
        self.assert_outside([TIME], "import datetime", "print(datetime.date.today())")
        self.assert_outside([CHANCE], "import random", "print(random.random())")
        self.assert_outside([CHANCE], "from random import choice", "print(choice([1, 2]))")
        self.assert_outside([CHANCE], "import random\ngenerator = random.Random(1)", "print(generator.random())")
        self.assert_outside([CHANCE], "", "from uuid import uuid4\nprint(uuid4())")
        self.assert_outside([NETWORK], "", "import urllib.request\nprint(urllib.request)")

    def test_code_of_the_notebook_is_followed(self):
        self.assert_outside([TIME], "import time\ndef a(): return b()\ndef b(): return time.time()", "print(a())")
        setup = "import random\nclass A:\n    @property\n    def x(self): return random.random()\na = A()"
        self.assert_outside([CHANCE], setup, "print(a.x)")
        setup = "import time\ndef timed(f):\n    def g(): return f(), time.time()\n    return g\n@timed\ndef a(): pass"
        self.assert_outside([TIME], setup, "print(a())")
        self.assert_outside([], "import time\ndef unused(): return time.time()\ndef used(): return 1", "print(used())")

    def test_modules_beside_the_notebook_are_followed(self):
        helper = types.ModuleType("helper")
        exec("import time\ndef now_(): return time.time()\ndef other(): return 1", helper.__dict__)
        sys.modules["helper"] = helper
        self.addCleanup(sys.modules.pop, "helper")
        self.assert_outside([TIME], "import helper", "print(helper.now_())", ["helper"])
        self.assert_outside([], "import helper", "print(helper.other())", ["helper"])

    def test_builtins_count_unless_the_name_means_something_else(self):
        self.assert_outside([IDENTITY], "", "print(hash('a'))")
        self.assert_outside([FILES], "", "print(open('a').read())")
        self.assert_outside([FILES], "def f(): return open('a')", "print(f())")
        self.assert_outside([], "", "id = 1\nprint(id)")
        self.assert_outside([], "id = 1", "print(id)")
        self.assert_outside([], "row = {'id': 1}", "print(row['id'])")

    def test_sets_have_no_order(self):
        self.assert_outside([ORDER], "", "print(set('ab'))")
        self.assert_outside([ORDER], "", "x = 'a'\nprint({x})")
        self.assert_outside([ORDER], "", "print({c for c in 'ab'})")
        self.assert_outside([ORDER], "words = {'a', 'b'}", "print(words)")
        self.assert_outside([], "words = ['a']", "print(words)")

    def test_what_depends_on_nothing_says_so(self):
        setup = "import math, json, datetime"
        self.assert_outside([], setup, "print(math.pi, json.dumps(1), datetime.date(2024, 1, 2))")

    def test_names_tell_whether_the_request_is_read(self):
        kernel = Kernel("def body(): return REQUEST")
        self.assertIn("REQUEST", Reach(Endpoint("print(body())"), kernel, ()).names)
        self.assertNotIn("REQUEST", Reach(Endpoint("print(1)"), kernel, ()).names)


if __name__ == "__main__":
    unittest.main()
