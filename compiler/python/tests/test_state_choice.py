"""How state lives where the notebook does not say. Run from compiler/python: python -m unittest
tests.test_state_choice"""

import ast
import importlib.util
import linecache
import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from .engine import ROOT as ROOT

from titan_freeze.sources import Sources
from titan_freeze.state_choice import choose

HAS_NUMPY = importlib.util.find_spec("numpy") is not None


class Endpoint:
    """An endpoint as `titan_freeze.capture` makes it, of code without magics."""

    def __init__(self, number, source):
        self.export, self.label, self.source, self.info, self.flags = f"e{number}", f"GET /{number}", source, None, 0

    def trees(self):
        return [ast.parse(self.source)]


def run(setup):
    """The variables of a notebook after the cell `setup`."""
    names = {"__name__": "__main__"}
    linecache.cache["<cell 1>"] = len(setup), None, setup.splitlines(True), "<cell 1>"
    exec(compile(setup, "<cell 1>", "exec"), names)
    return names


def chosen(setup, *sources, local=()):
    endpoints = [Endpoint(number, source) for number, source in enumerate(sources, 1)]
    modules = types.SimpleNamespace(local={name: None for name in local})
    capture = types.SimpleNamespace(sources=Sources([]), modules=modules, endpoints=endpoints)
    return choose(run(setup), capture, {endpoint.export: [number + 1] for number, endpoint in enumerate(endpoints, 1)})


