"""Classes that hostile pickles are about, and traps that note whether they were sprung."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import enum

import attrs

import versionpickle

from versionpickle import migration, versioned
from versionpickle.migrations import add, rename


SPRUNG: list[str] = []


def spring(*args, **kwargs):
    """Be what nobody may call."""
    SPRUNG.append("spring")


@versioned(version=3)
@attrs.define
class Order:
    number: int
    name: str

    def __attrs_post_init__(self):
        SPRUNG.append("Order was called")


migration(Order, 1, rename("label", "name"))
migration(Order, 2, add("number", 0))


@versioned(version=2)
class Open:
    """Declares no fields."""


migration(Open, 1)(lambda state: state)


@versioned(version=1)
@attrs.frozen
class Key:
    parts: object


@versioned(version=1)
class Items(list):
    """A list with attributes."""


class Point(collections.namedtuple("Point", ["x", "y"], defaults=[0, 0])):
    __slots__ = ()


versioned(version=1)(Point)


@versioned(version=1)
class Colour(enum.Enum):
    RED = 1


class Plain:
    """Known by adoption alone, as from before versionpickle."""


versionpickle.adopt(Plain, version=1)


class Derived(Plain):
    """Versioned by its base alone."""


@versioned(version=1)
class OfTuple(tuple):
    """Builtins with attributes."""


@versioned(version=1)
class OfBytes(bytes):
    pass


@versioned(version=1)
class OfFrozenset(frozenset):
    pass


@versioned(version=1)
class OfSet(set):
    pass


@versioned(version=1)
class OfDict(dict):
    pass


@versioned(version=1)
@attrs.frozen
class Owned:
    number: int
    owner: object = attrs.field(eq=False)


@versioned(version=1)
class Hashed:
    """Hashed by what a list of its own holds."""

    def __init__(self, parts):
        self.parts = parts

    def __eq__(self, other):
        return self.parts == other.parts

    def __hash__(self):
        return hash(tuple(self.parts))


@attrs.define
class Adopted:
    number: int = 0


versionpickle.adopt(Adopted)


@versioned(version=1)
class Single:
    """Stored by its name; to ask for that is code of its own."""

    def __reduce__(self):
        SPRUNG.append("reduced")
        return "SINGLE"


SINGLE = Single()


class Allowed:
    """Unversioned: each load that wants it says so."""

    __slots__ = ("a", "b")

    def append(self, item):
        SPRUNG.append("append")


def harmless(*args):
    """Be what a load may call that was told so."""
    return list(args)


versionpickle.retire("hostile.models:Gone")


CODES = (("hostile.models", "spring", 0x7F010203), ("os", "system", 77), ("os", "popen", 7777))


@contextlib.contextmanager
def extension_codes():
    """Let codes stand for names, as some program might; all loads take more care then."""
    for code in CODES:
        copyreg.add_extension(*code)
    try:
        yield
    finally:
        for code in CODES:
            copyreg.remove_extension(*code)
