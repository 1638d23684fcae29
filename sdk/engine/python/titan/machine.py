"""Makes Python say that it runs on a 64-bit machine, as notebooks do: a number that stands for the largest there is must
not be smaller here."""

import sys
import types


def pretend():
    """To be called when numpy is imported, and before packages that ask are."""
    from numpy._core import arrayprint

    # numpy calls C's largest int by this name, to say that arrays are printed in no older way.
    arrayprint.sys = types.SimpleNamespace(maxsize=sys.maxsize)
    sys.maxsize = 2**63 - 1
