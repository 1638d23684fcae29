"""An eager TensorFlow tensor as notebooks see it: an immutable value over a numpy array."""

import operator

import numpy as np


class Shape(tuple):
    """A tensor's shape: a tuple with the conveniences of `tf.TensorShape`."""

    __slots__ = ()

    @property
    def rank(self):
        return len(self)

    @property
    def ndims(self):
        return len(self)

    def as_list(self):
        return list(self)

    def num_elements(self):
        return int(np.prod(self, dtype=np.int64))

    def __getitem__(self, key):
        got = tuple.__getitem__(self, key)
        return Shape(got) if isinstance(key, slice) else got

    def __repr__(self):
        return f"TensorShape({list(self)})"

    def __str__(self):
        return tuple.__repr__(self)


def _text(array):
    """The text of an array, begun on a line of its own where it has several."""
    return "\n" + array if "\n" in array else array


def _value(other):
    return other._array if isinstance(other, Tensor) else other


class Tensor:
    """Holds `array`. As with an eager tensor, operators give tensors and numpy functions give numpy's own types."""

    __slots__ = ("_array",)
    # Binary operators with an array on the left are this class's affair.
    __array_priority__ = 100

    def __init__(self, array):
        self._array = np.asarray(array)

    def numpy(self):
        """The value: an array, or a numpy scalar of a tensor without dimensions."""
        return self._array.copy() if self._array.ndim else self._array[()]

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype, copy=copy)

    @property
    def shape(self):
        return Shape(self._array.shape)

    def get_shape(self):
        return self.shape

    @property
    def ndim(self):
        return self._array.ndim

    @property
    def dtype(self):
        return self._array.dtype

    @property
    def T(self):
        return Tensor(self._array.T)

    def __getitem__(self, key):
        if isinstance(key, tuple):
            key = tuple(_value(part) for part in key)
        return Tensor(self._array[_value(key)])

    def __iter__(self):
        if not self._array.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (Tensor(part) for part in self._array)

    def __len__(self):
        if not self._array.ndim:
            raise TypeError("Scalar tensor has no `len()`.")
        return len(self._array)

    def __float__(self):
        return float(self._array)

    def __int__(self):
        return int(self._array)

    def __complex__(self):
        return complex(self._array)

    def __index__(self):
        return operator.index(self._array[()])

    def __bool__(self):
        return bool(self._array)

    def __round__(self, digits=None):
        return round(self._array[()], digits) if digits is not None else round(self._array[()])

    def __format__(self, spec):
        return format(self._array if self._array.ndim else self._array[()], spec) if spec else str(self)

    def __repr__(self):
        array = _text(repr(self._array) if self._array.ndim else str(self._array))
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype}, numpy={array}>"

    def __str__(self):
        return f"tf.Tensor({_text(str(self._array))}, shape={self.shape}, dtype={self.dtype})"

    __hash__ = None

    def __neg__(self):
        return Tensor(-self._array)

    def __abs__(self):
        return Tensor(abs(self._array))

    def __invert__(self):
        return Tensor(~self._array)


def _binary(name, reflected):
    """Defines operator `name` on both sides. As in TensorFlow a Python number takes the tensor's type."""
    apply = getattr(operator, name)

    def forward(self, other):
        return Tensor(apply(self._array, _value(other)))

    def backward(self, other):
        return Tensor(apply(_value(other), self._array))

    setattr(Tensor, name, forward)
    if reflected:
        setattr(Tensor, "__r" + name[2:], backward)


for _name in "add sub mul truediv floordiv mod pow matmul and or xor".split():
    _binary(f"__{_name}__", reflected=True)
for _name in "eq ne lt le gt ge".split():
    _binary(f"__{_name}__", reflected=False)
