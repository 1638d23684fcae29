"""Distances and similarities of all rows of X to all of Y, or of X to itself."""

import numpy as np

from . import functions
from .inputs import table

__all__ = """
    cosine_distances cosine_similarity euclidean_distances linear_kernel manhattan_distances pairwise_distances
    polynomial_kernel rbf_kernel
""".split()


def _pair(X, Y):
    X = table(X).astype(np.float64, copy=False)
    return X, X if Y is None else table(Y).astype(np.float64, copy=False)


def cosine_similarity(X, Y=None, dense_output=True):
    return functions.kernel(*_pair(X, Y), "cosine")


def cosine_distances(X, Y=None):
    return pairwise_distances(X, Y, "cosine")


def euclidean_distances(X, Y=None, *, squared=False):
    return pairwise_distances(X, Y, "sqeuclidean" if squared else "euclidean")


def manhattan_distances(X, Y=None):
    return pairwise_distances(X, Y, "manhattan")


def linear_kernel(X, Y=None, dense_output=True):
    return functions.kernel(*_pair(X, Y), "linear")


def polynomial_kernel(X, Y=None, degree=3, gamma=None, coef0=1):
    return functions.kernel(*_pair(X, Y), "poly", gamma, degree, coef0)


def rbf_kernel(X, Y=None, gamma=None):
    return functions.kernel(*_pair(X, Y), "rbf", gamma)


def pairwise_distances(X, Y=None, metric="euclidean", **options):
    found = functions.distances(*_pair(X, Y), metric, **options)
    if Y is None:
        np.fill_diagonal(found, 0)
    return found
