"""Where Keras kept these before `keras.utils`."""

from . import sequence
