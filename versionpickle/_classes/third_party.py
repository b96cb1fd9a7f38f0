"""Recognize the fields of pydantic, msgspec and named tuples without importing those libraries."""

from __future__ import annotations

import copy
import inspect

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from .field import REQUIRED, Default


FIELDS_SET = "__pydantic_fields_set__"
EXTRA = "__pydantic_extra__"
PRIVATE = "__pydantic_private__"

_MODEL_MODULES = {"pydantic.main", "pydantic.root_model"}


def is_model(cls: type) -> bool:
    """Return whether *cls* is a pydantic model."""
    return any(_is_root_of_models(base) for base in cls.__mro__)


def _is_root_of_models(base: type) -> bool:
    return base.__module__ in _MODEL_MODULES and base.__name__ == "BaseModel"


_FORMER_NAMES = {"__fields_set__": FIELDS_SET, "__private_attribute_values__": PRIVATE}
"""What pydantic 1 called them."""

_OF_STATES = frozenset({"__dict__", FIELDS_SET, EXTRA, PRIVATE, *_FORMER_NAMES})


def with_fields_of_model(state: Any) -> Any:
    """Return the state of a pydantic model with its fields among the names; any other as it is."""
    if not isinstance(state, dict) or "__dict__" not in state:
        return state
    kept = {_FORMER_NAMES.get(name, name): value for name, value in state.items()}
    return {**(kept.pop("__dict__") or {}), **kept}


def fields_of_model(state: Any) -> dict[Any, Any] | None:
    """Return the fields in the state of a pydantic model; None if it is not one."""
    if type(state) is not dict or not state.keys() <= _OF_STATES:
        return None
    fields = state.get("__dict__")
    return fields if type(fields) is dict else None


def without_model(state: Any) -> Any:
    """Return a state in which extra fields and private attributes of a model are like others."""
    if not isinstance(state, dict):
        return state
    fields = {n: value for n, value in state.items() if n not in {FIELDS_SET, EXTRA, PRIVATE}}
    return {**fields, **(state.get(EXTRA) or {}), **(state.get(PRIVATE) or {})}


def is_struct(cls: type) -> bool:
    """Return whether *cls* is a msgspec struct."""
    return type(cls).__name__ == "StructMeta" and hasattr(cls, "__struct_fields__")


def is_named_tuple(cls: type) -> bool:
    """Return whether *cls* is a named tuple, and stored as one."""
    method: Any = getattr(cls, "__getnewargs__", None)
    made_by = getattr(method, "__globals__", {}).get("__name__")
    return issubclass(cls, tuple) and hasattr(cls, "_fields") and made_by == "collections"


def has_keyword_fields(cls: type) -> bool:
    """Return whether a struct takes some of its fields by keyword alone."""
    parameters = inspect.signature(cls).parameters.values()
    return any(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters)


Kind: TypeAlias = Literal["model", "struct", "named tuple"]


def kind_of(cls: type) -> Kind | None:
    """Return in which of these ways a class declares its fields, if in any."""
    if is_model(cls):
        return "model"
    if is_struct(cls):
        return "struct"
    return "named tuple" if is_named_tuple(cls) else None


def declared_defaults(cls: type) -> dict[type, Mapping[str, Default | None]]:
    """Return the defaults of the fields that each class in an MRO declares in these ways."""
    return {base: _declared_defaults(base, cls) for base in cls.__mro__}


def _declared_defaults(base: type, cls: type) -> Mapping[str, Default | None]:
    if _is_root_of_models(base):
        return _OF_ALL_MODELS
    if is_model(base):
        fields: dict[str, Any] = vars(base).get("__pydantic_fields__", {})
        return {name: model_default(field) for name, field in fields.items()}
    if is_struct(base):
        return _struct_defaults(base)
    if "_field_defaults" in vars(base) and is_named_tuple(cls):
        return _tuple_defaults(base)
    return {}


def private_defaults(obj: Any) -> dict[str, Any] | None:
    private = type(obj).__private_attributes__.items()
    made = {name: _private_default(attribute) for name, attribute in private}
    return {name: value for name, value in made.items() if not _is_undefined(value)} or None


def _private_default(attribute: Any) -> Any:
    if attribute.default_factory is not None:
        return attribute.default_factory()
    return copy.deepcopy(attribute.default)


def _is_undefined(value: object) -> bool:
    return type(value).__name__ == "PydanticUndefinedType"


def is_field_info(value: object) -> bool:
    """Return whether this is pydantic's description of a field, also that of a dataclass."""
    return type(value).__name__ == "FieldInfo" and type(value).__module__ == "pydantic.fields"


_OF_ALL_MODELS = {
    FIELDS_SET: Default(lambda obj: set()),
    EXTRA: Default(lambda obj: None, constant=True),
    PRIVATE: Default(private_defaults),
}


def model_default(field: Any) -> Default | None:
    if field.is_required():
        return REQUIRED
    return Default(
        lambda obj: field.get_default(call_default_factory=True, validated_data=obj.__dict__)
    )


def _struct_defaults(base: Any) -> dict[str, Default | None]:
    names, values = base.__struct_fields__, base.__struct_defaults__
    without = len(names) - len(values)
    return {
        name: REQUIRED if place < without else _struct_default(values[place - without])
        for place, name in enumerate(names)
    }


def _struct_default(value: Any) -> Default | None:
    if type(value).__name__ == "NoDefaultType":
        return REQUIRED
    if type(value).__name__ == "Factory":
        return Default(lambda obj: value.factory())
    return Default(lambda obj: value, constant=True)


def _tuple_defaults(base: Any) -> dict[str, Default | None]:
    return {
        name: _constant(base._field_defaults[name]) if name in base._field_defaults else REQUIRED
        for name in base._fields
    }


def _constant(value: Any) -> Default:
    return Default(lambda obj: value, constant=True)
