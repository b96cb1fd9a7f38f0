"""The names of methods and descriptors of a class, under which no pickler writes data."""

from __future__ import annotations

import functools
import types

from collections.abc import Iterable
from typing import Any


_OF_DATA = (functools.cached_property, types.MemberDescriptorType, types.GetSetDescriptorType)
"""Descriptors under whose names objects keep data."""


def method_names(cls: type, fields: Iterable[str] = ()) -> frozenset[str]:
    """
    Return the names of functions, properties and the like, but not of declared *fields*.

    A descriptor with a ``__set__`` of its own may keep its data in the object, and is asked for
    it again; an object that holds something else under such a name does not hide it.
    """
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return frozenset(name for name in found if _is_method(found[name])).difference(fields)


def _is_method(attribute: Any) -> bool:
    kind: Any = type(attribute)
    if not hasattr(kind, "__get__") or isinstance(attribute, _OF_DATA):
        return False
    return isinstance(attribute, property) or not hasattr(kind, "__set__")
