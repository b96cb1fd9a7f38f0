"""Operate on values nested in the value of a field."""

from __future__ import annotations

import copy
import types

from collections.abc import Mapping, Sequence
from typing import Any

from ._fields import OperationError


def take_out(holder: Any, path: Sequence[str], field: str) -> tuple[Any, Any]:
    """
    Return a holder without the value at the end of *path*, and that value.

    A field that a class declares stays in its object, which would be broken without it.
    """
    key, *further = path
    value = _held(holder, key, field)
    if further:
        left, value = take_out(value, further, field)
        return _with(holder, key, left, field), value
    if isinstance(holder, Mapping):
        return {name: part for name, part in holder.items() if name != key}, value
    if _declares(type(holder), key):
        return holder, value
    copied = copy.copy(holder)
    object.__delattr__(copied, key)
    return copied, value


def put_into(holder: Any, value: Any, path: Sequence[str], field: str) -> Any:
    """Return a holder that also holds *value*: the old one may be shared."""
    key, *further = path
    if further:
        value = put_into(_held(holder, key, field), value, further, field)
    elif _holds(holder, key) and not _declares(type(holder), key):
        raise OperationError(
            f"the {type(holder).__name__} in the field {field!r} already has {key!r}"
        )
    return _with(holder, key, value, field)


def _held(holder: Any, key: str, field: str) -> Any:
    if not _holds(holder, key):
        raise OperationError(
            f"the {type(holder).__name__} in the field {field!r} has no {key!r}; an object in a "
            "cycle may not be complete yet"
        )
    return holder[key] if isinstance(holder, Mapping) else getattr(holder, key)


def _holds(holder: Any, key: str) -> bool:
    return key in holder if isinstance(holder, Mapping) else hasattr(holder, key)


def _with(holder: Any, key: str, value: Any, field: str) -> Any:
    if isinstance(holder, Mapping):
        return {**holder, key: value}
    copied = copy.copy(holder)
    try:
        object.__setattr__(copied, key, value)
    except (AttributeError, TypeError):
        raise OperationError(
            f"{key!r} cannot be set on the {type(holder).__name__} in the field {field!r}; use "
            "convert() or merge()"
        ) from None
    return copied


def _declares(cls: type, name: str) -> bool:
    """Whether objects of *cls* have a field of this name, however it is declared."""
    fields = [attribute.name for attribute in getattr(cls, "__attrs_attrs__", ())]
    fields += getattr(cls, "__dataclass_fields__", ())
    fields += getattr(cls, "__pydantic_fields__", ())
    return name in fields or isinstance(getattr(cls, name, None), types.MemberDescriptorType)
