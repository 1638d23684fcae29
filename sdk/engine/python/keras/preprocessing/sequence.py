"""Sequences as rows of an array."""

from ..utils import pad_sequences

__all__ = ["pad_sequences"]
