"""Tensors: numpy arrays under PyTorch's names."""

import operator

import numpy as np

from ._dtypes import as_floats, numpy_type, of_array, promoted


class Size(tuple):
    """The shape of a tensor."""

    def numel(self):
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self):
        return f"torch.Size({list(self)})"


class device:
    """Where a tensor is: here."""

    def __init__(self, type="cpu", index=None):
        self.type, self.index = str(type).split(":")[0], index

    def __repr__(self):
        return f"device(type={self.type!r})"

    def __str__(self):
        return self.type

    def __eq__(self, other):
        return isinstance(other, device) and self.type == other.type

    def __hash__(self):
        return hash(self.type)


def array_of(data, dtype=None):
    """Anything a tensor can be made of, as an array: Python floats are float32, integers int64."""
    if isinstance(data, Tensor):
        array = data._array
    elif isinstance(data, (list, tuple)) and any(isinstance(part, Tensor) for part in data):
        array = np.stack([array_of(part) for part in data])
    else:
        array = np.asarray(data)
        if array.dtype.kind in "OUSM":
            raise TypeError(f"can't convert {type(data).__name__} of {array.dtype} to a tensor of numbers")
        if not isinstance(data, (np.ndarray, np.generic)) and not _holds_arrays(data) and array.dtype == np.float64:
            array = array.astype(np.float32)
    return array if dtype is None else array.astype(numpy_type(dtype), copy=False)


def _holds_arrays(data):
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


def value(other):
    """What numpy computes with."""
    return other._array if isinstance(other, Tensor) else other


def dims(dim):
    return tuple(dim) if isinstance(dim, (list, tuple)) else dim


class Tensor:
    """Holds `array`, and shares its memory as views in PyTorch do."""

    __slots__ = ("_array",)
    __array_priority__ = 100
    requires_grad, grad, is_cuda = False, None, False

    def __init__(self, array):
        self._array = np.asarray(array)

    def numpy(self, force=False):
        return self._array

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype, copy=copy)

    dtype = property(lambda self: of_array(self._array))
    shape = property(lambda self: Size(self._array.shape))
    ndim = property(lambda self: self._array.ndim)
    T = property(lambda self: Tensor(self._array.T))
    device = property(lambda self: device())
    data = property(lambda self: self)

    def size(self, dim=None):
        return self.shape if dim is None else self._array.shape[dim]

    def dim(self):
        return self._array.ndim

    def numel(self):
        return self._array.size

    def item(self):
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._array.item()

    def tolist(self):
        return self._array.tolist()

    def _same(self, *_, **__):
        return self

    detach = cpu = contiguous = requires_grad_ = eval = _same

    def clone(self):
        return Tensor(self._array.copy())

    def to(self, *targets, dtype=None, **_):
        """Another type of elements; devices are all the same."""
        for target in targets:
            if isinstance(target, Tensor):
                dtype = target.dtype
            elif not isinstance(target, (str, device, bool, int)):
                dtype = target
        return self if dtype is None else Tensor(self._array.astype(numpy_type(dtype), copy=False))

    def type(self, dtype):
        return self.to(dtype)

    def float(self):
        return Tensor(self._array.astype(np.float32, copy=False))

    def double(self):
        return Tensor(self._array.astype(np.float64, copy=False))

    def long(self):
        return Tensor(self._array.astype(np.int64, copy=False))

    def int(self):
        return Tensor(self._array.astype(np.int32, copy=False))

    def bool(self):
        return Tensor(self._array.astype(np.bool_, copy=False))

    def view(self, *shape):
        return Tensor(self._array.reshape(dims(shape[0]) if isinstance(shape[0], (list, tuple)) else shape))

    reshape = view

    def flatten(self, start_dim=0, end_dim=-1):
        shape = self._array.shape or (1,)
        end = end_dim % len(shape)
        return Tensor(self._array.reshape(*shape[:start_dim], -1, *shape[end + 1 :]))

    def squeeze(self, dim=None):
        if dim is None:
            return Tensor(self._array.squeeze())
        places = [d for d in np.atleast_1d(dim) if self._array.shape[d] == 1]
        return Tensor(self._array.squeeze(tuple(places))) if places else self

    def unsqueeze(self, dim):
        return Tensor(np.expand_dims(self._array, dim))

    def permute(self, *order):
        return Tensor(self._array.transpose(*order))

    def transpose(self, first, second):
        return Tensor(self._array.swapaxes(first, second))

    def t(self):
        return self.T

    def expand(self, *shape):
        shape = dims(shape[0]) if isinstance(shape[0], (list, tuple)) else shape
        own = (None,) * (len(shape) - self._array.ndim) + self._array.shape
        return Tensor(np.broadcast_to(self._array, [o if s == -1 else s for s, o in zip(shape, own)]))

    def repeat(self, *counts):
        return Tensor(np.tile(self._array, dims(counts[0]) if isinstance(counts[0], (list, tuple)) else counts))

    def unbind(self, dim=0):
        return tuple(Tensor(part) for part in np.moveaxis(self._array, dim, 0))

    def fill_(self, number):
        self._array[...] = number
        return self

    def __getitem__(self, place):
        return Tensor(self._array[_place(place)])

    def __setitem__(self, place, new):
        self._array[_place(place)] = value(new)

    def __len__(self):
        if not self._array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._array)

    def __iter__(self):
        if not self._array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (Tensor(part) for part in self._array)

    def __bool__(self):
        if self._array.size != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self._array.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        return operator.index(self.item())

    def __hash__(self):
        return id(self)

    def __format__(self, spec):
        return format(self.item(), spec) if self._array.ndim == 0 else object.__format__(self, spec)

    def __neg__(self):
        return Tensor(-self._array)

    def __abs__(self):
        return Tensor(abs(self._array))

    def __invert__(self):
        return Tensor(~self._array)

    def __contains__(self, element):
        return bool((self._array == value(element)).any())

    def __matmul__(self, other):
        return Tensor(self._array @ value(other))

    def __rmatmul__(self, other):
        return Tensor(value(other) @ self._array)

    def __repr__(self):
        return "tensor(" + _text(self._array) + _suffix(self._array) + ")"

    def __getattr__(self, name):
        raise AttributeError(
            f"the engine's torch has no Tensor.{name}: use what numpy() gives, or do it in a cell before"
        )


