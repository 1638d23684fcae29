"""What `compile` configured: losses and metrics, as the frozen model's `evaluate` computes them batch by batch.

The spec names functions and classes of `losses`, `metrics` and `confusion`; the tables here are all it can name.
"""

import numpy as np

from titan.keras import confusion, losses, metrics

FUNCTIONS = {
    function.__name__: function
    for function in [
        losses.binary_crossentropy,
        losses.binary_focal_crossentropy,
        losses.categorical_crossentropy,
        losses.categorical_focal_crossentropy,
        losses.categorical_generalized_cross_entropy,
        losses.categorical_hinge,
        losses.circle,
        losses.cosine_proximity,
        losses.cosine_similarity,
        losses.dice,
        losses.hinge,
        losses.huber,
        losses.kl_divergence,
        losses.log_cosh,
        losses.mean_absolute_error,
        losses.mean_absolute_percentage_error,
        losses.mean_squared_error,
        losses.mean_squared_logarithmic_error,
        losses.poisson,
        losses.sparse_categorical_crossentropy,
        losses.squared_hinge,
        losses.tversky,
        metrics.accuracy,
        metrics.binary_accuracy,
        metrics.categorical_accuracy,
        metrics.concordance_correlation,
        metrics.pearson_correlation,
        metrics.sparse_categorical_accuracy,
        metrics.sparse_top_k_categorical_accuracy,
        metrics.top_k_categorical_accuracy,
    ]
}

CLASSES = {
    "AUC": confusion.AUC,
    "AtConstraint": confusion.AtConstraint,
    "AtThresholds": confusion.AtThresholds,
    "FBetaScore": metrics.FBetaScore,
    "IoU": metrics.IoU,
    "R2Score": metrics.R2Score,
    "RootMeanSquaredError": metrics.RootMeanSquaredError,
}

# What Keras makes of the words "accuracy" and "crossentropy", by the shapes of targets and predictions.
ACCURACIES = "binary_accuracy", "sparse_categorical_accuracy", "categorical_accuracy"
CROSSENTROPIES = "binary_crossentropy", "sparse_categorical_crossentropy", "categorical_crossentropy"


def _function(named, y_true, y_pred):
    """The function called `named`, or the one that fits the shapes where `named` says so."""
    choice = {"by_shape:accuracy": ACCURACIES, "by_shape:crossentropy": CROSSENTROPIES}.get(named)
    if choice is not None:
        if y_pred.shape[-1] == 1:
            named = choice[0]
        elif y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
            named = choice[1]
        else:
            named = choice[2]
    return FUNCTIONS[named]


def _loss(spec, y_true, y_pred):
    return losses.Loss(_function(spec["function"], y_true, y_pred), spec["arguments"], spec["reduction"])


def _metric(spec, y_true, y_pred):
    if "class" in spec:
        return CLASSES[spec["class"]](**spec["arguments"])
    if "reduction" in spec:
        return metrics.LossMean(_loss(spec, y_true, y_pred))
    return metrics.MeanOf(_function(spec["function"], y_true, y_pred), spec["arguments"])


class Evaluation:
    """One run over a data set. Targets, predictions and weights are lists: an array, or None, for each output."""

    def __init__(self, spec):
        self._spec = spec
        self._total = metrics.Mean()
        self._trackers = [metrics.Mean() for _ in spec["trackers"]]
        self._losses = None
        self._metrics = None

    def add(self, samples, targets, predictions, weights, own_loss):
        """Takes in a batch of `samples`; `own_loss` is what the model itself adds to the loss of this batch."""
        if self._losses is None:
            self._build(targets, predictions)
        values = []
        for index, (spec, loss) in enumerate(zip(self._spec["losses"], self._losses)):
            output = spec["output"]
            value = losses.float32(loss(targets[output], predictions[output], weights[output]))
            if self._trackers and self._spec["tracked"]:
                # Keras would weigh by the static size of the batch, which is unknown: batches count alike.
                self._trackers[index].add(value)
            values.append(value if spec["weight"] is None else value * np.float32(spec["weight"]))
        if values and not self._spec["tracked"]:
            # Keras computes but one loss where the output is not nested, whatever it was given.
            del values[1:]
        total = sum(values, np.float32(0)) + np.float32(self._spec["regularization"]) + own_loss
        self._total.add(total, np.float32(samples))
        for (spec, weighted), metric in zip(self._metric_specs(), self._metrics):
            output = spec["output"]
            metric.update(targets[output], predictions[output], weights[output] if weighted else None)

    def _build(self, targets, predictions):
        shapes = [(targets[spec["output"]], predictions[spec["output"]]) for spec in self._spec["losses"]]
        self._losses = [_loss(spec, *pair) for spec, pair in zip(self._spec["losses"], shapes)]
        self._metrics = [
            _metric(spec, targets[spec["output"]], predictions[spec["output"]]) for spec, _ in self._metric_specs()
        ]

    def _metric_specs(self):
        yield from ((spec, False) for spec in self._spec["metrics"])
        yield from ((spec, True) for spec in self._spec["weighted_metrics"])

    def results(self):
        """All values by name, in alphabetical order as Keras gives them."""
        named = {"loss": self._total.result()}
        count = {}
        for (spec, weighted), metric in zip(self._metric_specs(), self._metrics):
            name = plain = spec["name"] if spec["prefix"] is None else f"{spec['prefix']}_{spec['name']}"
            if weighted and name in count:
                name = plain = f"weighted_{spec['name']}"
                if spec["prefix"] is not None:
                    name = plain = f"{spec['prefix']}_{name}"
            if plain in count:
                name = f"{plain}_{count[plain]}"
            count[plain] = count.get(plain, 0) + 1
            named[name] = metric.result()
        named.update(zip(self._spec["trackers"], (tracker.result() for tracker in self._trackers)))
        return {name: float(value) if np.ndim(value) == 0 else value for name, value in sorted(named.items())}

    def in_order(self):
        """All values as a list: the loss, metrics as they were configured, the rest; but one value alone as itself."""
        named = self.results()
        order = ["loss", *(spec["name"] for spec, _ in self._metric_specs()), *self._spec["trackers"]]
        values = [named[name] for name in order if name in named]
        values += [value for name, value in named.items() if name not in order]
        return values[0] if len(values) == 1 else values
