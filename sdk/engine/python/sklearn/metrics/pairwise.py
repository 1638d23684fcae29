"""Distances and similarities of all rows of one matrix to all of another."""

from titan.sklearn.pairwise import *
