"""Makes the random number generators of a new instance differ from those of every other.

A heap image holds the state of `random` and `numpy.random`, so all instances would draw the same numbers. `mark` leaves in each a
state that no seed produces: zeros, with nothing left to draw. The engine's generators (patches/) take it as the order
to seed themselves from the host's entropy when they are first used. A generator that is never used costs nothing, and one
that a handler seeds itself is as repeatable as anywhere. `secrets`, `uuid` and `os.urandom` ask the host each time.

Generators that the notebook made are state. Those it made without a seed (the kernel tells, `titan_freeze.unseeded`) it
meant to be different each time: they are in `generators`, and get fresh seeds before the first request of an instance.
"""

import sys

# Mersenne twister: 624 words of state, and the position after the last one.
_WORDS = 624

generators = []
"""Objects of the notebook's variables: `random.Random`, and numpy's `RandomState` and `BitGenerator`."""

due = False
"""Whether this is a new instance in which `start` has work to do."""


def mark():
    """To be called when the heap image is otherwise complete."""
    global due
    random = sys.modules.get("random")
    if random is not None:
        random.setstate((3, (0,) * _WORDS + (_WORDS,), None))
    mtrand = sys.modules.get("numpy.random.mtrand")
    if mtrand is not None:
        import numpy

        mtrand.set_state(("MT19937", numpy.zeros(_WORDS, numpy.uint32), _WORDS, 0, 0.0))
    due = bool(generators)


def start():
    """Seeds the notebook's unseeded generators anew."""
    global due
    due = False
    renew(generators)


def renew(some):
    """Seeds these generators from the host's entropy."""
    for generator in some:
        if hasattr(generator, "seed"):
            generator.seed()
        else:
            generator.state = type(generator)().state
