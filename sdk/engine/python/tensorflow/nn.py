"""Activations and the like by their names in `tensorflow.nn`."""

from titan.keras.functions import relu, tanh, softplus

from .math import l2_normalize, log_softmax, sigmoid, softmax, top_k
