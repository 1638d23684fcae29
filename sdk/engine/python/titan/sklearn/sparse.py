"""Stands in for the sparse matrices that encoders and vectorizers of texts return.

It holds a dense array: an endpoint transforms a few rows, and what it does with the result is `toarray()` or a
prediction.
"""

import numpy as np


class Sparse:
    """A matrix that SciPy would store by its non-zero elements."""

    ndim = 2
    format = "csr"

    def __init__(self, dense):
        self._dense = dense

    shape = property(lambda self: self._dense.shape)
    dtype = property(lambda self: self._dense.dtype)
    nnz = property(lambda self: int(np.count_nonzero(self._dense)))
    data = property(lambda self: self._dense[self._dense != 0])
    T = property(lambda self: Sparse(self._dense.T))

    def __repr__(self):
        return (
            f"<Compressed Sparse Row sparse matrix of dtype '{self.dtype}'\n"
            f"\twith {self.nnz} stored elements and shape {self.shape}>"
        )

    def __array__(self, dtype=None, copy=None):
        return self._dense.astype(dtype or self.dtype)

    def __len__(self):
        raise TypeError("sparse array length is ambiguous; use shape[0]")

    def __iter__(self):
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, place):
        found = self._dense[place]
        if np.ndim(found) == 0:
            return found
        if found.ndim == 1:
            # As SciPy's matrices do, which stay two-dimensional.
            by_row = not isinstance(place, tuple) or np.ndim(place[0]) == 0 and not isinstance(place[0], slice)
            found = found[None] if by_row else found[:, None]
        return Sparse(found)

    def toarray(self):
        return self._dense.copy()

    def todense(self):
        return np.asmatrix(self._dense.copy())

    def tocsr(self):
        return self

    def astype(self, dtype):
        return Sparse(self._dense.astype(dtype))

    def dot(self, other):
        if isinstance(other, Sparse):
            return Sparse(self._dense @ other._dense)
        return self._dense @ other

    __matmul__ = dot

    def __mul__(self, other):
        return Sparse(self._dense * other) if np.ndim(other) == 0 else self.dot(other)

    def __rmul__(self, factor):
        return Sparse(self._dense * factor)

    def __rmatmul__(self, other):
        return other @ self._dense

    def multiply(self, other):
        return Sparse(self._dense * (other._dense if isinstance(other, Sparse) else np.asarray(other)))

    def sum(self, axis=None):
        total = self._dense.sum(axis=axis)
        return total if axis is None else np.asmatrix(total if axis == 0 else total[:, None])

    def mean(self, axis=None):
        mean = self._dense.mean(axis=axis)
        return mean if axis is None else np.asmatrix(mean if axis == 0 else mean[:, None])

    def nonzero(self):
        return self._dense.nonzero()


def dense(result):
    """The array of what a transformer returned."""
    return result.toarray() if isinstance(result, Sparse) else result


def joined(parts):
    """Matrices side by side: sparse if one of them is."""
    result = np.hstack([dense(part) for part in parts])
    return Sparse(result) if any(isinstance(part, Sparse) for part in parts) else result
