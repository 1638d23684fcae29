"""Chooses what of a scikit-learn estimator travels: the attributes that its stand-in in the engine (`titan.sklearn`)
answers from.

An estimator keeps its class name and the attributes it has, parameters and fitted ones, as far as they are data,
functions that it calls, or estimators themselves; what else it has is noted by name, so that the engine can say that
it did not travel. What only compiled code of scikit-learn can read (trees, bins, losses) is turned into arrays and
names by `sklearn_parts`. This module knows nothing of endpoints or of how a state is written.
"""

import copyreg
import importlib
import inspect
import sys
import types
import warnings

import numpy as np

from . import sklearn_parts
from .errors import CannotTravel, type_name
from .sklearn_families import FUNCTIONS, family, is_of_sklearn, nearest

# Attributes whose functions the estimator calls when it answers.
_CALLED = set(
    """
    func inverse_func tokenizer preprocessor analyzer strip_accents weights metric kernel effective_metric_
""".split()
)
# Attributes it answers from, of which a sparse one is made dense.
_SPARSE = set("components_ coef_ _fit_X support_vectors_ dual_coef_ _dual_coef_ X_fit_".split())
# Bytes a sparse one may have as a dense one: the version's memory holds it.
_LARGEST = 256 << 20
# Parameters it answers by, and not only was fitted by.
_STEPS = {"steps", "transformer_list"}
# Properties that may be as large as the training data.
_UNASKED = {"estimators_samples_"}
# What the engine lacks for certain, with more files than are worth following.
_LACKING = {"sklearn", "scipy", "joblib"}
_PLAIN = (type(None), bool, int, float, complex, str, bytes, slice, range, np.generic, np.dtype)


class Estimators:
    """Reduces estimators for a pickler. `stand_ins` has the functions `estimator_class`, `trees` and `tree` of the
    engine's `rebuild`; `importable(module)` says whether the engine can import a module; `shown` are the values that
    endpoints show."""

    def __init__(self, stand_ins, importable, shown):
        self._stand_ins, self._importable = stand_ins, importable
        # Trees of an ensemble stay together, whoever refers to them: {id: Tree}.
        self._of_ensembles = {}
        self._shown = shown

    def reduce_class(self, cls):
        """The reduction of a class that has a stand-in, or None."""
        found = family(cls)
        return found and (self._stand_ins.estimator_class, found)

    def reduce_function(self, function):
        """The reduction of a function of scikit-learn, or None for any other."""
        if not is_of_sklearn(function):
            return None
        for module, names in FUNCTIONS.items():
            if function.__name__ in names and function.__module__.startswith(module.rpartition(".")[0] + "."):
                return getattr, (importlib.import_module(module), function.__name__)
        raise _no_stand_in(function)

    def reduce(self, value):
        """The reduction of an estimator or a part of one, or None for anything else."""
        if isinstance(value, sklearn_parts.Trees):
            return self._stand_ins.trees, value.arrays
        if isinstance(value, sklearn_parts.Tree):
            return self._stand_ins.tree, value.parts
        cls = type(value)
        if cls.__module__.startswith("scipy.sparse") and hasattr(value, "toarray"):
            return self._stand_ins.sparse, (_dense(value, value, "it"),)
        parent = nearest(cls)
        if parent is not None:
            return copyreg.__newobj__, (cls,), self._state(value, parent)
        if not is_of_sklearn(cls):
            return None
        if cls.__name__ == "Bunch":
            return copyreg.__newobj__, (cls,), None, None, iter(value.items())
        raise _no_stand_in(value)

    def _state(self, value, parent):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = sklearn_parts.made(value, parent, self._of_ensembles)
            in_ensemble = id(value) in self._of_ensembles
            attributes = {**({} if in_ensemble else _properties(value)), **vars(value)}
            parameters = list(value.get_params(deep=False)) if hasattr(value, "get_params") else []
            frozen = {
                "repr": "" if in_ensemble else repr(value),
                "parameters": tuple(parameters),
                "names_out": None if in_ensemble else _names_out(value),
                "left": {},
                "output": _output(value),
            }
            if any(value is one for one in self._shown):
                frozen["html"] = _html(value)
        kept = {}
        for name, part in attributes.items():
            if name in made:
                continue
            if name in _SPARSE and hasattr(part, "toarray"):
                part = _dense(value, part, f"its attribute {name}")
            if self._fits(part, name in _CALLED):
                kept[name] = part
                continue
            if name in _STEPS or name not in parameters:
                self._refuse_estimators(part)
            frozen["left"][name] = type_name(part)
        frozen["parameters"] = tuple(name for name in parameters if name in kept)
        return {**kept, **made, "_frozen": frozen}

    def _fits(self, part, called):
        """Whether it travels as it is."""
        cls = type(part)
        if isinstance(part, _PLAIN):
            return True
        if isinstance(part, np.ndarray):
            return not part.dtype.hasobject or all(self._fits(element, called) for element in part.flat)
        if isinstance(part, type):
            return part.__module__ in ("builtins", "numpy") or family(part) is not None
        if cls in (list, tuple, set, frozenset):
            return all(self._fits(element, called) for element in part)
        if isinstance(part, dict) and (cls is dict or is_of_sklearn(cls)):
            return all(self._fits(element, called) for pair in part.items() for element in pair)
        if callable(part) and (isinstance(part, (types.FunctionType, np.ufunc)) or not hasattr(part, "fit")):
            return called or family(cls) is not None
        return nearest(cls) is not None or self._travels(cls)

    def _travels(self, cls):
        """Whether it is a class of the notebook's own, or one that the engine has."""
        library = cls.__module__.split(".")[0]
        return library == "__main__" or library not in _LACKING and self._importable(cls.__module__)

    def _refuse_estimators(self, part):
        """Raises if there is an estimator in what an estimator answers by, and does not travel."""
        if isinstance(part, dict):
            part = list(part.values())
        if isinstance(part, (list, tuple)) or isinstance(part, np.ndarray) and part.dtype.hasobject:
            for element in part:
                self._refuse_estimators(element)
        elif hasattr(part, "fit") and hasattr(part, "get_params") and not self._fits(part, False):
            raise _no_stand_in(part)


