"""Metrics of predictions."""

from titan.sklearn.curves import *
from titan.sklearn.metrics import *

from . import pairwise


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"the engine's sklearn.metrics has no {name!r}: compute it in a cell before, or with numpy")
