"""Looks before any request whether things have what the endpoints' code will ask of them: the engine's stand-ins for
libraries and models have less than the originals, and say themselves what to do about it.

A use is (who asks, the name of a variable or module, attributes). Nothing of the notebook's own is asked: that might
run its code.
"""

import sys
import types

from .state import StateError

_STAND_INS = {"IPython", "keras", "sklearn", "tensorflow", "titan", "torch"}


def check(uses, namespace):
    """Raises StateError for the first thing that is not there."""
    for user, name, attributes in uses:
        try:
            _follow(namespace, name, attributes)
        except (AttributeError, NotImplementedError) as error:
            raise StateError(f"{user} uses {'.'.join((name, *attributes))}: {error}") from error


def _follow(namespace, name, attributes):
    value = namespace[name] if name in namespace else sys.modules.get(name)
    for attribute in attributes:
        if not isinstance(value, types.ModuleType):
            if type(value).__module__.partition(".")[0] in _STAND_INS:
                refuse = getattr(type(value), "refuse", None)
                if refuse is not None:
                    refuse(value, attribute)
                getattr(value, attribute)
            return
        try:
            value = getattr(value, attribute)
        except AttributeError as error:
            if value.__name__.partition(".")[0] in _STAND_INS:
                raise
            raise AttributeError(
                f"the engine's {value.__name__} has no {attribute!r}: use what it has, or compute the result in a cell "
                "before"
            ) from error
