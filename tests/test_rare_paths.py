"""Paths that few programs take."""

from __future__ import annotations

import dataclasses
import pickle

import attrs
import pytest

import versionpickle
import versionpickle.testing

from versionpickle import Registry, Versioned, adopt, dumps, loads, migration, versioned
from versionpickle._classes.reviving import revive_in
from versionpickle._pickles.value_types import value_type, value_type_names
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import Claim
from versionpickle._wire.stamp_cache import _ROOM, StampCache, size_of
from versionpickle.migrations import add_missing


@pytest.mark.parametrize("module", [versionpickle, versionpickle.testing])
def test_listed_names(module):
    """What is imported when it is asked for is listed, too."""
    assert {*module.__all__} <= {*dir(module)}


def test_value_types():
    """Each ref that is listed leads to something."""
    for ref in value_type_names():
        assert value_type(*ref.split(":")) is not None


def test_stamps_are_forgotten():
    """The cache takes no more room than it has: it starts anew."""
    cache = StampCache()
    fields = tuple(map(str, range(1000)))
    claims = [Claim("shop:Order", version, fields) for version in range(1, 20)]
    fitting = _ROOM // size_of(claims[0])
    for claim in claims:
        cache.keep(claim, None)

    assert fitting < len(claims)
    assert claims[fitting:][-len(cache) :] == [*cache]


@versioned
class Single:
    def __reduce__(self):
        return "SINGLE"


SINGLE = Single()


@attrs.define
class Slotted(Versioned):
    amount: int


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen(Versioned):
    amount: int


@pytest.mark.parametrize("obj", [SINGLE, Slotted(3), Frozen(3)])
def test_written_without_stamps(obj):
    """Objects that others write in their own way are written in that way."""
    data = dumps(obj, versions="unstamped")

    assert b"versionpickle" not in data
    assert obj == loads(data)


def other(number):
    return number


@versioned
class Other:
    """It is something else when it comes back."""

    def __reduce__(self):
        return other, (5,)


def test_function_returns_something_else():
    """No state is set on what is no object of the class."""
    assert 5 == pickle.loads(pickle.dumps(Other()))
    assert 5 == loads(dumps(Other()), allow=[other])


def test_union_of_states():
    """A state with more in it keeps its stamp."""
    state = Plain(1).__getstate__()
    made = Plain.__new__(Plain)
    made.__setstate__(state | {"amount": 2})

    assert 2 == made.amount
    assert state.stamp is (state | {}).stamp


@versioned
class Plain:
    def __init__(self, amount):
        self.amount = amount


def test_add_missing_compiled(registry):
    """Compiled code adds the fields of a fresh object, too."""

    class Basket:
        def __init__(self):
            self.lines = []
            self.currency = "EUR"

    versioned(version=2, registry=registry)(Basket)
    migration(Basket, 1, add_missing(Basket), registry=registry)
    stamp = revive_in(registry, False, 1, ref_of(Basket), 1, ("currency",), ())
    made = [stamp() for _ in range(5)]
    for basket in made:
        stamp.fill(basket, (stamp, "USD"))

    assert [{"currency": "USD", "lines": []}] * 5 == [*map(vars, made)]


class Rational:
    def __init__(self, amount):
        self.amount = amount


def rational(args, state):
    return Rational(**state)


def test_rebuild_of_a_class_that_is_there():
    """A ref with rebuild= is that of today's class, if there is one."""
    registry = Registry("there")
    adopt(f"{__name__}:Rational", rebuild=rational, registry=registry)
    assert 3 == loads(dumps(Rational(3), registry=registry), registry=registry).amount
