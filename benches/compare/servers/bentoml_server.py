"""BentoML with onnxruntime. MODEL and FUNCTION in the environment name an ONNX file and a function of `inputs`."""

import os

import bentoml
from onnx_model import Model


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Prediction:
    """One model."""

    def __init__(self):
        self.model = Model(os.environ["MODEL"], os.environ["FUNCTION"])

    # Asynchronous, since BentoML would hand anything else to a thread, which costs more than the prediction.
    @bentoml.api(route="/prediction")
    async def prediction(self, body: dict, /) -> dict:
        """Answers one request."""
        return self.model.answer(body)
