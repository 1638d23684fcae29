"""A model of the comparison on onnxruntime with one thread, as the servers beside Titan use it."""

import sys
from pathlib import Path

import onnxruntime

sys.path.insert(0, str(Path(__file__).parent.parent / "notebooks"))
import inputs


class Model:
    """An ONNX file and the function of `inputs` that makes its input from a request's body."""

    def __init__(self, file, prepare):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        (self.input,) = self.session.get_inputs()
        self.prepare = getattr(inputs, prepare)

    def answer(self, body):
        """What the notebook's endpoint prints for `body`."""
        (outputs,) = self.session.run(None, {self.input.name: self.prepare(body)})
        return {"answer": outputs[0].tolist()}
