"""The classes of the golden streams; they do not change."""

from __future__ import annotations

import collections
import enum
import functools
import pickle

from typing import Any

import attrs

import versionpickle

from versionpickle import Registry, Versioned, adopt, versioned
from versionpickle._classes.placeholder import placeholder_class


APART = Registry("apart")


@versioned(version=3)
@attrs.define
class Fields:
    number: int
    text: str
    late: int = attrs.field(init=False, eq=False)


@versioned(version=2, name="golden.named")
@attrs.define(slots=False)
class Named:
    number: int


class Base(Versioned, version=4):
    __slots__ = ()


@attrs.define
class Derived(Base, version=2):
    number: int


class Open(Versioned, version=5):
    pass


@versioned(version=2)
class Own(list):  # type: ignore[type-arg]
    def __getstate__(self) -> tuple[int]:
        return (5,)

    def __setstate__(self, state: tuple[int]) -> None:
        (self.number,) = state

    number = 5


@versioned(version=2)
class Called:
    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        return Called, (self.number,)


@versioned(version=2)
@attrs.define
class Listed(list):  # type: ignore[type-arg]
    number: int = 0


class Watching(dict, Versioned, version=2):  # type: ignore[type-arg]
    def __setitem__(self, key: str, value: int) -> None:
        super().__setitem__(self.prefix + key, value)


@versioned(version=2)
class Failure(Exception):
    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


@versioned(version=2)
class Colour(enum.Enum):
    RED = 1


@versioned(version=2)
class Size(collections.namedtuple("Size", "width height")):
    pass


@versioned(version=2)
class Way(enum.Flag, boundary=enum.KEEP):
    UP = 1
    LEFT = 2


class Interned:
    def __init__(self, number: int) -> None:
        self.number = number


def _rebuilt(args: tuple[()], state: dict[str, int]) -> Interned:
    return Interned(**state)


adopt(Interned, rebuild=_rebuilt)


class Foreign:
    pass


adopt(Foreign, version=6, registry=APART)
adopt(functools.partial, version=2, registry=APART)


def _unset() -> Fields:
    fields = Fields(1, "one")
    fields.late = 5
    return fields


def _extras() -> Named:
    named = Named(1)
    named.__dict__["extra"] = "more"
    return named


def _open() -> Open:
    made = Open()
    made.a, made.itself = 1, made
    return made


def _listed() -> Listed:
    made = Listed(3)
    made.append(1)
    return made


def _watching() -> Watching:
    made = Watching()
    made.prefix = "-"
    made["a"] = 1
    return made


def _size() -> Size:
    made = Size(1, height=2)
    made.note = "n"
    return made


def _foreign() -> Foreign:
    made = Foreign()
    made.a = 1
    return made


def _placeholder() -> Any:
    cls = placeholder_class("gone:Class")
    made = cls.__new__(cls, 1, key=2)
    made.__setstate__({"a": 1})
    return made


MADE = {
    "fields": lambda: [_unset(), _unset()],
    "unset": lambda: Fields(1, "one"),
    "extras": _extras,
    "named": lambda: Named(1),
    "derived": lambda: Derived(1),
    "open": _open,
    "own": lambda: Own([1, 2]),
    "called": lambda: Called(7),
    "listed": _listed,
    "watching": _watching,
    "failure": lambda: Failure("m", code=5),
    "enum": lambda: Colour.RED,
    "flags": lambda: [Way.UP, Way(3), Way(0), Way(9)],
    "values": lambda: [Size(3, 4), _size()],
    "rebuilt": lambda: Interned(8),
    "apart": _foreign,
    "whole": lambda: functools.partial(int, base=2),
    "placeholder": _placeholder,
    "called_placeholder": lambda: placeholder_class("gone:Class")(1, key=2),
}


def dumps(obj: Any, protocol: int) -> bytes:
    if isinstance(obj, versionpickle.Placeholder):  # which plain pickle writes as one
        return pickle.dumps(obj, protocol)
    return versionpickle.dumps(obj, protocol, registry=APART)


def described(obj: Any) -> str:
    """Say everything that a golden object consists of."""
    match obj:
        case Open():
            return f"Open {obj.a} {obj.itself is obj}"
        case Own():
            return f"Own {list(obj)} {obj.number}"
        case Listed():
            return f"Listed {list(obj)} {obj.number}"
        case Watching():
            return f"Watching {dict(obj)} {vars(obj)}"
        case Failure():
            return f"Failure {obj.args} {obj.code}"
        case Colour() | Way():
            return f"{obj.name}" if isinstance(obj, Colour) else f"Way {obj.value}"
        case Size():
            return f"Size {obj.width} {obj.height} {vars(obj)}"
        case list():
            return f"{[described(item) for item in obj]} {obj[0] is obj[1]}"
        case functools.partial():
            return f"partial {obj('10')}"
        case versionpickle.Placeholder():
            return f"{obj!r} {obj.args} {obj.kwargs}"
        case Fields():
            return f"Fields {obj.number} {obj.text} {getattr(obj, 'late', 'unset')}"
    return f"{type(obj).__name__} {sorted(vars(obj).items()) if hasattr(obj, '__dict__') else obj}"
