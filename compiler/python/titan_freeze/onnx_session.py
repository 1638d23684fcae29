"""Sessions of onnxruntime: the model they were made from travels as it is.

A spec has `graph` (the file's stem), `inputs` and `outputs`: [{name, type, shape}], as the session tells them.
"""

import os
import sys
from pathlib import Path

from .errors import Unsupported

KIND = "onnx"
STAND_IN = "session"

# What the host's inference takes and gives.
_TYPES = {f"tensor({name})" for name in ("float16", "float", "double", "uint8", "int32", "int64", "bool")}


def is_model(value):
    """Whether `value` is an InferenceSession."""
    return isinstance(value, getattr(sys.modules["onnxruntime"], "InferenceSession", ()))


def part(value):
    """Nothing else of onnxruntime travels."""
    return None


def convert(session, name, folder):
    """Writes folder/NAME.onnx and returns the spec. Raises Unsupported for a model the host cannot run."""
    spec = {"graph": name, "inputs": _ports(session.get_inputs()), "outputs": _ports(session.get_outputs())}
    for side in ("inputs", "outputs"):
        for port in spec[side]:
            if port["type"] not in _TYPES:
                raise Unsupported(
                    f"has among its {side} {port['name']!r} of type {port['type']}, and the host takes and gives "
                    "tensors of numbers only; convert the model so that it does too "
                    "(for skl2onnx: options={'zipmap': False})"
                )
    Path(folder, f"{name}.onnx").write_bytes(_content(session))
    return spec


def _ports(arguments):
    return [{"name": a.name, "type": a.type, "shape": list(a.shape)} for a in arguments]


def _content(session):
    """The ONNX file the session was made from, in one piece."""
    if session._model_bytes is not None:
        return session._model_bytes
    try:
        content = Path(session._model_path).read_bytes()
    except OSError as error:
        raise Unsupported(
            f"was made from the file {session._model_path}, which cannot be read ({error.strerror}); "
            "keep it beside the notebook"
        ) from error
    try:
        import onnx
    except ImportError:
        # Weights in files of their own are then not looked for: the compiler finds them missing.
        return content
    model = onnx.load_from_string(content)
    onnx.load_external_data_for_model(model, os.path.dirname(os.path.abspath(session._model_path)))
    return model.SerializeToString()
