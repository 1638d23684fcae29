"""What stands in for scikit-learn inside the engine: the answering half of its estimators.

Estimators are computed here, by numpy, from their fitted attributes, and not by ONNX graphs in the host: that keeps
scikit-learn's own arithmetic (float64, thresholds of trees against float32 features, ties), its dtypes and its strings,
and it needs no operator that a converter or the host may lack. A fitted estimator arrives as an object of a class made
here, under the name it had, with the attributes it had; `titan_freeze.sklearn_model` chose them and says which class
stands in for which.

This package knows nothing of notebooks, endpoints or how the attributes travelled.
"""

import functools
import importlib


@functools.cache
def estimator_class(family, name):
    """The stand-in for scikit-learn's class `name`: of the family `module.Class` of this package."""
    module, _, kind = family.partition(".")
    parent = getattr(importlib.import_module(f"{__name__}.{module}"), kind)
    return parent if parent.__name__ == name else type(name, (parent,), {"__module__": parent.__module__})
