"""The layout of a class: which state it has, and which parts it handles itself."""

from __future__ import annotations

import collections
import enum

import attrs

from versionpickle._wire.refs import MARK, is_written_in_c, ref_of
from versionpickle.exceptions import DeclarationError

from .field import REQUIRED, Field
from .fields import HASH_CACHE, fields_of
from .plain import registered_reducer
from .third_party import Kind


_PLAIN_METHODS: tuple[tuple[type, str], ...] = (
    (dict, "__setitem__"),
    (collections.OrderedDict, "__setitem__"),
    (list, "append"),
    (list, "extend"),
    (collections.deque, "append"),
    (collections.deque, "extend"),
    (set, "add"),
)
_GENERATORS = frozenset(
    {"attr._make", "dataclasses", "enum", "pydantic.main", "pydantic.root_model"}
)
_WRITTEN_BY_ATTRS = frozenset({"__getstate__", "__setstate__"})


@attrs.frozen
class Layout:
    """
    Describe the state of one class.

    *open*: the class declares no fields, its ``__dict__`` holds what it likes.
    *custom_reduce*: the class reduces or restores itself in ways of its own.
    *has_newargs*: an object is more than its attributes: arguments, or items.
    *items_in_state*: its items go into its state, since its methods would get them too early.
    *derived*: names that may be in a ``__dict__`` and are never stored.
    """

    fields: tuple[Field, ...]
    transients: tuple[Field, ...]
    kind: Kind | None
    open: bool
    custom_reduce: bool
    reduces_itself: bool
    has_newargs: bool
    items_in_state: bool
    restores_itself: bool
    has_dict: bool
    derived: frozenset[str]
    caches_hash: bool
    plain_setattr: bool
    plain_getattr: bool
    positions: tuple[str, ...]
    """The order in which attrs or dataclasses may have stored bare values."""

    validates: bool
    names: tuple[str, ...] = attrs.field(init=False)

    @names.default
    def _names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @property
    def fieldless(self) -> bool:
        """Whether nothing at all is declared."""
        return self.open and not self.fields


def layout_of(cls: type, transient: tuple[str, ...]) -> Layout:
    """Return the layout of *cls*, of whose fields some are *transient*."""
    found = fields_of(cls, frozenset(transient))
    in_c = {base for base in cls.__mro__ if is_written_in_c(base)}
    has_dict = cls.__dictoffset__ != 0
    reduces_itself = registered_reducer(cls) is not None or _reduces_itself(cls, in_c)
    return Layout(
        fields=tuple(field for field in found.fields if not field.transient),
        transients=tuple(field for field in found.fields if field.transient),
        kind=found.kind,
        open=has_dict and not found.is_declared,
        custom_reduce=cls in in_c or reduces_itself or _keeps_own_state(cls, in_c),
        reduces_itself=reduces_itself,
        has_newargs=_has_newargs(cls, in_c),
        items_in_state=_watches_items(cls),
        restores_itself=_own_method(cls, "__setstate__", in_c) is not None,
        has_dict=has_dict,
        derived=found.derived | frozenset(transient),
        caches_hash=any(_caches_hash(base) for base in cls.__mro__),
        plain_setattr=not _overrides(cls, "__setattr__"),
        plain_getattr=not (_overrides(cls, "__getattribute__") or hasattr(cls, "__getattr__")),
        positions=tuple(field.name for field in found.fields) if found.is_declared else (),
        validates=found.validates,
    )


def check_transient(cls: type, transient: tuple[str, ...]) -> None:
    """Refuse transient fields that are not there or could not come back."""
    if not transient:
        return
    layout = layout_of(cls, transient)
    if keeps_all(cls, layout):
        raise DeclarationError(
            ref_of(cls),
            f"transient={transient!r} has no effect here: the objects are stored as a whole",
            "leave it out of what its own __getstate__ or __reduce__ returns"
            if layout.custom_reduce
            else "let another class, or a field of another type, hold what is not stored",
        )
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


def check_extra(cls: type, layout: Layout) -> None:
    """Refuse to keep the extra fields of objects that have no place for them."""
    if layout.kind == "model":
        cure = "give the model pydantic's extra='allow'"
        raise DeclarationError(ref_of(cls), "extra='keep' is not for models", cure)
    if keeps_all(cls, layout) or issubclass(cls, enum.Enum):
        raise DeclarationError(
            ref_of(cls),
            "extra='keep' has no effect here: the objects are stored as a whole, not by fields",
            "leave extra= out",
        )
    if not layout.has_dict and not cls.__weakrefoffset__:
        raise DeclarationError(
            ref_of(cls),
            "extra='keep' has no place for anything: its objects cannot be referred to weakly",
            "add weakref_slot=True, or the slot '__weakref__'",
        )


def keeps_all(cls: type, layout: Layout) -> bool:
    """Return whether no field can be left out of what is stored."""
    return layout.custom_reduce or layout.kind in {"named tuple", "struct"}


def _caches_hash(base: type) -> bool:
    code = getattr(vars(base).get("__hash__"), "__code__", None)
    return code is not None and HASH_CACHE in code.co_names


def _overrides(cls: type, name: str) -> bool:
    return getattr(cls, name) is not getattr(object, name)


def _keeps_own_state(cls: type, in_c: set[type]) -> bool:
    return any(_own_method(cls, name, in_c) for name in ("__getstate__", "__setstate__"))


def _reduces_itself(cls: type, in_c: set[type]) -> bool:
    return any(_own_method(cls, name, in_c) for name in ("__reduce__", "__reduce_ex__"))


def _has_newargs(cls: type, in_c: set[type]) -> bool:
    """Return whether an object consists of more than its attributes: arguments, or items."""
    holds_more = any(base.__basicsize__ > object.__basicsize__ for base in in_c)
    return holds_more or hasattr(cls, "__getnewargs__") or hasattr(cls, "__getnewargs_ex__")


def _own_method(cls: type, name: str, in_c: set[type]) -> object:
    """Return a method that a class wrote itself; ours and generated ones do not count."""
    for base in cls.__mro__[:-1]:
        own = vars(base)
        covered = own[MARK].plain.originals if MARK in own else {}
        value = covered[name] if name in covered else own.get(name)
        if (
            value is not None
            and not is_generated(value)
            and not (base in in_c and _is_default(base, name))
        ):
            return value
        if name in _WRITTEN_BY_ATTRS and own.get("__attrs_attrs__") and "__slots__" in own:
            return None  # attrs wrote its own, or would have if it had not found our methods
    return None


def _is_default(base: type, name: str) -> bool:
    """Return whether a class in C only does what suits its own part of an object."""
    return name != "__setstate__" or issubclass(base, BaseException)


def _watches_items(cls: type) -> bool:
    """Return whether items, which arrive before the state, meet methods of the class itself."""
    return any(
        issubclass(cls, kind) and getattr(cls, name, None) is not getattr(kind, name)
        for kind, name in _PLAIN_METHODS
        if not (kind is dict and issubclass(cls, collections.OrderedDict))
    )


def is_generated(method: object) -> bool:
    """Return whether *method* is that of attrs, pydantic or their like, and not the user's."""
    return getattr(method, "__globals__", {}).get("__name__") in _GENERATORS
