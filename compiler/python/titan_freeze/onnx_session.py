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


def reference(value):
    """Nothing has another name in the engine."""
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


def answers(session, spec, inputs):
    """As `models` asks for."""
    return session.run(None, {port["name"]: array for port, array in zip(spec["inputs"], inputs)})


def _ports(arguments):
    return [{"name": a.name, "type": a.type, "shape": list(a.shape)} for a in arguments]


def _content(session):
    """The ONNX file the session was made from, in one piece, with every dimension of its inputs named or known."""
    content, folder = session._model_bytes, "."
    if content is None:
        folder = os.path.dirname(os.path.abspath(session._model_path))
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
        # Then it is taken as it is: the compiler finds what is missing in it.
        return content
    from . import onnx_host

    model = onnx.load_from_string(content)
    onnx.load_external_data_for_model(model, folder)
    for port in model.graph.input:
        for i, dimension in enumerate(port.type.tensor_type.shape.dim):
            if not dimension.dim_param and dimension.dim_value <= 0:
                # The host wants to know which dimensions are equal: the first ones are those of the batch.
                dimension.dim_param = f"{port.name}_{i}" if i else "batch"
    onnx_host.adapt(model)
    return model.SerializeToString()
