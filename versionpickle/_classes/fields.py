"""Find the fields of a class, where their values are stored, and their defaults."""

from __future__ import annotations

import dataclasses
import functools
import types

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from versionpickle._wire.refs import is_written_in_c

from .field import REQUIRED, UNSET, Default, Field
from .third_party import (
    Kind,
    declared_defaults,
    is_field_info,
    is_model,
    is_struct,
    kind_of,
    model_default,
)


HASH_CACHE = "_attrs_cached_hash"
_NOT_STATE = frozenset({HASH_CACHE, "__orig_class__", "__weakref__", "__dict__"})


@attrs.frozen
class ClassFields:
    """What a class declares, in whatever way."""

    fields: list[Field]
    kind: Kind | None
    is_declared: bool
    """Whether attrs, dataclasses or pydantic know the fields."""

    derived: frozenset[str]
    """The names that hold what can be computed again, or is not state."""

    validates: bool


def fields_of(cls: type, transient: frozenset[str]) -> ClassFields:
    kind = kind_of(cls)
    others = {} if kind is None else declared_defaults(cls)
    own = {
        base: _own_defaults(
            base,
            transient,
            others.get(base, {}),
            has_caches=kind == "struct" and is_struct(base),
        )
        for base in reversed(cls.__mro__)
    }
    defaults: dict[str, Default | None] = {}
    for declared in own.values():
        for name in declared:  # a class that declares a field anew gives it a new place
            defaults.pop(name, None)
        defaults.update(declared)
    return ClassFields(
        [_field(cls, name, default, name in transient) for name, default in defaults.items()],
        kind,
        kind == "model" or _has_declaration(cls),
        _derived_names(cls) - defaults.keys(),
        any(a.validator for base in cls.__mro__ for a in own_attributes(base)),
    )


def _field(cls: type, name: str, default: Default | None, transient: bool) -> Field:
    slot = _slot(cls, name)
    found = _class_attribute(cls, name)
    if slot is None and is_watched(cls, name):
        slot = found  # a property, or its like, keeps the value where it wants
    return Field(name, slot, default, transient, guarded=slot is not None and found is not slot)


def is_watched(cls: type, name: str) -> bool:
    """Return whether a descriptor of the class takes assignments to *name*."""
    return hasattr(type(_class_attribute(cls, name)), "__set__")


def kept_in_c(cls: type, name: str) -> Any:
    """Return the descriptor of what C keeps of an object, as the name of an ImportError."""
    found = _class_attribute(cls, name)
    return (
        found
        if isinstance(found, types.GetSetDescriptorType | types.MemberDescriptorType)
        else None
    )


def _slot(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if isinstance(vars(base).get(name), types.MemberDescriptorType):
            return vars(base)[name]
    return None


def _class_attribute(cls: type, name: str) -> object:
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


def _own_defaults(
    base: type,
    transient: frozenset[str],
    others: Mapping[str, Default | None],
    *,
    has_caches: bool,
) -> dict[str, Default | None]:
    declared = {a.name: _attrs_default(a) for a in own_attributes(base)}
    declared.update((f.name, _dataclass_default(f)) for f in _own_dataclass_fields(base))
    declared.update(others)
    if not (own_attributes(base) or has_caches):  # whose further slots are no fields
        for name in _slots(base):
            declared.setdefault(name, UNSET if name in transient else REQUIRED)
    return declared


def own_attributes(base: type) -> tuple[Any, ...]:
    own: tuple[Any, ...] = vars(base).get("__attrs_attrs__", ())
    return own


def _own_dataclass_fields(base: type) -> tuple[Any, ...]:
    return dataclasses.fields(base) if "__dataclass_fields__" in vars(base) else ()


def _slots(base: type) -> Iterator[str]:
    if "__slots__" not in vars(base) or is_written_in_c(base):
        return
    for name, value in vars(base).items():
        if isinstance(value, types.MemberDescriptorType) and name not in _NOT_STATE:
            yield name


def declares_fields(cls: type) -> bool:
    """Return whether attrs, dataclasses or pydantic know the fields of *cls*."""
    return is_model(cls) or _has_declaration(cls)


def _has_declaration(cls: type) -> bool:
    return any(own_attributes(base) or _own_dataclass_fields(base) for base in cls.__mro__)


def _attrs_default(attribute: Any) -> Default | None:
    default = attribute.default
    if default is attrs.NOTHING:
        return REQUIRED if attribute.init else UNSET
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        make = default.factory if default.takes_self else _ignore_self(default.factory)
        return Default(_converting(attribute, make))
    if attribute.converter is not None:
        return Default(_converting(attribute, lambda obj: default))
    return Default(lambda obj: default, constant=True)


def _ignore_self(factory: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda obj: factory()


def _converting(attribute: Any, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    converter: Any = attribute.converter
    if converter is None:
        return make
    if not _is_contextual(converter):
        return lambda obj: converter(make(obj))

    def convert(obj: Any) -> Any:
        context = [obj] * converter.takes_self + [attribute] * converter.takes_field
        return converter.converter(make(obj), *context)

    return convert


def _is_contextual(converter: object) -> bool:
    return isinstance(converter, attrs.Converter)


def _dataclass_default(field: Any) -> Default | None:
    if field.default is not dataclasses.MISSING:
        value = field.default
        if is_field_info(value):
            return model_default(value)
        return Default(lambda obj: value, constant=True)
    if field.default_factory is not dataclasses.MISSING:
        return Default(_ignore_self(field.default_factory))
    return REQUIRED if field.init else UNSET


def _derived_names(cls: type) -> frozenset[str]:
    """Return the names that hold no state, unless a field has one of them."""
    names = set(_NOT_STATE)
    for base in cls.__mro__:
        names.update(
            name
            for name in vars(base)
            if isinstance(_class_attribute(cls, name), functools.cached_property)
        )
        names.update(_slots(base) if own_attributes(base) else ())
    return frozenset(names)
