"""What state a class has: its fields, where they live, and their defaults."""

from __future__ import annotations

import collections
import dataclasses
import functools
import types

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ._names import MARK, is_written_in_c, ref_of
from .exceptions import DeclarationError


_HASH_CACHE = "_attrs_cached_hash"
_NOT_STATE = frozenset({_HASH_CACHE, "__orig_class__", "__weakref__", "__dict__"})
_PLAIN_METHODS: tuple[tuple[type, str], ...] = (
    (dict, "__setitem__"),
    (collections.OrderedDict, "__setitem__"),
    (list, "append"),
    (list, "extend"),
    (collections.deque, "append"),
    (collections.deque, "extend"),
    (set, "add"),
)
_GENERATORS = frozenset({"attr._make", "dataclasses"})


@attrs.frozen
class Default:
    """How a field gets a value that no pickle holds."""

    make: Callable[[Any], Any]
    """Take the object, as attrs' takes_self does."""

    constant: bool = False
    """Whether every call gives the same object."""


REQUIRED = None
UNSET = Default(lambda obj: attrs.NOTHING)
"""The default of a field that its class leaves without a value."""


@attrs.frozen
class Field:
    name: str
    slot: Any = None
    """The descriptor that keeps the value; None for a field in the ``__dict__``."""

    default: Default | None = REQUIRED
    transient: bool = False
    guarded: bool = False
    """Whether plain attribute access would meet something else of this name."""

    def read(self, obj: Any) -> Any:
        """Return the value; raise AttributeError or KeyError where there is none."""
        return obj.__dict__[self.name] if self.slot is None else self.slot.__get__(obj)

    def store(self, obj: Any, value: Any) -> None:
        if self.slot is None:
            obj.__dict__[self.name] = value
        else:
            self.slot.__set__(obj, value)

    @property
    def has_default(self) -> bool:
        return self.default is not REQUIRED and self.default is not UNSET

    def store_default(self, obj: Any) -> None:
        if self.default is not None and self.default is not UNSET:
            self.store(obj, self.default.make(obj))

    def clear(self, obj: Any) -> None:
        if self.slot is None:
            del obj.__dict__[self.name]
        else:
            self.slot.__delete__(obj)


@attrs.frozen
class Layout:
    """
    Describe the state of one class.

    *open*: the class declares no fields, its ``__dict__`` holds what it likes.
    *own_state*: the class reduces or restores itself in ways of its own.
    *enveloped*: an object is more than its attributes: arguments, or items.
    *keeps_items*: its items go into its state, for its methods would meet them too early.
    *derived*: names that may stand in a ``__dict__`` and are never stored.
    """

    fields: tuple[Field, ...]
    transients: tuple[Field, ...]
    open: bool
    own_state: bool
    enveloped: bool
    keeps_items: bool
    restores_itself: bool
    has_dict: bool
    derived: frozenset[str]
    caches_hash: bool
    plain_setattr: bool
    plain_getattr: bool
    positions: tuple[str, ...]
    """The order in which attrs or dataclasses may have stored bare values."""

    validates: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @property
    def is_bare(self) -> bool:
        """Whether nothing at all is declared."""
        return self.open and not self.fields


def layout_of(cls: type, transient: tuple[str, ...]) -> Layout:
    """Return the layout of *cls*, of whose fields some are *transient*."""
    found = _fields(cls, frozenset(transient))
    has_dict = cls.__dictoffset__ != 0
    declares = any(_own_attributes(base) or _own_dataclass_fields(base) for base in cls.__mro__)
    return Layout(
        fields=tuple(field for field in found if not field.transient),
        transients=tuple(field for field in found if field.transient),
        open=has_dict and not declares,
        own_state=_has_own_ways(cls),
        enveloped=_is_enveloped(cls),
        keeps_items=_watches_items(cls),
        restores_itself=_own_method(cls, "__setstate__") is not None,
        has_dict=has_dict,
        derived=_derived(cls) | frozenset(transient),
        caches_hash=any(_caches_hash(base) for base in cls.__mro__),
        plain_setattr=not _overrides(cls, "__setattr__"),
        plain_getattr=not (_overrides(cls, "__getattribute__") or hasattr(cls, "__getattr__")),
        positions=tuple(field.name for field in found) if declares else (),
        validates=any(a.validator for base in cls.__mro__ for a in _own_attributes(base)),
    )


