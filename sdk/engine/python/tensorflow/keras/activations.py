"""`keras.activations` under TensorFlow's name for it."""

from keras.activations import *
