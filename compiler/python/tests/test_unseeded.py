"""Which random number generators were made without a seed. Run from compiler/python: python -m unittest
tests.test_unseeded"""

import pathlib
import pickle
import random
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from . import engine as engine
from titan import renew

# Of a process of its own: numpy must be imported after `watch`, and other tests import it too.
SCRIPT = """
import random
from titan_freeze import unseeded
unseeded.watch()
import numpy as np

class Dice(random.Random):
    pass

state = random.Random(1).getstate()
for made in EXPRESSIONS:
    print(made, unseeded.is_unseeded(eval(made)))
"""
UNSEEDED = [
    "random.Random()",
    "Dice()",
    "np.random.default_rng().bit_generator",
    "np.random.default_rng().spawn(1)[0].bit_generator",
    "np.random.MT19937()",
    "np.random.PCG64()",
    "np.random.RandomState()",
]
SEEDED = [
    "random.Random(3)",
    "(r := random.Random(), r.seed(3), r)[2]",
    "(r := random.Random(), r.setstate(state), r)[2]",
    "np.random.default_rng(3).bit_generator",
    "np.random.PCG64([1, 2])",
    "np.random.RandomState(3)",
    "np.random.RandomState(np.random.PCG64())",
    "random.SystemRandom()",
    "np.random",
    "3",
]


class UnseededTest(unittest.TestCase):
    def test_generators_are_told_apart_by_how_they_were_made(self):
        script = SCRIPT.replace("EXPRESSIONS", repr(UNSEEDED + SEEDED))
        folder = pathlib.Path(__file__).parents[1]
        said = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
        expected = [f"{made} True" for made in UNSEEDED] + [f"{made} False" for made in SEEDED]
        self.assertEqual(said.stdout.splitlines(), expected, said.stderr)

    def test_the_functions_it_notes_them_with_are_found_by_name(self):
        script = "from titan_freeze import unseeded\nunseeded.watch()\nimport pickle, secrets, random\n"
        script += "again = pickle.loads(pickle.dumps((secrets.randbits, random.Random.seed)))\n"
        script += "print(again == (secrets.randbits, random.Random.seed))"
        folder = pathlib.Path(__file__).parents[1]
        said = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
        self.assertEqual(said.stdout, "True\n", said.stderr)

    def test_all_kinds_are_seeded_anew(self):
        import numpy as np

        kinds = "PCG64", "Philox", "SFC64", "MT19937", "PCG64DXSM", "RandomState"
        for generator in [random.Random(1), *(getattr(np.random, kind)(1) for kind in kinds)]:
            with self.subTest(type(generator).__name__):
                before = pickle.dumps(generator)
                renew.renew([generator])
                self.assertNotEqual(before, pickle.dumps(generator))
        normal = np.random.RandomState(1)
        normal.normal()
        renew.renew([normal])
        self.assertEqual(normal.get_state()[3], 0, "a second number of a pair is no new one")


if __name__ == "__main__":
    unittest.main()
