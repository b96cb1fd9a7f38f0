"""The orders that stores keep: plain ones, versioned ones, and some from before three steps."""

from __future__ import annotations

import random

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

import versionpickle

from versionpickle import migration, versioned
from versionpickle.migrations import Registry, add, convert, rename


@attrs.define
class Plain:
    number: int
    total: float | Decimal
    currency: str
    customer: str
    tags: list[str]


@versioned
@attrs.define
class Versioned:
    number: int
    total: float | Decimal
    currency: str
    customer: str
    tags: list[str]


# The same at version 1, and three steps later: by us ...

YESTERDAY = Registry()
"""Knows the first version of the order, as yesterday's code did."""


@versioned(name="order", registry=YESTERDAY)
@attrs.define
class First:
    number: int
    total: float | Decimal
    currency: str
    customer: str
    tags: list[str]


@versioned(version=4, name="order")
@attrs.define
class Today:
    number: int
    amount: float | Decimal
    currency: str
    customer: str
    tags: list[str]
    note: str


def cents(amount):
    return amount * 100


migration(Today, 1, rename("total", "amount"))
migration(Today, 2, convert("amount", cents))
migration(Today, 3, add("note", ""))


# ... and by hand


@attrs.define
class PlainToday:
    number: int
    amount: float | Decimal
    currency: str
    customer: str
    tags: list[str]
    note: str


def by_hand(old: Plain) -> PlainToday:
    amount = old.total  # renamed
    amount = cents(amount)
    note = ""
    return PlainToday(old.number, amount, old.currency, old.customer, old.tags, note)


def key(number: int) -> str:
    return f"order-{number:09d}"


def some_numbers(count: int, most: int, seed: int) -> list[int]:
    """Return *count* of *most* numbers, in no order; the same for the same *seed*."""
    return random.Random(seed).sample(range(most), count)


def orders(make: type, numbers: Iterable[int], kind: type = float) -> Iterator[tuple[str, Any]]:
    """Yield keys and orders, whose totals are of a *kind*."""
    for n in numbers:
        yield key(n), make(n, kind(n * 25) / 100, "EUR", f"somebody {n}", ["new", f"tag {n % 10}"])


def write_first(path: Path, numbers: Iterable[int], kind: type = float) -> None:
    """Make a store that yesterday's code has filled."""
    with versionpickle.open(path, registry=YESTERDAY, durability="normal") as store:
        store.update(orders(First, numbers, kind))
