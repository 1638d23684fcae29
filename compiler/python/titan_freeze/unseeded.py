"""Tells random number generators that the notebook made without a seed from those it seeded.

Both travel with their state. But `default_rng()` or `random.Random()` says that the numbers are to be others each time,
so the engine seeds such a generator anew in every instance. No generator knows how it was made: what numpy draws for
want of a seed is noted here when it is drawn, and is found again as the entropy of the generator's seed sequence. A
state that is set by hand counts as a seed for `random.Random`; numpy keeps no trace of that.
"""

import functools
import random
import secrets
import sys
import weakref

# Numbers that were drawn as seeds.
_drawn = set()
# By address: a class of the notebook may say what is equal.
_unseeded = weakref.WeakValueDictionary()
_SEED_BITS = 128
"""The least that numpy asks for."""


def watch():
    """To be called before the notebook runs, and before numpy is imported."""
    draw = secrets.randbits

    def randbits(k):
        number = draw(k)
        if k >= _SEED_BITS:
            _drawn.add(number)
        return number

    # Found under this name by who looks for it: numpy, and pickle.
    randbits.__module__, randbits.__qualname__ = "secrets", "randbits"
    randbits.__doc__ = draw.__doc__
    secrets.randbits = randbits
    _watch_random()


def _watch_random():
    seed, setstate = random.Random.seed, random.Random.setstate

    @functools.wraps(seed)
    def noted_seed(self, a=None, *arguments, **options):
        seed(self, a, *arguments, **options)
        if a is None:
            _unseeded[id(self)] = self
        else:
            _unseeded.pop(id(self), None)

    @functools.wraps(setstate)
    def noted_setstate(self, state):
        setstate(self, state)
        _unseeded.pop(id(self), None)

    random.Random.seed, random.Random.setstate = noted_seed, noted_setstate


def is_unseeded(value):
    """Whether it is a generator that was made without a seed."""
    if isinstance(value, random.Random):
        return id(value) in _unseeded
    numpy = sys.modules.get("numpy.random")
    if numpy is None:
        return False
    if isinstance(value, numpy.RandomState):
        # Over another bit generator it has no seed of its own.
        value = value._bit_generator if isinstance(value._bit_generator, numpy.MT19937) else None
    if not isinstance(value, numpy.BitGenerator):
        return False
    # An attribute without underscore since numpy 1.25.
    sequence = getattr(value, "seed_seq", None) or getattr(value, "_seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    return isinstance(entropy, int) and entropy in _drawn
