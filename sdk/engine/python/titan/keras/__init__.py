"""What stands in for Keras inside the engine: frozen models, training histories and tensors.

There is no TensorFlow here. A frozen model is a spec of plain data (written by titan_freeze.keras_model) beside an ONNX
graph that the host runs. This package knows nothing of notebooks, endpoints or how the spec travelled.
"""

from titan.keras.model import History, Model
from titan.keras.tensor import Tensor

__all__ = ["History", "Model", "Tensor"]
