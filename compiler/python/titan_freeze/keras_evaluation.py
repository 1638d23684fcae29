"""Describes what `compile` configured, so that the engine's `titan.keras.evaluation` computes the same.

Keras resolves its configuration itself here; what is left is named: a function or class, its arguments, and which
output of the model it looks at. The words "accuracy" and "crossentropy" stay open where the model was never fitted,
because Keras decides by the shape of the targets.

An evaluation is {losses, metrics, weighted_metrics, trackers, tracked, regularization}:
  losses            [{function, arguments, reduction, output, weight}]
  metrics           [{name, prefix, output, and function + arguments, class + arguments, or a loss}]
  weighted_metrics  likewise, for those that sample weights count in
  trackers          names under which each loss of several is reported
  tracked           whether the outputs are nested, in which case Keras sums all losses and tracks them
  regularization    what weights add to the loss
"""

import keras
import numpy as np
from keras.src import tree
from keras.src.losses.losses import LossFunctionWrapper
from keras.src.metrics import confusion_metrics, f_score_metrics, iou_metrics, regression_metrics
from keras.src.metrics.reduction_metrics import MeanMetricWrapper
from keras.src.trainers import compile_utils

FUNCTIONS = set("""
    binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
    categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity dice hinge huber kl_divergence
    log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
    poisson sparse_categorical_crossentropy squared_hinge tversky
    accuracy binary_accuracy categorical_accuracy concordance_correlation pearson_correlation
    sparse_categorical_accuracy sparse_top_k_categorical_accuracy top_k_categorical_accuracy
    """.split())
"""Functions of Keras that the engine has too, by name."""

OVERRIDES = ["test_step", "compute_loss", "compute_metrics", "make_test_function", "evaluate", "get_metrics_result"]


class _Unknown(Exception):
    """Something of the configuration that the engine cannot compute."""


def overridden(model, methods):
    """The first of `methods` that the model's class defines in place of Keras's own, or None."""
    for method in methods:
        if getattr(type(model), method, None) is not getattr(keras.Model, method, None):
            return method
    return None


def evaluation(model, graph):
    """(the evaluation of `model`, None), (None, why the engine cannot evaluate it), or (None, None) if not compiled."""
    if not model.compiled:
        return None, None
    try:
        return _evaluation(model, graph), None
    except _Unknown as reason:
        return None, f"{reason}; compute it in a notebook cell and keep the result in a variable"
    except Exception as error:
        return None, f"its losses and metrics do not fit its outputs: {' '.join(str(error).split())[:300]}"


def _evaluation(model, graph):
    method = overridden(model, OVERRIDES)
    if method:
        raise _Unknown(f"its class overrides {method}")
    if keras.config.floatx() != "float32" or keras.config.epsilon() != 1e-7:
        raise _Unknown("floatx or epsilon of Keras were changed")
    configured = [model._loss_tracker, model._compile_metrics, *getattr(model._compile_loss, "metrics", [])]
    extra = [metric for metric in model.metrics if not any(metric is known for known in configured)]
    if extra:
        raise _Unknown(f"it has the metric {_name(extra[0])} beside those given to compile()")
    outputs = _symbolic_outputs(graph)
    losses, trackers = _losses(model, outputs)
    metrics, weighted = _metrics(model, outputs)
    regularization = sum(float(np.sum(np.asarray(loss))) for loss in model._get_regularization_losses())
    if not losses and graph.hidden["own_loss"] is None and not model._get_regularization_losses():
        raise _Unknown("compile() was given no loss")
    return {
        "losses": losses,
        "metrics": metrics,
        "weighted_metrics": weighted,
        "trackers": trackers,
        "tracked": tree.is_nested(outputs),
        "regularization": regularization,
    }


def _symbolic_outputs(graph):
    """Symbolic tensors, nested as the model's outputs are."""
    tensors = [keras.KerasTensor(port["shape"], dtype=port["dtype"]) for port in graph.outputs]
    return pack(graph.outputs_structure, tensors)


