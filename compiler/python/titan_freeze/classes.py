"""How classes of the notebook travel: by their attributes, as `titan.rebuild` puts them together again."""

import abc
import collections
import dataclasses
import enum
import functools
import re
import types
import typing

from . import sklearn_classes, stand_ins
from .references import is_reference

# What Python itself makes when it makes a class, or takes from the class's first attributes.
_MADE = set(
    """
    __dict__ __weakref__ __module__ __slots__ __orig_bases__ _abc_impl __static_attributes__ __firstlineno__
    __dataclass_fields__ __dataclass_params__ __parameters__ __protocol_attrs__ __non_callable_proto_members__
    __classdictcell__ __annotate__ __annotations_cache__ __type_params__ _is_protocol _is_runtime_protocol
    """.split()
)
_FIRST = "__module__", "__slots__", "__orig_bases__"
_FUNCTIONS = types.FunctionType, classmethod, staticmethod, property, functools.cached_property
_DESCRIPTORS = types.MemberDescriptorType, types.GetSetDescriptorType
# Of an Enum's member, what is made from its value and name.
_MEMBER = {"_value_", "_name_", "__objclass__", "_sort_order_"}


def annotations(values, modules):
    """Annotations as they travel: as text where they are more than the name of something the engine has."""
    return {name: value if _is_plain(value, modules) else _text(value) for name, value in values.items()}


def _is_plain(value, modules):
    if value is None or isinstance(value, str):
        return True
    return isinstance(value, type) and is_reference(value) and modules.has(value.__module__)


def _text(value):
    if isinstance(value, typing.ForwardRef):
        return value.__forward_arg__
    # Without the address an object shows that has no repr of its own: the same notebook gives the same state.
    return value.__qualname__ if isinstance(value, type) else re.sub(" at 0x[0-9a-f]+", "", repr(value))


def reduce(cls, modules, sources):
    """The reduction of a class that cannot be imported."""
    first = {name: cls.__dict__[name] for name in _FIRST if name in cls.__dict__}
    first["__qualname__"] = cls.__qualname__
    state = {"attributes": _attributes(cls, modules, sources)}
    if isinstance(cls, enum.EnumMeta):
        made = _enum(cls, first, state)
    elif _is_namedtuple(cls):
        made = _namedtuple(cls)
    else:
        made = stand_ins.class_, (type(cls), cls.__name__, cls.__bases__, first)
        if "__dataclass_params__" in cls.__dict__:
            state["dataclass"] = _dataclass(cls, modules)
        if isinstance(cls, abc.ABCMeta):
            registered = [subclass() for subclass in abc._get_dump(cls)[0]]
            if any(registered):
                state["registered"] = [subclass for subclass in registered if subclass is not None]
    return *made, state, None, None, stand_ins.set_class


def _attributes(cls, modules, sources):
    kept = {}
    for name, value in cls.__dict__.items():
        if name in _MADE or isinstance(value, _DESCRIPTORS) or sklearn_classes.is_generated(name, value):
            continue
        value = sklearn_classes.as_written(value)
        if name == "__annotations__":
            value = annotations(value, modules)
        elif _is_generated(cls, name, value, sources):
            continue
        kept[name] = value
    return kept


def _is_generated(cls, name, value, sources):
    """Whether the attribute is made again when the class is, because no one wrote it: a method of a dataclass, say."""
    if isinstance(cls, enum.EnumMeta):
        if name in cls.__members__ or isinstance(value, types.DynamicClassAttribute):
            return True
        return name.startswith("_") and name != "__doc__" and not _is_written(cls, value, sources)
    if _is_namedtuple(cls):
        return name in ("__match_args__", "_fields", "_field_defaults") or (
            not isinstance(value, str) and (type(value).__name__ == "_tuplegetter" or name.startswith("_"))
            and not _is_written(cls, value, sources)
        )
    if "__dataclass_params__" in cls.__dict__:
        is_function = isinstance(value, types.FunctionType)
        return is_function and not _is_written(cls, value, sources) and not is_reference(value)
    if getattr(cls, "_is_protocol", False):
        return name in ("__init__", "__subclasshook__") and not _is_written(cls, value, sources)
    return False


def _is_written(cls, value, sources):
    """Whether it is a function, or a descriptor around one, that was written where the class was."""
    if not isinstance(value, _FUNCTIONS):
        return False
    function = getattr(value, "__func__", None) or getattr(value, "fget", None) or getattr(value, "func", None) or value
    function = getattr(function, "__wrapped__", function)
    if not isinstance(function, types.FunctionType) or function.__globals__.get("__name__") != cls.__module__:
        return False
    return sources.find(function.__code__) is not None


def _enum(cls, first, state):
    members = {name: member.value for name, member in cls.__members__.items()}
    state["members"] = {}
    for name, member in cls.__members__.items():
        own = {key: value for key, value in vars(member).items() if key not in _MEMBER}
        if own:
            state["members"][name] = own
    options = {"boundary": cls._boundary_} if issubclass(cls, enum.Flag) and cls._boundary_ is not None else {}
    return stand_ins.enum, (type(cls), cls.__name__, cls.__bases__, first, members, options)


def _is_namedtuple(cls):
    return cls.__bases__ == (tuple,) and "_fields" in cls.__dict__ and "_make" in cls.__dict__


def _namedtuple(cls):
    defaults = list(cls._field_defaults.values())
    make = functools.partial(
        collections.namedtuple, cls.__name__, cls._fields, defaults=defaults, module=cls.__module__, rename=True
    )
    return make, ()


def _dataclass(cls, modules):
    params = cls.__dataclass_params__
    options = {name: getattr(params, name) for name in ("init", "repr", "eq", "order", "unsafe_hash", "frozen")}
    fields = {}
    for name in cls.__dict__.get("__annotations__", ()):
        field = cls.__dataclass_fields__.get(name)
        # What is no field is the mark that those after it are by keyword only; they know it of themselves.
        if field is not None:
            annotation = annotations({name: field.type}, modules)[name]
            fields[name] = _KINDS[field._field_type], annotation, _field_arguments(field)
    return {"options": options, "fields": fields}


_KINDS = {dataclasses._FIELD: "field", dataclasses._FIELD_CLASSVAR: "ClassVar", dataclasses._FIELD_INITVAR: "InitVar"}


def _field_arguments(field):
    if _KINDS[field._field_type] == "ClassVar":
        return {}
    arguments = {name: getattr(field, name) for name in ("init", "repr", "hash", "compare")}
    for name in ("default", "default_factory", "kw_only"):
        if getattr(field, name) is not dataclasses.MISSING:
            arguments[name] = getattr(field, name)
    if field.metadata:
        arguments["metadata"] = dict(field.metadata)
    return arguments
