"""Values look in a response as they look in a notebook. Run from compiler/python: python -m unittest tests.test_pretty

Where IPython is installed, thousands of values are compared with what it shows.
"""

import collections
import importlib.util
import random
import re
import types
import unittest

from . import engine as engine

from titan.pretty import pretty


def value(chance, depth):
    """A random value of at most so many containers within one another."""
    kind = chance.randrange(12)
    if depth == 0 or kind < 4:
        return chance.choice([1, 2.5, "x" * chance.randrange(30), None, True, b"ab", int, 10 ** chance.randrange(20)])
    count = chance.choice([0, 1, 2, 3, 5, 8, 20])
    if kind < 6:
        return [value(chance, depth - 1) for _ in range(count)]
    if kind < 8:
        return {chance.choice([str(i), i, (i,)]): value(chance, depth - 1) for i in range(count)}
    if kind < 10:
        return tuple(value(chance, depth - 1) for _ in range(count))
    elements = {chance.randrange(10_000) for _ in range(count)}
    return elements if kind < 11 else frozenset(elements)


class Plain:
    pass


class Named(collections.defaultdict):
    pass


class Wrong(ValueError):
    pass


class Own(list):
    def __repr__(self):
        return "Own"


def function(a, *b, c: int = 2):
    pass


SHOWN = [
    (Named(int, a=1), "Named(int, {'a': 1})"),
    (collections.OrderedDict(a=1), "OrderedDict([('a', 1)])"),
    (collections.Counter(), "Counter()"),
    (collections.deque([1], maxlen=2), "deque([1], maxlen=2)"),
    (collections.UserList([1]), "UserList([1])"),
    (types.SimpleNamespace(a=1), "namespace(a=1)"),
    (types.MappingProxyType({1: 2}), "mappingproxy({1: 2})"),
    (Wrong("x", 1), "tests.test_pretty.Wrong('x', 1)"),
    (KeyError("x"), "KeyError('x')"),
    (Own(), "Own"),
    (function, "<function tests.test_pretty.function(a, *b, c: int = 2)>"),
    (len, "<function len(obj, /)>"),
    (re.compile("a\\d", re.I), r"re.compile(r'a\d', re.IGNORECASE|re.UNICODE)"),
]


class PrettyTest(unittest.TestCase):
    def test_containers_break_into_lines(self):
        self.assertEqual(pretty({"b": [1, (2,)], "a": {3, 1}}), "{'b': [1, (2,)], 'a': {1, 3}}")
        wide = ["x" * 30] * 3
        quoted = repr("x" * 30)
        self.assertEqual(pretty({"k": wide}), f"{{'k': [{quoted},\n  {quoted},\n  {quoted}]}}")
        self.assertEqual(pretty([int, set(), ()]), "[int, set(), ()]")

    def test_what_holds_itself_ends(self):
        held = [1]
        held.append(held)
        self.assertEqual(pretty(held), "[1, [...]]")

    def test_long_containers_are_cut(self):
        self.assertTrue(pretty(list(range(2000))).endswith(" 999,\n ...]"))

    def test_some_types_do_not_look_as_their_repr(self):
        self.assertRegex(pretty([Plain()]), r"^\[<tests.test_pretty.Plain at 0x[0-9a-f]+>\]$")
        for shown, expected in SHOWN:
            self.assertEqual(pretty(shown), expected)

    @unittest.skipUnless(importlib.util.find_spec("IPython"), "IPython is not installed")
    def test_as_ipython(self):
        from IPython.lib.pretty import pretty as expected

        for seed in range(3000):
            chance = random.Random(seed)
            shown = value(chance, chance.randrange(5))
            self.assertEqual(pretty(shown), expected(shown), seed)
        holds_itself = collections.defaultdict(list)
        holds_itself["a"] = collections.OrderedDict(b=holds_itself)
        words = "the quick brown fox jumps over the lazy dog again and again".split()
        long = [collections.Counter(words), collections.deque(words * 3, maxlen=99), types.SimpleNamespace(a=words * 3)]
        for shown in [*(shown for shown, _ in SHOWN), Plain(), holds_itself, *long, [long], set(words), range(3), ...]:
            self.assertEqual(pretty(shown), expected(shown))


if __name__ == "__main__":
    unittest.main()
