"""Keras under TensorFlow's name for it."""

from keras import Model

from . import activations, preprocessing, utils
