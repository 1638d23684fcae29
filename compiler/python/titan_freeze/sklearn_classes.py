"""Classes of the notebook that derive from scikit-learn's: what scikit-learn puts into them, and the notebook did
not write."""

import types


def is_generated(name, value):
    """Whether scikit-learn added the attribute."""
    if name == "_sklearn_auto_wrap_output_keys":
        return True
    return type(value).__module__ == "sklearn.utils._metadata_requests"


def as_written(value):
    """The method as the notebook wrote it, where scikit-learn wrapped it; anything else as it is."""
    if isinstance(value, types.FunctionType) and hasattr(value, "__wrapped__"):
        if value.__globals__.get("__name__") == "sklearn.utils._set_output":
            return value.__wrapped__
    return value
