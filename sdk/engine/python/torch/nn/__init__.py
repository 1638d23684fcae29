"""Networks are made, trained and frozen in the notebook; here are the functions of `torch.nn.functional`."""

from . import functional


class Module:
    """The parent of deployed modules."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"the engine's torch has no nn.{name}: make the module in a cell before, or use torch.nn.functional"
    )


__all__ = ["Module", "functional"]