def pack(structure, leaves):
    """The leaves nested as the structure of a spec says."""
    if isinstance(structure, int):
        return leaves[structure]
    ((kind, parts),) = structure.items()
    if kind == "dict":
        return {key: pack(part, leaves) for key, part in parts}
    made = [pack(part, leaves) for part in parts]
    return tuple(made) if kind == "tuple" else made


class _AccuracyByShape(keras.metrics.Metric):
    """Stands for "accuracy" until the shape of the targets is known."""


def _crossentropy_by_shape(y_true, y_pred):
    """Stands for "crossentropy" until the shape of the targets is known."""
    raise NotImplementedError


def _open_metrics(configured):
    def opened(metric):
        is_open = isinstance(metric, str) and metric.lower() in ("accuracy", "acc")
        return _AccuracyByShape(name=metric) if is_open else metric

    return tree.map_structure(opened, configured)


def _open_losses(configured):
    def opened(loss):
        if isinstance(loss, str) and loss.lower() in ("crossentropy", "ce"):
            return LossFunctionWrapper(_crossentropy_by_shape, name=loss)
        return loss

    return tree.map_structure(opened, configured)


def _losses(model, outputs):
    compiled = model._compile_loss
    if compiled is None:
        return [], []
    if not compiled.built:
        compiled = compile_utils.CompileLoss(
            _open_losses(compiled._user_loss), compiled._user_loss_weights, output_names=compiled.output_names
        )
        compiled.build(outputs, outputs)
    indices = tree.pack_sequence_as(outputs, range(len(tree.flatten(outputs))))
    losses = []
    for path, loss, weight, _ in compiled._flat_losses:
        output = indices
        for key in path:
            output = output[key]
        losses.append({**_loss(loss), "output": output, "weight": None if weight is None else float(weight)})
    return losses, [metric.name for metric in compiled.metrics]


def _loss(loss):
    if not isinstance(loss, LossFunctionWrapper) or type(loss).call is not LossFunctionWrapper.call:
        raise _Unknown(f"its loss {_name(loss)} is not one of Keras's own")
    _float32(loss, "loss")
    return {**_function(loss.fn, loss._fn_kwargs, "loss"), "reduction": loss.reduction}


def _metrics(model, outputs):
    compiled = model._compile_metrics
    if compiled is None:
        return [], []
    if not compiled.built:
        compiled = compile_utils.CompileMetrics(
            _open_metrics(compiled._user_metrics),
            _open_metrics(compiled._user_weighted_metrics),
            output_names=compiled.output_names,
        )
        compiled.build(outputs, outputs)
    order = compiled._flatten_y(tree.pack_sequence_as(outputs, range(len(tree.flatten(outputs)))))

    def described(lists):
        return [
            {**_metric(metric), "name": metric.name, "prefix": group.output_name, "output": output}
            for output, group in zip(order, lists)
            if group is not None
            for metric in group.metrics
        ]

    return described(compiled._flat_metrics), described(compiled._flat_weighted_metrics)


def _metric(metric):
    kind = type(metric)
    if kind is _AccuracyByShape:
        return {"function": "by_shape:accuracy", "arguments": {}}
    _float32(metric, "metric")
    if isinstance(metric, MeanMetricWrapper) and kind.update_state is MeanMetricWrapper.update_state:
        function = metric._fn
        if isinstance(function, keras.losses.Loss):
            return _loss(function)
        return _function(function, metric._fn_kwargs, "metric")
    if kind not in _DESCRIBED:
        raise _Unknown(f"its metric {_name(metric)} is not one that the engine has")
    name, describe = _DESCRIBED[kind]
    return {"class": name, "arguments": {key: _plain(value) for key, value in describe(metric).items()}}


