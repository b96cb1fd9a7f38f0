"""Describe a class for its recorded schema: fields, their types as text, their defaults."""

from __future__ import annotations

import ast
import dataclasses
import enum
import sys

from typing import Any

import attrs

from versionpickle.migrations._schema import Recorded, RecordedField, Schema

from .fields import own_attributes
from .instrument import Instrumentation
from .third_party import is_model
from .type_text import type_text


FACTORY = "..."
"""Stands for a default that is no literal."""


def recorded(known: Instrumentation) -> Recorded:
    """Describe a class as it is today."""
    declaration, layout = known.declaration, known.codec.layout
    *bases, _ = ((base.key, base.version) for base in known.lineage())
    transient = tuple(sorted(declaration.transient))
    found = Recorded(declaration.version, None, transient, tuple(bases))
    if issubclass(known.cls, enum.Enum):
        members: Any = known.cls.__members__
        known_as = (
            RecordedField(name, "member" if name == one.name else f"alias of {one.name}")
            for name, one in members.items()
        )
        return attrs.evolve(found, fields=tuple(known_as))
    if layout.open or layout.custom_reduce or declaration.has_factory:
        return found
    types = types_of(known.cls)
    fields = tuple(
        RecordedField(field.name, types.get(field.name, ""), default_of(known.cls, field.name))
        for field in layout.fields
        if not field.name.startswith("__pydantic_")
    )
    return attrs.evolve(found, fields=fields)


def schema_of(known: Instrumentation, before: Schema | None = None) -> Schema:
    """Return the schema of a class, with today's version behind those of *before*."""
    declaration, today = known.declaration, recorded(known)
    earlier = () if before is None else before.versions
    versions = (*(one for one in earlier if one.version < today.version), today)
    return Schema(declaration.ref, versions, declaration.name, tuple(declaration.formerly))


def types_of(cls: type) -> dict[str, str]:
    """Return the types of all fields, as text that does not depend on how they are written."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= {name: type_text(kind) for name, kind in _annotations(base).items()}
        found |= {
            attribute.name: type_text(attribute.type)
            for attribute in own_attributes(base)
            if attribute.type is not None
        }
    return found


def _annotations(base: type) -> dict[str, Any]:
    if sys.version_info >= (3, 14):  # pragma: no cover - coverage is measured on others too
        import annotationlib  # noqa: PLC0415 - it is not there earlier

        text = annotationlib.Format.STRING
        return annotationlib.get_annotations(base, format=text)
    own: dict[str, Any] = vars(base).get("__annotations__", {})
    return own


def default_of(cls: type, name: str) -> str | None:
    """Return the source text of a default: a literal, or FACTORY; None where there is none."""
    default = _default(cls, name)
    if default is _NOTHING:
        return None
    text = repr(sorted(default, key=repr)) if type(default) is set else repr(default)
    if type(default) is set and default:
        text = f"{{{text[1:-1]}}}"
    try:
        same = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return FACTORY
    return text if same == default and type(same) is type(default) else FACTORY


def default_factory(cls: type, name: str) -> str | None:
    """Return the name of the type whose empty container is the default of a field."""
    default = _default(cls, name)
    factory = default.factory if isinstance(default, _ATTRS_FACTORY) else default
    return factory.__name__ if factory in _CONTAINERS else None


_ATTRS_FACTORY: Any = type(attrs.Factory(list))
_CONTAINERS = (list, dict, set, tuple, frozenset)
_NOTHING = object()


def _default(cls: Any, name: str) -> Any:
    for base in cls.__mro__:
        for attribute in own_attributes(base):
            if attribute.name == name:
                return _NOTHING if attribute.default is attrs.NOTHING else attribute.default
    if dataclasses.is_dataclass(cls) and name in cls.__dataclass_fields__:
        field = cls.__dataclass_fields__[name]
        if field.default is not dataclasses.MISSING:
            return field.default
        return _NOTHING if field.default_factory is dataclasses.MISSING else field.default_factory
    if is_model(cls) and name in cls.__pydantic_fields__:
        info = cls.__pydantic_fields__[name]
        if info.is_required():
            return _NOTHING
        return info.default if info.default_factory is None else info.default_factory
    return _default_of_values(cls, name)


def _default_of_values(cls: Any, name: str) -> Any:
    """Return the default of a field of a named tuple or struct."""
    defaults = dict(getattr(cls, "_field_defaults", {}))
    names = getattr(cls, "__struct_fields__", ())
    values = getattr(cls, "__struct_defaults__", ())
    defaults |= zip(names[len(names) - len(values) :], values, strict=True)
    found = defaults.get(name, _NOTHING)
    return _NOTHING if type(found).__name__ == "NoDefaultType" else found
