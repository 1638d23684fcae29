"""Sequences, classes and norms of arrays."""

import numpy as np

from titan.keras import functions
from titan.keras.tensor import Tensor

__all__ = "normalize pad_sequences set_random_seed to_categorical".split()


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Sequences as rows of one array, cut or filled up with `value` to one length."""
    if not hasattr(sequences, "__len__"):
        raise ValueError("`sequences` must be iterable.")
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {sequence}")
    for name, side in ("Padding", padding), ("Truncating", truncating):
        if side not in ("pre", "post"):
            raise ValueError(f'{name} type "{side}" not understood')
    if maxlen is None:
        maxlen = max(map(len, sequences))
    inner = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    padded = np.full((len(sequences), maxlen, *inner), value, dtype=dtype)
    for row, sequence in zip(padded, sequences):
        if len(sequence):
            kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
            if padding == "post":
                row[: len(kept)] = kept
            else:
                row[-len(kept) :] = kept
    return padded


def to_categorical(x, num_classes=None):
    """A row of zeros and a one for each class."""
    if isinstance(x, Tensor):
        return functions.one_hot(x, num_classes)
    x = np.array(x, dtype="int64")
    outer = x.shape[:-1] if x.ndim > 1 and x.shape[-1] == 1 else x.shape
    flat = x.reshape(-1)
    classes = num_classes or int(flat.max()) + 1
    made = np.zeros((flat.size, classes))
    made[np.arange(flat.size), flat] = 1
    return made.reshape(*outer, classes)


def normalize(x, axis=-1, order=2):
    """Divided by the norm along the axis, where it is not 0."""
    if isinstance(x, Tensor):
        return functions.normalize(x, axis, order)
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    # As Keras has it, for the first axis too.
    return x / np.expand_dims(norms, axis or -1)


def set_random_seed(seed):
    """Seeds Python's and numpy's generators. A model answers without chance."""
    import random

    random.seed(seed)
    np.random.seed(seed)