def _no_stand_in(value):
    kind = value if isinstance(value, types.FunctionType) else type(value)
    if is_of_sklearn(kind):
        why = f"the engine has no stand-in for scikit-learn's {kind.__name__}"
    else:
        why = f"it needs {kind.__module__.split('.')[0]}, which the engine does not have"
    if kind is not value:
        other = "use another estimator"
    elif kind.__module__.startswith("sklearn.metrics"):
        other = "use another metric"
    else:
        other = "write what it does with numpy"
    remedy = f"{other}, or compute its results in a cell before and keep those as numpy arrays"
    return CannotTravel(value, why, remedy)


def _properties(value):
    """Fitted attributes that are computed when asked for."""
    found = {}
    for name in dir(type(value)):
        if not name.endswith("_") or name.startswith("_") or name in _UNASKED:
            continue
        if isinstance(inspect.getattr_static(type(value), name), property):
            try:
                found[name] = getattr(value, name)
            except Exception:
                # It has no such attribute with its parameters, or is not fitted.
                pass
    return found


def _names_out(value):
    try:
        return np.asarray(value.get_feature_names_out(), dtype=object)
    except Exception:
        # Not every transformer knows.
        return None


def _html(value):
    """How a notebook shows the estimator, or None where it is text only. What is counted for it stays as it was, so
    that the next one shown in the kernel has the same numbers."""
    bundle = getattr(value, "_repr_mimebundle_", dict)
    module = sys.modules.get("sklearn.utils._repr_html.estimator")
    counters = [counter for counter in vars(module or types).values() if hasattr(counter, "get_id") and hasattr(counter, "count")]
    before = [counter.count for counter in counters]
    html = bundle().get("text/html")
    for counter, count in zip(counters, before):
        counter.count = count
    return html


def _output(value):
    from sklearn import get_config

    chosen = getattr(value, "_sklearn_output_config", {}).get("transform") or get_config()["transform_output"]
    if chosen == "polars":
        raise CannotTravel(
            value, "it returns frames of polars, which the engine does not have", "call set_output(transform='default')"
        )
    return chosen


def _dense(owner, matrix, name):
    """A matrix that SciPy stores sparse as an array."""
    size = matrix.shape[0] * matrix.shape[1] * matrix.dtype.itemsize
    if size > _LARGEST:
        raise CannotTravel(
            owner,
            f"{name} is a sparse matrix, which takes {size >> 20} MB when all elements are stored",
            "use fewer features or samples (max_features of a vectorizer, TruncatedSVD)",
        )
    return matrix.toarray()
