"""Versioned classes of every kind, for the tests that try them all."""

from __future__ import annotations

import dataclasses
import functools
import threading

from typing import Any, Generic, TypeVar

import attrs

from versionpickle import Versioned, versioned


T = TypeVar("T")


@versioned(version=3)
@attrs.define
class AttrsSlots:
    a: Any
    b: Any


@versioned(version=3)
@attrs.define(slots=False)
class AttrsDict:
    a: Any
    b: Any


@attrs.frozen
@versioned(version=3)
class AttrsFrozen:
    a: Any
    b: Any


@versioned(version=3)
@attrs.frozen(slots=False)
class AttrsFrozenDict:
    a: Any
    b: Any


@versioned
@attrs.define(kw_only=True)
class AttrsPrivate:
    _a: Any
    b: Any = attrs.field(alias="bee")


@versioned
@attrs.define
class AttrsChecked:
    """Has converters and validators, so that attrs watches assignments."""

    a: Any = attrs.field(converter=lambda value: value, validator=attrs.validators.optional([]))
    b: Any = None


@versioned
@attrs.define
class AttrsGeneric(Generic[T]):
    a: T
    b: T


@versioned
@attrs.frozen(cache_hash=True)
class AttrsHashed:
    a: Any
    b: Any


@versioned
@attrs.frozen(cache_hash=True, slots=False)
class AttrsHashedDict:
    a: Any
    b: Any


@versioned
@attrs.define
class AttrsCachedSlots:
    a: Any
    b: Any

    @functools.cached_property
    def both(self) -> tuple[Any, Any]:
        return (self.a, self.b)


@versioned
@attrs.define(slots=False)
class AttrsCachedDict:
    a: Any
    b: Any

    @functools.cached_property
    def both(self) -> tuple[Any, Any]:
        return (self.a, self.b)


@versioned(version=2)
@dataclasses.dataclass
class Dataclass:
    a: Any
    b: Any


@dataclasses.dataclass(slots=True)
@versioned(version=2)
class DataclassSlots:
    a: Any
    b: Any


@versioned(version=2)
@dataclasses.dataclass(frozen=True)
class DataclassFrozen:
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True, slots=True)
@versioned(version=2)
class DataclassFrozenSlots:
    a: Any
    b: Any


class _ByHand:
    __slots__ = ()

    def __init__(self, a: Any, b: Any) -> None:
        self.a = a
        self.b = b


@versioned
class Slots(_ByHand):
    __slots__ = ("a", "b")


class Plain(_ByHand, Versioned, version=2):
    pass


@versioned
class SlotsAndDict(_ByHand):
    __slots__ = ("__dict__", "a")


class BaseSlots(Versioned):
    __slots__ = ("a",)


@attrs.define(slots=False)
class Mixed(BaseSlots, version=4):
    """An attrs class with a ``__dict__`` over a class with slots of its own."""

    b: Any = None

    def __init__(self, a: Any, b: Any) -> None:
        self.a = a
        self.b = b


@attrs.define
class Top(Versioned, version=2):
    a: Any = None


@dataclasses.dataclass
class Left(Top, version=3):
    b: Any = None

    def __init__(self, a: Any, b: Any) -> None:
        self.a = a
        self.b = b


@attrs.define(slots=False)
class Right(Top):
    pass


class Bottom(Left, Right, version=5):
    """A diamond of attrs, dataclass and plain classes."""


@versioned
class Guarded(_ByHand):
    """Answers to any name, and watches one."""

    __slots__ = ("_a", "_b")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"made-up {name}"

    def _watch(name: str) -> Any:  # noqa: N805 - called while the class is made
        return property(
            lambda self: getattr(self, name), lambda self, value: setattr(self, name, value)
        )

    a = _watch("_a")
    b = _watch("_b")
    del _watch


class Watched:
    def __set__(self, obj: Any, value: Any) -> None:
        obj.__dict__["a"] = value

    def __get__(self, obj: Any, cls: type) -> Any:
        return self if obj is None else obj.__dict__["a"]


@versioned
class WatchedPlain(_ByHand):
    """A data descriptor stands before an attribute of the ``__dict__``."""

    a = Watched()


@versioned
class Stateful(_ByHand):
    """Has a state of its own."""

    def __getstate__(self) -> tuple[Any, Any]:
        return (self.b, self.a)

    def __setstate__(self, state: tuple[Any, Any]) -> None:
        self.b, self.a = state


@versioned
class StatefulSlots(_ByHand):
    """Has a state of its own, in the form that pickle uses for slots."""

    __slots__ = ("a", "b")

    def __getstate__(self) -> Any:
        return None, {"a": self.a, "b": self.b}


@versioned
class Newargs:
    def __new__(cls, a: Any, b: Any) -> Newargs:
        self = super().__new__(cls)
        self.a = a
        self.b = b
        return self

    def __getnewargs__(self) -> tuple[Any, Any]:
        return (self.a, None)


@versioned
class NewargsEx:
    def __new__(cls, a: Any, *, b: Any) -> NewargsEx:
        self = super().__new__(cls)
        self.a = a
        self.b = b
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[Any], dict[str, Any]]:
        return (self.a,), {"b": None}


@versioned
class Reducing(_ByHand):
    def __reduce__(self) -> Any:
        return Reducing, (self.a, None), {"b": self.b}


@versioned
class ReducingWithSetter(_ByHand):
    def __reduce_ex__(self, protocol: int) -> Any:
        return reduced_blank, (ReducingWithSetter,), [self.a, self.b], None, None, set_both


def reduced_blank(cls: type) -> Any:
    return cls.__new__(cls)


def set_both(obj: Any, state: list[Any]) -> None:
    obj.a, obj.b = state


@versioned
class ListOf(list):  # type: ignore[type-arg]
    def __init__(self, a: Any, b: Any) -> None:
        super().__init__([1, 2])
        self.a = a
        self.b = b


@versioned
class DictOf(dict):  # type: ignore[type-arg]
    def __init__(self, a: Any, b: Any) -> None:
        super().__init__(one=1)
        self.a = a
        self.b = b


@versioned
class Failure(Exception):
    def __init__(self, a: Any, b: Any) -> None:
        super().__init__(a, b)
        self.a = a
        self.b = b


@versioned(transient=["lock", "cache"])
@attrs.define
class Transient:
    a: Any
    b: Any
    lock: Any = attrs.field(factory=threading.Lock, eq=False)
    cache: Any = None


def with_keywords(cls: Any) -> Any:
    return lambda a, b: cls(a=a, bee=b)


MAKERS = {
    cls.__name__: cls
    for cls in (
        AttrsSlots,
        AttrsDict,
        AttrsFrozen,
        AttrsFrozenDict,
        AttrsChecked,
        AttrsGeneric,
        AttrsHashed,
        AttrsHashedDict,
        AttrsCachedSlots,
        AttrsCachedDict,
        Dataclass,
        DataclassSlots,
        DataclassFrozen,
        DataclassFrozenSlots,
        Slots,
        Plain,
        SlotsAndDict,
        Mixed,
        Bottom,
        Guarded,
        WatchedPlain,
        Stateful,
        StatefulSlots,
        Newargs,
        Reducing,
        ReducingWithSetter,
        ListOf,
        DictOf,
        Failure,
        Transient,
    )
}
MAKERS["AttrsPrivate"] = with_keywords(AttrsPrivate)
MAKERS["NewargsEx"] = lambda a, b: NewargsEx(a, b=b)


def values(obj: Any) -> tuple[Any, Any]:
    """Return what the object was made with."""
    return (obj._a if isinstance(obj, AttrsPrivate) else obj.a), obj.b