class StateChoiceTest(unittest.TestCase):
    def assert_kernel(self, name, setup, *sources, **options):
        with self.subTest(setup=setup, sources=sources):
            choice = chosen(setup, *sources, **options)
            self.assertEqual(choice["mode"], "kernel")
            self.assertIn(f"changes {name!r}", choice["why"])

    def assert_reuse(self, setup, *sources, **options):
        with self.subTest(setup=setup, sources=sources):
            self.assertEqual(chosen(setup, *sources, **options)["mode"], "reuse")

    def test_members_of_enums_are_no_state(self):
        setup = "import enum\nclass Kind(enum.Flag):\n    A = 1\n    B = 2\n"
        self.assert_reuse(setup, "kind = Kind.A\nfor name in ('A', 'B'):\n    kind |= Kind[name]\nprint(kind)")
        function = "def joined(names):\n    kind = Kind(0)\n    for name in names:\n        kind |= Kind[name]\n    return kind"
        self.assert_reuse(setup + function, "print(joined('A'))")

    def test_the_reason_names_endpoint_variable_reader_and_cell(self):
        self.assertEqual(
            chosen("counter = 0", "counter += 1\nprint(counter)"),
            {"mode": "kernel", "why": "GET /1 changes 'counter', which it reads (cell 2)"},
        )
        why = chosen("x = 0", "print(x)", "x = 1")["why"]
        self.assertEqual(why, "GET /2 changes 'x', which GET /1 reads (cell 3)")

    def test_what_is_set_before_it_is_read_is_local(self):
        self.assert_reuse("import json", "x = json.loads(REQUEST)\nprint(x)", "x = 1\nx += 1\nprint(x)")
        self.assert_reuse("", "rows = []\nfor i in range(3): rows.append(i)\nprint(rows)")
        self.assert_reuse("REQUEST = ''", "REQUEST = eval(REQUEST)\nREQUEST['body'].update(a=1)\nprint(REQUEST)")
        self.assert_reuse("def f(): return data['x']", "data = {'x': 1}\ndata['x'] = 2\nprint(f())")
        self.assert_reuse("x = 1", "import json\nprint(json.dumps(x))", "import json\nprint(json)")
        self.assert_reuse("import json", "import json\nprint(json.dumps(1))", "print(json.dumps(2))")
        self.assert_reuse("x = 1", "def f(y):\n    x = y\n    x += 1\n    return x\nprint(f(x))")

    def test_assignments_and_deletions(self):
        self.assert_kernel("x", "x = 1", "print(x)\nx = 2")
        self.assert_kernel("x", "x = 1", "print(x)", "if REQUEST: x = 2")
        self.assert_kernel("x", "x = 1", "print(x)", "for x in range(3): pass")
        self.assert_kernel("x", "x = 1", "print(x)", "with open('a') as x: pass")
        self.assert_kernel("x", "x = 1", "print(x)", "del x")
        self.assert_kernel("x", "", "try:\n    x\nexcept NameError:\n    x = 0\nx += 1")
        self.assert_kernel("x", "", "if 'x' not in globals():\n    x = 0\nx += 1\nprint(x)")
        self.assert_kernel("x", "x = 1", "globals()['x'] = 2", "print(x)")
        self.assert_kernel("f", "def f(): return 1", "def f(): return 2", "print(f())")
        self.assert_kernel("n", "n = 0\ndef up():\n    global n\n    n += 1\n    return n", "print(up())")
        self.assert_kernel("n", "n = 0", "def up():\n    global n\n    n += 1\nup()\nprint(n)")

    def test_containers_are_changed_by_methods_and_items(self):
        for change in (
            "x.append(1)", "x[0] = 1", "del x[0]", "x += [1]", "x.insert(0, 1)", "x.sort()", "x[0], y = 1, 2",
            "x[0] += 1", "for x[0] in range(3): pass", "[x.pop() for _ in range(2)]", "y = x\ny.append(1)",
            "import random\nrandom.shuffle(x)", "import heapq\nheapq.heappush(x, 1)", "(lambda: x.append(1))()",
            "y = x if REQUEST else []\ny.append(1)", "if (y := x): y.clear()", "setattr(x, 'a', 1)",
        ):
            self.assert_kernel("x", "x = [3, 1, 2]", change)
        self.assert_kernel("d", "d = {}", "d.setdefault('a', []).append(1)")
        self.assert_kernel("d", "d = {'a': [1]}", "for rows in d.values(): rows.append(1)")
        self.assert_kernel("d", "d = {'a': [1]}", "rows = list(d.values())\nrows[0].append(1)")
        self.assert_kernel("d", "d = {'a': {'b': 1}}", "d['a']['b'] += 1")
        self.assert_kernel("s", "s = set()", "s.add(1)")
        self.assert_kernel("q", "import collections\nq = collections.deque(maxlen=3)", "q.append(1)")
        self.assert_kernel("c", "import collections\nc = collections.Counter()", "c.update('abc')")
        self.assert_kernel("ids", "import itertools\nids = itertools.count()", "print(next(ids))")

    def test_reading_is_no_change(self):
        self.assert_reuse("x = [3, 1, 2]", "y = x + [1]\ny.append(2)\ny = sorted(x)\ny.reverse()\nprint(x.index(1), y)")
        self.assert_reuse("d = {'a': 1}", "n = d['a']\nn += 1\nm = d.get('b', 0)\nm += 1\nprint(n, m)")
        self.assert_reuse("d = {'a': 1}", "e = dict(d)\ne['b'] = 2\nf = d.copy()\nf.update(e)\nprint({**d, **e})")
        self.assert_reuse("s = 'a'\nt = (1, 2)", "u = s\nu += 'b'\nv = t\nv += (3,)\nprint(u, v)")
        self.assert_reuse("def f(d):\n    d = dict(d)\n    d['x'] = 1\n    return d\nd = {}", "print(f(d))")
        self.assert_reuse("def f(n):\n    n += 1\n    return n\nlimits = {'a': 3}", "print(f(limits['a']))")
        self.assert_reuse("rate = 3.5\nimport math", "rate2 = rate\nrate2 *= 2\np = math.pi\np += 1\nprint(p)")
        self.assert_reuse("import functools\n@functools.lru_cache\ndef f(n): return n", "print(f(1))")
        self.assert_reuse("import sys", "sys.stdout.write('x')")

    def test_functions_change_what_they_are_given(self):
        add = "def add(to, x):\n    to.append(x)\nrows = []\n"
        self.assert_kernel("rows", add, "add(rows, 1)")
        self.assert_kernel("rows", add, "add(x=1, to=rows)")
        self.assert_reuse(add, "mine = []\nadd(mine, 1)\nprint(mine, rows)")
        self.assert_kernel("rows", add + "def twice(to):\n    add(to, 1)\n    add(to, 2)", "twice(rows)")
        self.assert_kernel("rows", add + "def get(): return rows", "get().append(1)")
        self.assert_kernel("add_to", add + "import functools\nadd_to = functools.partial(add, rows)", "add_to(1)")
        self.assert_kernel("rows", "rows = [{'a': 1}]", "list(map(lambda row: row.pop('a'), rows))")
        self.assert_kernel("f", "def f(x, seen=[]):\n    seen.append(x)\n    return seen", "print(f(1))")
        self.assert_kernel("f", "def f(): f.calls += 1\nf.calls = 0", "f()")
        up = "    def up():\n        nonlocal n\n        n += 1\n        return n\n"
        counter = f"def counter():\n    n = 0\n{up}    return up\n"
        self.assert_kernel("up", counter + "up = counter()", "print(up())")
        inner = "    def inner(*a):\n        calls.append(a)\n        return f(*a)\n"
        logged = f"calls = []\ndef logged(f):\n{inner}    return inner\n"
        self.assert_kernel("calls", logged + "@logged\ndef g(x): return x", "print(g(1))")
        self.assert_kernel("hits", "hits = {}\nmark = lambda k: hits.update({k: 1})", "mark('a')")
        even, odd = "def even(n): return n == 0 or odd(n - 1)\n", "def odd(n): return n != 0 and even(n - 1)\n"
        self.assert_reuse(even + odd, "even(4)")

    def test_objects_of_the_notebooks_classes(self):
        cell = (
            "class Tally:\n    total = 0\n    def __init__(self): self.n = 0; self.rows = []\n"
            "    def up(self): self.n += 1\n    def twice(self): self.up(); self.up()\n"
            "    def note(self, x): self.rows.append(x)\n    def get(self): return self.n\n"
            "    def double(self): return self.get() * 2\n"
            "class Peek(Tally):\n    @property\n    def last(self): self.n = 0; return 1\n"
            "class Stack(list):\n    def push(self, x): super().append(x)\n"
            "class Calm:\n    def __init__(self, n): self.n = n\n    def get(self): return self.n\n"
        )
        for call in "t.up()", "t.twice()", "t.note(1)", "t.n = 3", "t.rows[0] = 1", "Tally.up(t)":
            self.assert_kernel("t", cell + "t = Tally()", call)
        self.assert_kernel("p", cell + "p = Peek()", "print(p.last)")
        self.assert_reuse(cell + "t = Tally()", "print(t.get(), t.double())")
        self.assert_kernel("t", cell + "t = Tally()", "change = t.up\nt.up()")
        self.assert_kernel("ts", cell + "ts = {'a': Tally()}", "ts['a'].up()")
        self.assert_kernel("ts", cell + "ts = {'a': Tally()}", "ts[REQUEST].note(1)")
        self.assert_kernel("s", cell + "s = Stack()", "s.push(1)")
        self.assert_kernel("Tally", cell, "Tally.total += 1\nprint(Tally.total)")
        self.assert_reuse(cell + "c = Calm(1)", "print(c.get())", "t = Tally()\nt.up()\nprint(t.get())")
        made = "    def __init__(self, x):\n        ValueError.__init__(self, x)\n        self.x = x\n"
        wrong = f"class Wrong(ValueError):\n{made}"
        self.assert_reuse(wrong, "try:\n    raise Wrong(1)\nexcept Wrong as e:\n    print(e)", "raise ValueError")
        self.assert_reuse(cell + "cs = [Calm(1)]", "print([c.get() for c in cs])")

    def test_models_and_generators(self):
        model = "class Model: pass\nModel.__module__ = 'library'\nModel.fit = Model.predict = len\nmodel = Model()\n"
        self.assert_kernel("model", model, "model.fit([1])")
        self.assert_reuse(model, "model.predict([1])")
        self.assert_kernel("rng", "import random\nrng = random.Random(1)", "print(rng.random())")
        self.assert_reuse("import random", "random.seed(1)\nprint(random.random())")

    @unittest.skipUnless(HAS_NUMPY, "needs numpy")
    def test_arrays(self):
        for change in "a += 1", "a[0] = 1", "b = a[1:]\nb *= 2", "a.sort()", "np.add(a, 1, out=a)", "np.copyto(a, 0)":
            self.assert_kernel("a", "import numpy as np\na = np.zeros(3)", change)
        self.assert_kernel("m", "import numpy as np\nm = np.zeros((2, 2))", "row = m[0]\nrow += 1")
        self.assert_kernel("m", "import numpy as np\nm = np.zeros((2, 2))", "m.ravel()[:] = 0")
        self.assert_kernel("rng", "import numpy as np\nrng = np.random.default_rng(1)", "print(rng.normal())")
        self.assert_reuse("import numpy as np\na = np.zeros(3)", "b = a * 2\nb += 1\nx = a[0]\nx += 1\nprint(a.sum())")
        self.assert_reuse("import numpy as np\na = np.zeros(3)", "c = a.copy()\nc[0] = 1\nc.sort()\nprint(np.sort(a))")

    def test_modules_beside_the_notebook(self):
        module = types.ModuleType("titan_test_helper")
        text = "n = 0\ndef up():\n    global n\n    n += 1\n    return n\ndef get(): return 1\n"
        linecache.cache["helper.py"] = len(text), None, text.splitlines(True), "helper.py"
        exec(compile(text, "helper.py", "exec"), vars(module))
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        whole, part = "import titan_test_helper as h", "from titan_test_helper import up as h"
        for setup, call in (whole, "h.up()"), (part, "h()"):
            self.assert_kernel("h", setup, call, local=[module.__name__])
        self.assert_reuse("import titan_test_helper as h", "print(h.get())", local=[module.__name__])


if __name__ == "__main__":
    unittest.main()
