"""Types of elements, and what two of them become together."""

import numpy as np


class dtype:
    """A type of elements: `torch.float32` and its kin."""

    def __init__(self, name, array):
        self.name, self.array = name, np.dtype(array)

    is_floating_point = property(lambda self: self.array.kind == "f")
    is_complex = property(lambda self: False)
    itemsize = property(lambda self: self.array.itemsize)

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name


_NAMES = "float16 float32 float64 int8 int16 int32 int64 uint8".split()
_ALL = {name: dtype(name, name) for name in _NAMES}
_ALL["bool"] = dtype("bool", np.bool_)
globals().update(_ALL)
half, float, double = _ALL["float16"], _ALL["float32"], _ALL["float64"]
short, int, long = _ALL["int16"], _ALL["int32"], _ALL["int64"]
# There is no array of these; a tensor of them fails when it is made.
bfloat16 = dtype("bfloat16", np.void)
_OF_ARRAYS = {kind.array: kind for kind in _ALL.values()}
_CATEGORIES = "biuf"


def of_array(array):
    """The type of an array's elements."""
    return _OF_ARRAYS[array.dtype]


def numpy_type(kind):
    """numpy's for a type of here, a Python type, or numpy's own."""
    if isinstance(kind, dtype):
        if kind.array.kind == "V":
            raise TypeError(f"the engine's torch has no {kind}: use float32")
        return kind.array
    return np.dtype({"float": np.float32}.get(getattr(kind, "__name__", kind), kind))


def _category(array):
    return 2 if array.dtype.kind == "f" else 0 if array.dtype.kind == "b" else 1


def promoted(left, right):
    """Two arrays, or an array and a Python number, as arrays of the type the operation has: the category of a number
    or a tensor without dimensions decides only if it is higher."""
    arrays = [x if isinstance(x, np.ndarray) else None for x in (left, right)]
    numbers = [isinstance(x, np.ndarray) is False for x in (left, right)]
    made = [np.asarray(x) if a is None else a for x, a in zip((left, right), arrays)]
    made = [_default(a) if is_number else a for a, is_number in zip(made, numbers)]
    ranks = [(_category(a), 0 if is_number else 1 if a.ndim == 0 else 2) for a, is_number in zip(made, numbers)]
    highest = max(category for category, _ in ranks)
    deciding = [a.dtype for a, (category, rank) in zip(made, ranks) if category == highest]
    rank = [rank for category, rank in ranks if category == highest]
    if len(deciding) == 2 and rank[0] != rank[1]:
        kind = deciding[rank.index(max(rank))]
    else:
        kind = np.result_type(*deciding)
    return [a.astype(kind, copy=False) for a in made]


def _default(number):
    """A Python number as PyTorch reads it."""
    if number.dtype.kind == "f":
        return number.astype(np.float32)
    return number.astype(np.int64) if number.dtype.kind in "iu" else number


def as_floats(array):
    """For functions that give floats: integers become float32."""
    return array if array.dtype.kind == "f" else array.astype(np.float32)
