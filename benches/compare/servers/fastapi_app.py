"""FastAPI with onnxruntime, as one would write it, without validation of the body. MODEL and FUNCTION in the
environment name an ONNX file and a function of `inputs`."""

import os

from fastapi import FastAPI, Request
from onnx_model import Model

app = FastAPI()
model = Model(os.environ["MODEL"], os.environ["FUNCTION"])


@app.post("/prediction")
async def prediction(request: Request):
    """Answers one request."""
    return model.answer(await request.json())