def check_transient(cls: type, transient: tuple[str, ...]) -> None:
    """Refuse transient fields that are not there or could not come back."""
    if not transient:
        return
    layout = layout_of(cls, transient)
    declared = {field.name: field for field in layout.transients}
    for name in transient:
        if name not in declared and not layout.open:
            raise DeclarationError(
                ref_of(cls),
                f"transient={name!r} is not one of its fields",
                f"name one of {', '.join(layout.names) or 'its fields (it has none)'}",
            )
        if name in declared and declared[name].default is REQUIRED:
            raise DeclarationError(
                ref_of(cls),
                f"the transient field {name!r} has no default to come back as",
                "give the field a default or a factory",
            )


def _fields(cls: type, transient: frozenset[str]) -> list[Field]:
    defaults: dict[str, Default | None] = {}
    for base in reversed(cls.__mro__):
        own = _own_defaults(base, transient)
        for name in own:  # a class that declares a field anew gives it a new place
            defaults.pop(name, None)
        defaults.update(own)
    return [_field(cls, name, default, name in transient) for name, default in defaults.items()]


def _field(cls: type, name: str, default: Default | None, transient: bool) -> Field:
    slot = _slot(cls, name)
    met = _class_attribute(cls, name)
    if slot is None and is_watched(cls, name):
        slot = met  # a property, or its like, keeps the value where it wants
    return Field(name, slot, default, transient, guarded=slot is not None and met is not slot)


def is_watched(cls: type, name: str) -> bool:
    """Tell whether a descriptor of the class takes assignments to *name*."""
    return hasattr(type(_class_attribute(cls, name)), "__set__")


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


def _own_defaults(base: type, transient: frozenset[str]) -> dict[str, Default | None]:
    declared = {a.name: _attrs_default(a) for a in _own_attributes(base)}
    declared.update((f.name, _dataclass_default(f)) for f in _own_dataclass_fields(base))
    if not _own_attributes(base):  # attrs' further slots hold caches and weak references
        for name in _slots(base):
            declared.setdefault(name, UNSET if name in transient else REQUIRED)
    return declared


def _own_attributes(base: type) -> tuple[Any, ...]:
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
        return Default(lambda obj: value, constant=True)
    if field.default_factory is not dataclasses.MISSING:
        return Default(_ignore_self(field.default_factory))
    return REQUIRED if field.init else UNSET


def _derived(cls: type) -> frozenset[str]:
    """Return the names that hold what can be computed again, or is not state."""
    names = set(_NOT_STATE)
    declared: set[str] = set()
    for base in cls.__mro__:
        names.update(
            name
            for name, value in vars(base).items()
            if isinstance(value, functools.cached_property)
        )
        names.update(_slots(base) if _own_attributes(base) else ())
        declared.update(_own_defaults(base, frozenset()))
    return frozenset(names - declared)


def _caches_hash(base: type) -> bool:
    code = getattr(vars(base).get("__hash__"), "__code__", None)
    return code is not None and _HASH_CACHE in code.co_names


def _overrides(cls: type, name: str) -> bool:
    return getattr(cls, name) is not getattr(object, name)


def _has_own_ways(cls: type) -> bool:
    """Tell whether a class in the MRO wrote itself how its objects are reduced or restored."""
    if is_written_in_c(cls):
        return True
    if MARK in vars(cls) and "copyreg" in vars(cls)[MARK].originals:
        return True
    own = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
    return any(_own_method(cls, name) for name in own)


def _is_enveloped(cls: type) -> bool:
    """Tell whether an object consists of more than its attributes: arguments, or items."""
    holds_more = any(
        is_written_in_c(base) and base.__basicsize__ > object.__basicsize__ for base in cls.__mro__
    )
    return holds_more or hasattr(cls, "__getnewargs__") or hasattr(cls, "__getnewargs_ex__")


def _own_method(cls: type, name: str) -> object:
    """Return a method that a class wrote itself; hooks and generated ones do not count."""
    for base in cls.__mro__[:-1]:
        own = vars(base)
        covered = own[MARK].originals if MARK in own else {}
        value = covered[name] if name in covered else own.get(name)
        if value is not None and not is_generated(value) and not _is_default(base, name):
            return value
    return None


def _is_default(base: type, name: str) -> bool:
    """Tell whether a class in C only does what suits its own part of an object."""
    return is_written_in_c(base) and (name != "__setstate__" or issubclass(base, BaseException))


def _watches_items(cls: type) -> bool:
    """Tell whether items, which arrive before the state, meet methods of the class itself."""
    return any(
        issubclass(cls, kind) and getattr(cls, name, None) is not getattr(kind, name)
        for kind, name in _PLAIN_METHODS
        if not (kind is dict and issubclass(cls, collections.OrderedDict))
    )


def is_generated(method: object) -> bool:
    """Tell whether attrs or dataclasses made *method*."""
    return getattr(method, "__globals__", {}).get("__name__") in _GENERATORS
