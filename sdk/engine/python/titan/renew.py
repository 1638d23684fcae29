"""Makes the random number generators of a new instance differ from those of every other.

A heap image holds the state of `random` and `numpy.random`, so all instances would draw the same numbers. `mark` leaves in each a
state that no seed produces: zeros, with nothing left to draw. The engine's generators (patches/) take it as the order
to seed themselves from the host's entropy when they are first used. A generator that is never used costs nothing, and one
that a handler seeds itself is as repeatable as anywhere. `secrets`, `uuid` and `os.urandom` ask the host each time.
"""

import sys

# Mersenne twister: 624 words of state, and the position after the last one.
_WORDS = 624


def mark():
    """To be called when the heap image is otherwise complete."""
    random = sys.modules.get("random")
    if random is not None:
        random.setstate((3, (0,) * _WORDS + (_WORDS,), None))
    mtrand = sys.modules.get("numpy.random.mtrand")
    if mtrand is not None:
        import numpy

        mtrand.set_state(("MT19937", numpy.zeros(_WORDS, numpy.uint32), _WORDS, 0, 0.0))
