"""Activations as functions."""

from titan.keras.functions import log_softmax, relu, sigmoid, softmax, softplus, tanh

__all__ = "log_softmax relu sigmoid softmax softplus tanh".split()
