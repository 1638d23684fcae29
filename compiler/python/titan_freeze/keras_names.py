"""What the engine's packages `keras` and `tensorflow` have, by the names that notebooks know it by."""

import sys

_SHARED = """
    abs add cos divide equal exp expand_dims floor greater greater_equal is_tensor less less_equal logical_and
    logical_not logical_or matmul maximum minimum multiply negative not_equal ones ones_like repeat reshape round shape
    sigmoid sign sin sort sqrt square squeeze stack subtract tan tanh tile transpose where zeros zeros_like argmax argmin
    argsort cast convert_to_tensor one_hot
"""
_REDUCED = "reduce_all reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum"
_SEQUENCES = ["pad_sequences"]
_ACTIVATIONS = "log_softmax relu sigmoid softmax softplus tanh".split()
_UTILS = "normalize pad_sequences set_random_seed to_categorical".split()
NAMES = {
    "keras": ["Model", "__version__", "activations", "ops", "preprocessing", "utils"],
    "keras.activations": _ACTIVATIONS,
    "keras.ops": f"""
        {_SHARED} all any arange ceil clip concatenate convert_to_numpy expm1 isfinite isnan log log1p log_softmax max
        mean min mod normalize power prod relu rsqrt softmax softplus std sum take top_k var
    """.split(),
    "keras.preprocessing": ["sequence"],
    "keras.preprocessing.sequence": _SEQUENCES,
    "keras.utils": _UTILS,
    "tensorflow": f"""
        {_SHARED} {_REDUCED} Tensor TensorShape __version__ bool clip_by_value concat constant double fill float16
        float32 float64 function gather int16 int32 int64 int8 keras math newaxis nn pow range uint16 uint32 uint64
        uint8 unstack
    """.split(),
    "tensorflow.keras": ["Model", "activations", "preprocessing", "utils"],
    "tensorflow.keras.activations": _ACTIVATIONS,
    "tensorflow.keras.preprocessing": ["sequence"],
    "tensorflow.keras.preprocessing.sequence": _SEQUENCES,
    "tensorflow.keras.utils": _UTILS,
    "tensorflow.math": f"""
        {_REDUCED} abs add argmax argmin ceil cos divide equal exp expm1 floor greater is_finite is_nan l2_normalize
        less log log1p log_softmax logical_and logical_not logical_or maximum minimum multiply negative pow reduce_std
        reduce_variance round rsqrt sigmoid sign sin softmax softplus sqrt square squared_difference subtract tan tanh
        top_k
    """.split(),
    "tensorflow.nn": "l2_normalize log_softmax relu sigmoid softmax softplus tanh top_k".split(),
}
"""{module of the engine's: the names in it}"""

# Where the real packages keep the modules that they show under other names.
_SHOWN = {"keras._tf_keras.keras": "keras", "keras.api": "keras", "tensorflow._api.v2": "tensorflow"}


def public(module):
    """The name of a module as notebooks know it."""
    for kept, shown in _SHOWN.items():
        if module == kept or module.startswith(f"{kept}."):
            return shown + module[len(kept) :]
    return module


def reference(value):
    """(module, name) of a function or type of the real packages that the engine has, or None."""
    if (getattr(value, "__module__", None) or type(value).__module__).split(".")[0] not in ("keras", "tensorflow"):
        return None
    for module, names in NAMES.items():
        root, *rest = module.split(".")
        found = sys.modules.get(root)
        for part in rest:
            found = getattr(found, part, None)
        for name in names:
            if found is not None and getattr(found, name, None) is value:
                return module, name
    return None
