"""A frozen Keras model: the inference half of `keras.Model`, computed by the host on the model's ONNX graph."""

import types

import numpy as np

from titan import graph
from titan.keras.losses import annotate
from titan.keras.structure import flatten, is_flat, keys, pack
from titan.keras.tensor import Shape, Tensor

BATCH = 32

FROZEN = "change it in a notebook cell and deploy again"
REFUSED = {
    "fit": "train it in a notebook cell",
    "train_on_batch": "train it in a notebook cell",
    "compile": "compile it in a notebook cell",
    "save": "save it in a notebook cell",
    "save_weights": "save it in a notebook cell",
    "export": "export it in a notebook cell",
    "load_weights": "load them in a notebook cell",
    "set_weights": "set them in a notebook cell",
    "get_weights": "keep what an endpoint needs of them in a variable of the notebook",
    "add": "build it in a notebook cell",
}
"""What a deployed model does not do, and what to do instead."""


class History:
    """What `fit` returned."""

    def __init__(self, spec):
        self.history = spec["history"]
        self.epoch = spec["epoch"]
        self.params = spec["params"]


class Model:
    """Answers as the Keras model that `spec` was made from."""

    def __init__(self, spec):
        self._spec = spec
        self._inputs = spec["inputs"]
        self.name = spec["name"]
        self.built = True
        self.trainable = False
        self.metrics_names = spec["metrics_names"]
        self.output_names = spec["output_names"]
        self.input_names = [port["name"] for port in self._inputs]
        self.input_shape = self._shapes("inputs")
        self.output_shape = self._shapes("outputs")
        self.layers = [_layer(*layer) for layer in spec["layers"]]
        self.inputs = [_port(port) for port in spec["inputs"]]
        self.outputs = [_port(port) for port in spec["outputs"]]
        self._graph_names = [port["graph_name"] for port in spec["inputs"]]
        self._input_types = [np.dtype(port["dtype"]) for port in spec["inputs"]]
        self._rows = [tuple(port["shape"][1:]) if port["shape"][:1] == [None] else None for port in spec["inputs"]]
        self._output_types = [np.dtype(port["dtype"]) for port in spec["outputs"]]
        self.loss = spec["loss"]
        self.optimizer = None if spec["optimizer"] is None else types.SimpleNamespace(**spec["optimizer"])
        if spec["history"] is not None:
            self.history = History(spec["history"])
        if spec["evaluation"] is not None:
            # Now, so that the import is done before the first request.
            from titan.keras.evaluation import Evaluation

            self._evaluation = Evaluation

    def __repr__(self):
        return f"<{self._spec['class']} name={self.name}, built=True>"

    def __getattr__(self, name):
        # Not `self.name`: a copy in the making has no attributes yet.
        model = self.__dict__.get("name")
        if name in REFUSED:
            raise AttributeError(f"the deployed model {model!r} has no {name}(): {REFUSED[name]} and deploy again")
        raise AttributeError(
            f"the deployed model {model!r} has no {name!r}: keep what an endpoint needs of it in a variable"
        )

    def __call__(self, inputs, training=None, mask=None):
        if training:
            raise ValueError(f"the deployed model {self.name!r} cannot be called with training=True: {FROZEN}")
        arrays = self._standardize(inputs)
        results = self._run(arrays)
        return pack(self._spec["outputs_structure"], [Tensor(result) for result in self._visible(results)])

    call = __call__

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for all of `x`, computed in batches, as arrays."""
        self.refuse("predict")
        batches = self._batches(self._standardize(x), batch_size, steps)
        results = [self._visible(self._run(batch)) for batch in batches]
        joined = results[0] if len(results) == 1 else [np.concatenate(parts) for parts in zip(*results)]
        return pack(self._spec["outputs_structure"], joined)

    def predict_on_batch(self, x):
        """The outputs for `x`, computed as one batch, as arrays."""
        self.refuse("predict")
        return pack(self._spec["outputs_structure"], self._visible(self._run(self._standardize(x))))

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """The loss and metrics of the compile configuration over a data set."""
        evaluation = self._evaluate(x, y, sample_weight, batch_size, steps)
        return evaluation.results() if return_dict else evaluation.in_order()

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The loss and metrics of one batch."""
        evaluation = self._evaluate(x, y, sample_weight, None, 1)
        return evaluation.results() if return_dict else evaluation.in_order()

    def summary(self, line_length=None, positions=None, print_fn=None, **options):
        """Prints the summary that was made when the notebook was frozen."""
        if print_fn is None:
            print(self._spec["summary"], end="")
        else:
            print_fn(self._spec["summary"])

    def get_layer(self, name=None, index=None):
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")

    def count_params(self):
        return self._spec["parameters"]

    def get_config(self):
        if self._spec["config"] is None:
            raise NotImplementedError(f"the model {self.name!r} has no configuration that could be frozen")
        return self._spec["config"]

    def _shapes(self, side):
        shapes = [tuple(port["shape"]) for port in self._spec[side]]
        return shapes[0] if len(shapes) == 1 else shapes

    def refuse(self, what):
        """Raises for what models have, and this one cannot do."""
        reason = self._spec["unsupported"].get(what)
        if reason is not None:
            raise NotImplementedError(f"the deployed model {self.name!r} cannot {what}: {reason}")

    def _standardize(self, x):
        """One contiguous array an input, of its type and rank."""
        values = self._values(x)
        if len(values) != len(self._inputs):
            raise ValueError(f"the model {self.name!r} has {len(self._inputs)} inputs, but was given {len(values)}")
        return list(map(self._array, self._inputs, self._input_types, self._rows, values))

    def _values(self, x):
        """The value of each input, in order, out of what a caller may give."""
        if type(x) is np.ndarray and len(self._inputs) == 1:
            return [x]
        structure = self._spec["inputs_structure"]
        named = keys(structure)
        if isinstance(x, dict):
            names = [named.get(i, port["name"]) for i, port in enumerate(self._inputs)]
            missing = [name for name in names if name not in x]
            if missing:
                raise ValueError(f"the model {self.name!r} needs an input {missing[0]!r}, it was given {sorted(x)}")
            return [x[name] for name in names]
        if len(self._inputs) > 1:
            if not isinstance(x, (list, tuple)):
                raise ValueError(f"the model {self.name!r} has {len(self._inputs)} inputs, but was given one")
            return _leaves(structure, x)
        if isinstance(x, (list, tuple)) and len(x) == 1 and isinstance(x[0], (np.ndarray, Tensor)):
            # A list of inputs, unless it is a list of samples.
            if x[0].ndim >= len(self._inputs[0]["shape"]):
                return list(x)
        return [x]

    def _array(self, port, dtype, row, value):
        try:
            array = np.asarray(value).astype(dtype, order="C", copy=False)
        except (TypeError, ValueError) as error:
            text = f"input {port['name']!r} of the model {self.name!r} is no array of numbers: {error}"
            raise ValueError(text) from None
        shape = port["shape"]
        if array.ndim == len(shape) and array.shape[1:] == row:
            return array
        if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        elif array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape))
        if not fits:
            raise ValueError(
                f"input {port['name']!r} of the model {self.name!r} expects shape {tuple(shape)}, found {array.shape}"
            )
        return np.ascontiguousarray(array)

    def _batches(self, arrays, batch_size, steps):
        """Cuts `arrays` into batches along their first dimension, at most `steps` of them."""
        count, *others = map(len, arrays)
        if others and set(others) != {count}:
            raise ValueError(f"all inputs must have the same number of samples, found {sorted({count, *others})}")
        if not count:
            raise ValueError(f"the model {self.name!r} was given no samples")
        size = batch_size or (-(-count // steps) if steps else BATCH)
        if count <= size:
            return [arrays]
        starts = range(0, count, size)
        return [[array[start : start + size] for array in arrays] for start in (starts[:steps] if steps else starts)]

    def _run(self, arrays):
        """All of the graph's outputs, hidden ones too."""
        return graph.run(self._spec["graph"], self._graph_names, arrays)

    def _visible(self, results):
        typed = zip(self._output_types, results)
        return [result if result.dtype is dtype else result.astype(dtype, copy=False) for dtype, result in typed]

    def _evaluate(self, x, y, sample_weight, batch_size, steps):
        self.refuse("evaluate")
        if self._spec["evaluation"] is None:
            raise ValueError(
                f"the model {self.name!r} was not compiled: compile it in a notebook cell and deploy again"
            )
        arrays = self._standardize(x)
        targets = self._targets(y)
        weights = self._weights(sample_weight, targets)
        present = [array for array in targets + weights if array is not None]
        places = [i for i, array in enumerate(targets + weights) if array is not None]
        evaluation = self._evaluation(self._spec["evaluation"])
        for batch in self._batches(arrays + present, batch_size, steps):
            inputs, rest = batch[: len(arrays)], batch[len(arrays) :]
            aligned = dict(zip(places, rest))
            labels = [aligned.get(i) for i in range(len(targets))]
            factors = [aligned.get(i + len(targets)) for i in range(len(weights))]
            predictions, own_loss = self._annotated(self._run(inputs))
            # As in TensorFlow, a loss that is infinite or undefined is a result and no warning.
            with np.errstate(all="ignore"):
                evaluation.add(len(inputs[0]), labels, predictions, factors, own_loss)
        return evaluation

    def _annotated(self, results):
        """The model's outputs with what Keras would know of them, and the loss that layers add."""
        hidden = self._spec["hidden"]
        outputs = self._visible(results)
        for i, output in enumerate(outputs):
            logits, mask = hidden["logits"][i], hidden["masks"][i]
            if logits is not None or mask is not None:
                outputs[i] = annotate(
                    output,
                    logits=None if logits is None else results[logits],
                    activation=hidden["activations"][i],
                    mask=None if mask is None else results[mask] != 0,
                )
        own = hidden["own_loss"]
        return outputs, np.float32(0) if own is None else results[own].reshape(()).astype(np.float32)

    def _targets(self, y):
        """The targets of each output, or None for one without a loss."""
        if y is None:
            raise ValueError(f"the model {self.name!r} needs targets y to be evaluated")
        outputs = len(self._spec["outputs"])
        if outputs == 1 and not isinstance(y, dict):
            values = [y[0] if _lists_one_array(y) else y]
        else:
            values = self._by_output(y)
        wanted = sorted({spec["output"] for spec in self._spec["evaluation"]["losses"]})
        if len(values) == len(wanted) < outputs:
            spread = dict(zip(wanted, values))
            values = [spread.get(i) for i in range(outputs)]
        if len(values) != outputs:
            raise ValueError(f"the model {self.name!r} has {outputs} outputs, but y has {len(values)} targets")
        return [None if value is None else _numbers(value) for value in values]

    def _weights(self, sample_weight, targets):
        if sample_weight is None:
            return [None] * len(targets)
        if isinstance(sample_weight, (dict, list, tuple)) and (len(targets) > 1 or isinstance(sample_weight, dict)):
            values = self._by_output(sample_weight)
        else:
            one = sample_weight[0] if _lists_one_array(sample_weight) else sample_weight
            values = [one] * len(targets)
        return [None if value is None else _numbers(value) for value in values]

    def _by_output(self, nested):
        """The leaves of a dict by output names or of a list, one an output."""
        if not isinstance(nested, dict):
            return _leaves(self._spec["outputs_structure"], nested)
        named = keys(self._spec["outputs_structure"])
        names = [named.get(i, name) for i, name in enumerate(self.output_names)]
        unknown = sorted(set(nested) - set(names))
        if unknown:
            raise ValueError(f"the model {self.name!r} has no output {unknown[0]!r}, its outputs are {names}")
        return [nested.get(name) for name in names]


def _port(spec):
    return types.SimpleNamespace(name=spec["name"], shape=tuple(spec["shape"]), dtype=spec["dtype"])


class Layer:
    """A layer of the model, by its name and its class's."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built=True>"

    def __getattr__(self, name):
        raise AttributeError(
            f"layer {self.__dict__.get('name')!r} of the deployed model has no {name!r}: keep what an endpoint needs "
            "of it in a variable"
        )


def _layer(kind, name):
    return type(kind, (Layer,), {})(name)


def _leaves(structure, value):
    """The leaves of a list that nests as `structure` does. A leaf may itself be a list in a flat structure."""
    return list(value) if is_flat(structure) else flatten(value)


def _lists_one_array(value):
    return isinstance(value, (list, tuple)) and len(value) == 1 and isinstance(value[0], (np.ndarray, Tensor))


def _numbers(value):
    """`value` as an array, floats as float32."""
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" and array.dtype != np.float32 else array
