"""The warm-up of endpoints before the heap is kept. Run from compiler/python: python -m unittest tests.test_warmup"""

import builtins
import pickle
import sys
import time
import types
import unittest
from unittest import mock

from .engine import ROOT as ROOT

try:
    import numpy
except ImportError:
    numpy = None
else:
    # The engine's own module, of which nothing here needs more.
    sys.modules.setdefault("_titan", types.ModuleType("_titan"))
    from titan import warmup
    from titan.endpoint import Endpoint
    from titan.rebuild import Sources


class Clock:
    """The engine's own module, as far as the warm-up needs it."""

    def lap(self, milliseconds):
        if milliseconds is None:
            self.began = time.monotonic()
            return None
        return time.monotonic() - self.began >= milliseconds / 1000


@unittest.skipUnless(numpy, "needs numpy")
class Warmup(unittest.TestCase):
    def run_endpoint(self, source, **variables):
        """Warms an endpoint up; what it appended to `seen`."""
        seen = builtins.titan_test_seen = []
        self.addCleanup(delattr, builtins, "titan_test_seen")
        head = {"method": "GET", "path": "/x", "source": source, "flags": 0, "quiet": False, "info": None, "sample": None}
        stream = pickle.dumps({"names": dict.fromkeys(variables, "GET /x"), "sources": []})
        stream += b"".join(map(pickle.dumps, variables.values())) + pickle.dumps({})
        with mock.patch.dict(sys.modules, _titan=Clock()):
            warmup.run([Endpoint(head)], stream, [], Sources([]))
        return seen

    def test_nobody_waits(self):
        sleep, began = time.sleep, time.monotonic()
        source = "import time\ntime.sleep(3600)\nnap(3600)\ntitan_test_seen.append(1)"
        self.assertEqual(self.run_endpoint(source, nap=time.sleep), [1] * warmup.ROUNDS)
        self.assertLess(time.monotonic() - began, 3600)
        self.assertIs(time.sleep, sleep)

    def test_what_takes_long_is_run_once(self):
        with mock.patch.object(warmup, "LONG", 0):
            self.assertEqual(self.run_endpoint("titan_test_seen.append(1)"), [1])

    def test_nothing_that_an_endpoint_sets_stays(self):
        import os

        before = numpy.get_printoptions(), numpy.geterr(), dict(os.environ)
        source = """
import decimal, numpy, os, sys
numpy.set_printoptions(precision=2)
numpy.seterr(all='raise')
os.environ['TITAN_TEST'] = 'set'
decimal.getcontext().prec = 5
sys.modules['__main__'].x = 1
"""
        main = sys.modules["__main__"]
        import decimal

        self.run_endpoint(source)
        self.assertEqual((numpy.get_printoptions(), numpy.geterr(), dict(os.environ)), before)
        self.assertEqual(decimal.getcontext().prec, 28)
        self.assertIs(sys.modules["__main__"], main)
        self.assertFalse(hasattr(main, "x"))


if __name__ == "__main__":
    unittest.main()
