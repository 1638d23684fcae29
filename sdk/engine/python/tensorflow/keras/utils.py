"""`keras.utils` under TensorFlow's name for it."""

from keras.utils import *
