"""The part of Keras that endpoints use around a deployed model: what prepares its inputs and reads its outputs.

Networks themselves run in the host (`titan.keras`). What is not here says so.
"""

from titan.keras import Model

from . import activations, ops, preprocessing, utils

__version__ = "3"


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"the engine's keras has no {name!r}: it has what prepares inputs and reads outputs; do the rest in a cell before"
    )
