"""Stands in for sessions of onnxruntime: the host runs the model. The spec is that of `titan_freeze.onnx_session`."""

import numpy as np

from titan import graph

_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(bool)": np.bool_}
_DTYPES.update((f"tensor({name})", np.dtype(name)) for name in ("float16", "uint8", "int32", "int64"))


class NodeArg:
    """An input or output of a model."""

    def __init__(self, spec):
        self.name, self.type, self.shape = spec["name"], spec["type"], spec["shape"]

    def __repr__(self):
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class InferenceSession:
    """Answers as the onnxruntime.InferenceSession that `spec` was made from."""

    def __init__(self, spec):
        self._spec = spec
        self._inputs = {port["name"]: port for port in spec["inputs"]}
        self._outputs = [port["name"] for port in spec["outputs"]]

    def __getattr__(self, name):
        raise AttributeError(f"the deployed session has no {name}(): use run(), or keep what it gives in a variable")

    def get_inputs(self):
        return [NodeArg(port) for port in self._spec["inputs"]]

    def get_outputs(self):
        return [NodeArg(port) for port in self._spec["outputs"]]

    def get_providers(self):
        return ["CPUExecutionProvider"]

    def run(self, output_names, input_feed, run_options=None):
        """The outputs of these names, or all, as arrays."""
        missing = [name for name in self._inputs if name not in input_feed]
        if missing:
            raise ValueError(f"Required inputs ({missing}) are missing from input feed ({list(input_feed)}).")
        arrays = [self._array(port, input_feed[name]) for name, port in self._inputs.items()]
        for name in input_feed:
            if name not in self._inputs:
                raise ValueError(f"Invalid input name: {name}")
        wanted = self._outputs if output_names is None else list(output_names)
        for name in wanted:
            if name not in self._outputs:
                raise ValueError(f"Invalid output name: {name}")
        results = dict(zip(self._outputs, graph.run(self._spec["graph"], list(self._inputs), arrays)))
        types = {port["name"]: _DTYPES[port["type"]] for port in self._spec["outputs"]}
        return [results[name].astype(types[name], copy=False) for name in wanted]

    @staticmethod
    def _array(port, value):
        array = np.asarray(value)
        wanted = np.dtype(_DTYPES[port["type"]])
        # As onnxruntime, which takes lists of Python numbers for what the model wants, but no array of another type.
        if array.dtype != wanted and hasattr(value, "dtype"):
            raise ValueError(
                f"Unexpected input data type. Actual: {array.dtype}, expected: {port['type']} for {port['name']!r}"
            )
        if array.ndim != len(port["shape"]):
            raise ValueError(
                f"Invalid rank for input: {port['name']} Got: {array.ndim} Expected: {len(port['shape'])} "
                "Please fix either the inputs/outputs or the model."
            )
        return np.ascontiguousarray(array, dtype=wanted)
