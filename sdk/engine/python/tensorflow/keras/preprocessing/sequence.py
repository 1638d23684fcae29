"""`keras.preprocessing.sequence` under TensorFlow's name for it."""

from keras.preprocessing.sequence import *
