"""Nested inputs and outputs of a model: how leaves are numbered, packed and taken out.

A structure is plain data: an integer numbers a leaf, `{"list": [...]}`, `{"tuple": [...]}` and
`{"dict": [[key, structure], ...]}` nest.
"""


def pack(structure, leaves):
    """The value of `structure` with every number replaced by that element of `leaves`."""
    if isinstance(structure, int):
        return leaves[structure]
    ((kind, parts),) = structure.items()
    if kind == "dict":
        return {key: pack(part, leaves) for key, part in parts}
    made = [pack(part, leaves) for part in parts]
    return tuple(made) if kind == "tuple" else made


def _parts(structure):
    ((kind, parts),) = structure.items()
    return [part for _, part in parts] if kind == "dict" else parts


def is_flat(structure):
    """Whether every leaf is directly in `structure`, or all of it."""
    return isinstance(structure, int) or all(isinstance(part, int) for part in _parts(structure))


def keys(structure):
    """The key of every leaf that is directly in a dict, by its number."""
    if isinstance(structure, int) or "dict" not in structure:
        return {}
    return {part: key for key, part in structure["dict"] if isinstance(part, int)}


def flatten(value):
    """The leaves of nested dicts (in the order of their keys), lists and tuples."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in flatten(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in flatten(part)]
    return [value]
