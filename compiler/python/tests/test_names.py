"""Which variables a cell reads before it has surely set them. Run from compiler/python: python -m unittest
tests.test_names"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from titan_freeze.names import CellReads, attributes, global_reads


def reads(source):
    return set(CellReads(source).reads)


class CellReadsTest(unittest.TestCase):
    def check(self, source, *names):
        with self.subTest(source):
            self.assertEqual(reads(source), set(names))

    def test_what_is_set_first_is_not_read(self):
        self.check("x = 1\nprint(x)", "print")
        self.check("x = x + 1", "x")
        self.check("x += 1", "x")
        self.check("x: int = 1\nx", "int", "__annotations__")
        self.check("x: int\nx", "int", "x", "__annotations__")
        self.check("(a, [b, *c]), d.e = v\na, b, c", "v", "d")
        self.check("(y := f()) + y", "f")
        self.check("import a.b, c as d\nfrom e import f\na, d, f")
        self.check("del x", "x")
        self.check("x = 1\ndel x\nx", "x")

    def test_expressions_have_their_own_names(self):
        self.check("[y for y in xs if y]", "xs")
        self.check("{k: (lambda z: z + w)(k) for k in xs}", "xs", "w")
        self.check("lambda a, b=d: a + b + c", "d", "c")
        self.check("f'{x!r:>{width}} {y=}'", "x", "width", "y")

    def test_functions_and_classes_read_when_they_run(self):
        self.check("@deco\ndef f(a=default): return f(a) + g(b)", "deco", "default", "g", "b")
        self.check("def f():\n    global counter\n    counter += 1", "counter")
        self.check("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += y", "y")
        self.check("class A(A): pass", "A", "__name__")
        self.check(
            "class C(Base, metaclass=Meta):\n    def m(self): return C, super().m(), other",
            "Base",
            "Meta",
            "super",
            "other",
            "__name__",
        )
        self.check("async def f():\n    async with a as b: await c", "a", "c")

    def test_branches_set_what_both_set(self):
        self.check("if c: x = 1\nelse: x = 2\nx", "c")
        self.check("if c: x = 1\nx", "c", "x")
        self.check("if c: raise E\nelse: x = 2\nx", "c", "E")
        self.check("for i in xs: x = i\ni, x", "xs", "i", "x")
        self.check("for i in xs:\n    if i: continue\n    else: y = i\n    y", "xs")
        self.check("while c: x = 1\nx", "c", "x")
        self.check("with a as f, b(f): x = f\nx, f", "a", "b")
        self.check("match v:\n    case 1: x = 1\n    case _: x = 2\nx", "v")
        self.check("match v:\n    case 1: x = 1\n    case other: raise other\nx", "v")
        self.check("match v:\n    case 1: x = 1\n    case other if other: raise other\nx", "v", "x")
        self.check("match v:\n    case [a, *b] if a: b\n    case Cls(k=c): c\n    case {'k': d, **e}: d, e", "v", "Cls")

    def test_what_may_fail_may_not_have_set(self):
        self.check("try: x = f()\nexcept E as e: x = e\nx", "f", "E")
        self.check("try: x = f()\nexcept E: pass\nx", "f", "E", "x")
        self.check("try: x = f()\nexcept E: raise\nx", "f", "E")
        self.check("try: f()\nfinally: x = 1\nx", "f")
        self.check("try: pass\nexcept E as e: pass\ne", "E", "e")
        self.check("try: x = 1\nexcept* E: x = 2\nx", "E")

    def test_a_cell_may_await(self):
        self.check("async for i in a: await i\nasync with b as c: c", "a", "b")

    def test_a_second_cell_knows_what_the_first_set(self):
        first = CellReads("x = 1")
        self.assertEqual(list(CellReads("x, y", known=first.after).reads), ["y"])


class FunctionTest(unittest.TestCase):
    def test_functions_within_count(self):
        def function():
            def inner():
                return [outer_name for _ in inner_name]

            return inner, module.attribute

        code = function.__code__
        self.assertEqual(set(global_reads(code)), {"outer_name", "inner_name", "module"})
        self.assertLessEqual({"module", "attribute", "outer_name"}, attributes(code))


if __name__ == "__main__":
    unittest.main()
