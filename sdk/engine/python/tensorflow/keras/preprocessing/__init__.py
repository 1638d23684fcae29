"""`keras.preprocessing` under TensorFlow's name for it."""

from . import sequence