def _function(function, arguments, role):
    name = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None) or ""
    if function is _crossentropy_by_shape:
        name = "by_shape:crossentropy"
    elif not module.startswith("keras.src.") or name not in FUNCTIONS:
        raise _Unknown(f"its {role} {_name(function)} is not one that the engine has")
    elif function is regression_metrics.cosine_similarity:
        # The loss of the same name has the opposite sign.
        name = "cosine_proximity"
    return {"function": name, "arguments": {key: _plain(value) for key, value in arguments.items()}}


def _at_thresholds(of):
    def describe(metric):
        picked = {key: getattr(metric, key) for key in ("top_k", "class_id") if hasattr(metric, key)}
        return {"of": of, "thresholds": metric.thresholds, **picked}

    return "AtThresholds", describe


def _at_constraint(best, constrained):
    def describe(metric):
        return {
            "best": best,
            "constrained": constrained,
            "value": metric.value,
            "num_thresholds": metric.num_thresholds,
            "class_id": metric.class_id,
        }

    return "AtConstraint", describe


def _auc(metric):
    return {
        "num_thresholds": metric.num_thresholds,
        "curve": metric.curve.value,
        "summation_method": metric.summation_method.value,
        "thresholds": metric.thresholds[1:-1] if metric._init_from_thresholds else None,
        "multi_label": metric.multi_label,
        "label_weights": None if metric.label_weights is None else np.asarray(metric.label_weights),
        "from_logits": metric._from_logits,
    }


def _f_beta(metric):
    return {"average": metric.average, "beta": metric.beta, "threshold": metric.threshold}


def _iou(metric):
    return {
        "num_classes": metric.num_classes,
        "target_class_ids": metric.target_class_ids,
        "ignore_class": metric.ignore_class,
        "sparse_y_true": metric.sparse_y_true,
        "sparse_y_pred": metric.sparse_y_pred,
        "axis": metric.axis,
        "threshold": getattr(metric, "threshold", None),
    }


def _r2(metric):
    return {"class_aggregation": metric.class_aggregation, "num_regressors": metric.num_regressors}


_DESCRIBED = {
    confusion_metrics.TruePositives: _at_thresholds("true_positives"),
    confusion_metrics.FalsePositives: _at_thresholds("false_positives"),
    confusion_metrics.TrueNegatives: _at_thresholds("true_negatives"),
    confusion_metrics.FalseNegatives: _at_thresholds("false_negatives"),
    confusion_metrics.Precision: _at_thresholds("precision"),
    confusion_metrics.Recall: _at_thresholds("recall"),
    confusion_metrics.SensitivityAtSpecificity: _at_constraint("recall", "specificity"),
    confusion_metrics.SpecificityAtSensitivity: _at_constraint("specificity", "recall"),
    confusion_metrics.PrecisionAtRecall: _at_constraint("precision", "recall"),
    confusion_metrics.RecallAtPrecision: _at_constraint("recall", "precision"),
    confusion_metrics.AUC: ("AUC", _auc),
    f_score_metrics.FBetaScore: ("FBetaScore", _f_beta),
    f_score_metrics.F1Score: ("FBetaScore", _f_beta),
    iou_metrics.IoU: ("IoU", _iou),
    iou_metrics.BinaryIoU: ("IoU", _iou),
    iou_metrics.MeanIoU: ("IoU", _iou),
    iou_metrics.OneHotIoU: ("IoU", _iou),
    iou_metrics.OneHotMeanIoU: ("IoU", _iou),
    regression_metrics.R2Score: ("R2Score", _r2),
    regression_metrics.RootMeanSquaredError: ("RootMeanSquaredError", lambda metric: {}),
}
"""How each class of metrics with state of its own is described: the engine's class, and its arguments."""


def _float32(configured, role):
    if configured.dtype not in ("float32", "int", "int32", "int64"):
        raise _Unknown(f"its {role} {_name(configured)} computes in {configured.dtype}")


def _name(value):
    named = getattr(value, "name", None) or getattr(value, "__name__", None)
    return repr(named or type(value).__name__)


def _plain(value):
    """An argument as plain data."""
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    raise _Unknown(f"an argument of type {type(value).__name__} is no plain data")
