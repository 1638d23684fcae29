"""The service that Titan is measured beside: the house-price model behind FastAPI and onnxruntime, as one would write it.

    server.py MODEL SCALING     serves on a free port of the loopback interface and prints it

MODEL is the ONNX file, SCALING a JSON file with `low` and `high`, the ranges the inputs were scaled with.
"""

import json
import socket
import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request

model_file, scaling_file = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model_file, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
with open(scaling_file) as file:
    scaling = json.load(file)
columns, low, high = scaling["columns"], np.array(scaling["low"]), np.array(scaling["high"])
app = FastAPI()


@app.post("/prediction")
async def prediction(request: Request):
    house = await request.json()
    rows = np.array([[house[column] for column in columns]], dtype=float)
    scaled = ((rows - low) / (high - low)).astype(np.float32)
    (probability,) = session.run(None, {name: scaled})[0][0]
    return {"above_median": float(probability)}


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
# As a socket and not by its number, for which uvicorn would not switch Nagle's algorithm off: 35 ms a request.
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