def _place(place):
    if isinstance(place, tuple):
        return tuple(value(part) for part in place)
    return np.asarray(place) if isinstance(place, list) else value(place)


def _text(array):
    if array.dtype.kind != "f":
        return np.array2string(array, separator=", ", prefix="tensor(")
    finite = array[np.isfinite(array)]
    least = abs(finite[finite != 0]).min() if (finite != 0).any() else 1
    most = abs(finite).max() if finite.size else 1
    whole = bool((finite == np.ceil(finite)).all())
    if most / least > 1e3 * (1e5 if whole else 1) or most > 1e8 or least < 1e-4:
        style = "{:.4e}"
    else:
        style = "{:.0f}." if whole else "{:.4f}"
    written = [style.format(x) if np.isfinite(x) else str(x) for x in array.ravel().tolist()]
    widths = [len(text) for text, x in zip(written, array.ravel().tolist()) if np.isfinite(x)]
    width = max(widths, default=0) if array.ndim else 0
    texts = dict(zip(range(array.size), (text.rjust(width) for text in written)))
    numbers = iter(range(array.size))
    return np.array2string(
        array,
        separator=", ",
        prefix="tensor(",
        formatter={"float_kind": lambda _: texts[next(numbers)]},
        threshold=1000,
    )


def _suffix(array):
    plain = array.dtype in (np.float32, np.int64, np.bool_) and array.size
    return "" if plain else f", dtype={of_array(array)}"


def _binary(function, reverse=False, floats=False):
    def method(self, other):
        if not isinstance(other, (Tensor, np.ndarray, np.generic, bool, int, float)):
            return NotImplemented
        pair = (value(other), self._array) if reverse else (self._array, value(other))
        left, right = promoted(*(np.asarray(x) if isinstance(x, np.generic) else x for x in pair))
        if floats:
            left, right = as_floats(left), as_floats(right)
        return Tensor(function(left, right))

    return method


for _name in "add sub mul floordiv mod pow and or xor".split():
    _function = getattr(operator, f"__{_name}__")
    setattr(Tensor, f"__{_name}__", _binary(_function))
    setattr(Tensor, f"__r{_name}__", _binary(_function, reverse=True))
for _name in "lt le gt ge eq ne".split():
    setattr(Tensor, f"__{_name}__", _binary(getattr(operator, _name)))
Tensor.__truediv__ = _binary(operator.truediv, floats=True)
Tensor.__rtruediv__ = _binary(operator.truediv, reverse=True, floats=True)
