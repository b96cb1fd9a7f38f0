"""The same five fields as classes of every kind: once plain, once versioned."""

from __future__ import annotations

import dataclasses

import attrs
import msgspec

from twisted.persisted import styles

from versionpickle import migration, versioned
from versionpickle.migrations import add, rename


@attrs.define
class AttrsSlots:
    number: int
    name: str
    price: float
    amount: int
    currency: str


@attrs.define(slots=False)
class AttrsDict:
    number: int
    name: str
    price: float
    amount: int
    currency: str


@attrs.frozen
class AttrsFrozen:
    number: int
    name: str
    price: float
    amount: int
    currency: str


@dataclasses.dataclass
class Dataclass:
    number: int
    name: str
    price: float
    amount: int
    currency: str


class Plain:
    def __init__(self, number, name, price, amount, currency):
        self.number = number
        self.name = name
        self.price = price
        self.amount = amount
        self.currency = currency


KINDS = (AttrsSlots, AttrsDict, AttrsFrozen, Dataclass, Plain)


def _versioned(kind):
    decorate = {
        AttrsSlots: attrs.define,
        AttrsDict: attrs.define(slots=False),
        AttrsFrozen: attrs.frozen,
        Dataclass: dataclasses.dataclass,
    }.get(kind, lambda cls: cls)
    name = f"Versioned{kind.__name__}"
    body = {"__module__": __name__, "__qualname__": name, "__annotations__": FIELDS}
    if kind is Plain:
        body["__init__"] = Plain.__init__
    cls = versioned(version=3)(decorate(type(name, (), body)))
    migration(cls, 1, rename("label", "name"))
    migration(cls, 2, add("currency", "EUR"))
    return cls


FIELDS = {"number": int, "name": str, "price": float, "amount": int, "currency": str}
VERSIONED = {kind: _versioned(kind) for kind in KINDS}
globals().update({cls.__name__: cls for cls in VERSIONED.values()})


class TwistedVersioned(styles.Versioned):
    persistenceVersion = 3  # noqa: N815 - Twisted's name

    __init__ = Plain.__init__


class Struct(msgspec.Struct):
    number: int
    name: str
    price: float
    amount: int
    currency: str


def values(count):
    return [(n, f"name {n}", n / 3, n * 2, "EUR") for n in range(count)]
