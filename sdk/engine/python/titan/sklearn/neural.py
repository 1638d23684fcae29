"""Networks of dense layers."""

import numpy as np

from .base import ProbableClassifier, Regressor
from .functions import expit, softmax, two_columns

_ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softmax": softmax,
    "exp": np.exp,
}


def _forward(network, X):
    values = network._check(X)
    last = len(network.coefs_) - 1
    for i, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        activation = network.out_activation_ if i == last else network.activation
        values = _ACTIVATIONS[activation](values @ weights + bias)
    return values


class NetworkClassifier(ProbableClassifier):
    def predict(self, X):
        values = _forward(self, X)
        return self._label_binarizer.inverse_transform(values.ravel() if self.n_outputs_ == 1 else values)

    def predict_proba(self, X):
        values = _forward(self, X)
        return two_columns(values.ravel()) if self.n_outputs_ == 1 else values


class NetworkRegressor(Regressor):
    def predict(self, X):
        values = _forward(self, X)
        return values.ravel() if values.shape[1] == 1 else values
