"""Values within what a field holds: a mapping or an object, which may be nested themselves."""

from __future__ import annotations

import copy
import types

from collections.abc import Mapping, Sequence
from typing import Any

from ._fields import OperationError


def take_out(holder: Any, way: Sequence[str], field: str) -> tuple[Any, Any]:
    """
    Return a holder without what stands at the end of *way*, and what stood there.

    What a class declares stays in its object: that would be broken without it.
    """
    key, *further = way
    value = _held(holder, key, field)
    if further:
        left, value = take_out(value, further, field)
        return _with(holder, key, left, field), value
    if isinstance(holder, Mapping):
        return {name: part for name, part in holder.items() if name != key}, value
    if _declares(type(holder), key):
        return holder, value
    made = copy.copy(holder)
    object.__delattr__(made, key)
    return made, value


def put_into(holder: Any, value: Any, way: Sequence[str], field: str) -> Any:
    """Return a holder that also holds *value*: the old one may be shared."""
    key, *further = way
    if further:
        value = put_into(_held(holder, key, field), value, further, field)
    elif _holds(holder, key) and not _declares(type(holder), key):
        raise OperationError(
            f"there is {key!r} in the {type(holder).__name__} of the field {field!r} already"
        )
    return _with(holder, key, value, field)


def _held(holder: Any, key: str, field: str) -> Any:
    if not _holds(holder, key):
        raise OperationError(
            f"there is no {key!r} in the {type(holder).__name__} of the field {field!r}; an "
            "object in a cycle may not be whole yet"
        )
    return holder[key] if isinstance(holder, Mapping) else getattr(holder, key)


def _holds(holder: Any, key: str) -> bool:
    return key in holder if isinstance(holder, Mapping) else hasattr(holder, key)


def _with(holder: Any, key: str, value: Any, field: str) -> Any:
    if isinstance(holder, Mapping):
        return {**holder, key: value}
    made = copy.copy(holder)
    try:
        object.__setattr__(made, key, value)
    except (AttributeError, TypeError):
        raise OperationError(
            f"the {type(holder).__name__} of the field {field!r} takes no {key!r}; use convert() "
            "or merge()"
        ) from None
    return made


def _declares(cls: type, name: str) -> bool:
    """Tell whether objects of *cls* have a field of this name, whatever declared it."""
    fields = [attribute.name for attribute in getattr(cls, "__attrs_attrs__", ())]
    fields += getattr(cls, "__dataclass_fields__", ())
    fields += getattr(cls, "__pydantic_fields__", ())
    return name in fields or isinstance(getattr(cls, name, None), types.MemberDescriptorType)
