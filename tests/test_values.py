"""Named tuples and structs are stored by the names of their fields."""

from __future__ import annotations

import collections
import copy
import pickle

from typing import NamedTuple

import attrs
import msgspec
import pytest

import versionpickle

from versionpickle import Registry, adopt, alias, migration, versioned
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import BuildError, FieldsError, StampError, StepError
from versionpickle.migrations import add, rename


class Point(NamedTuple):
    x: int
    y: int = 2


class Struct(msgspec.Struct):
    x: int
    y: int = 2
    tags: list = []


class Keyword(msgspec.Struct, kw_only=True):
    x: int
    y: int = 2


class Named(collections.namedtuple("Named", "x y")):
    """Has a ``__dict__`` beside its values."""


@attrs.define
class Filled:
    x: int
    y: int


class Mixed(msgspec.Struct, kw_only=True):
    y: int = 2
    x: int


class Heir(Named):
    """Versioned because its base is."""


KINDS = [Point, Struct, Keyword, Mixed, Named]
for kind in KINDS:
    adopt(kind)


def stored_as(cls, name="thing"):
    """A function that pickles objects of *cls* as version 1 of *name*."""
    writer = Registry()
    adopt(cls, name=name, registry=writer)
    return lambda obj: versionpickle.dumps(obj, registry=writer)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", KINDS)
def test_value_round_trip(cls, protocol):
    """Values come back."""
    obj = cls(x=1, y=[2])

    assert obj == pickle.loads(pickle.dumps(obj, protocol))
    assert obj == versionpickle.loads(versionpickle.dumps(obj, protocol))
    assert obj == copy.deepcopy(obj) == copy.copy(obj)


@pytest.mark.parametrize("cls", [Named, Heir])
def test_attributes(cls):
    """So do attributes beside them."""
    obj = cls(1, 2)
    obj.note = "n"
    back = pickle.loads(pickle.dumps(obj))

    assert type(back) is cls
    assert back.note == "n"


def test_own_reduction_of_a_subclass():
    """A subclass may ask its base how to reduce."""

    class Own(Named):
        def __reduce_ex__(self, protocol):
            function, args, *rest = super().__reduce_ex__(protocol)
            return function, args, *rest

    assert (1, 2) == copy.copy(Own(1, 2))


def test_arguments_of_another_count(registry):
    """What a stamp is called with are the values of its fields, or arguments for the steps."""

    @versioned(version=2, name="thing", registry=registry)
    @attrs.define
    class Now:
        x: int

    migration(Now, 1)(lambda state: state)
    instrumentation = Now.__versionpickle__

    with pytest.raises(StepError, match="made from arguments"):
        instrumentation.stamp(Claim("thing", 1, ("*", "x", "y")))(1)
    stamp = instrumentation.stamp(Claim("thing", 1, ()))
    with pytest.raises(FieldsError, match="left over constructor arguments"):
        stamp(1).__setstate__((stamp,))


@pytest.mark.parametrize("cls", [Point, Struct, Keyword])
def test_reordered(registry, cls):
    """Fields are found by name, in whatever order they are declared."""

    class PointNow(NamedTuple):
        y: int
        x: int

    class StructNow(msgspec.Struct):
        y: int
        x: int
        tags: list = []

    class KeywordNow(msgspec.Struct, kw_only=True):
        y: int
        x: int

    now = {Point: PointNow, Struct: StructNow, Keyword: KeywordNow}[cls]
    versioned(version=2, name="thing", registry=registry)(now)
    migration(now, 1)(lambda state: state)

    found = versionpickle.loads(stored_as(cls)(cls(x=1, y=2)), registry=registry)

    assert (1, 2) == (found.x, found.y)


@pytest.mark.parametrize("cls", [Point, Struct, Keyword])
def test_reordered_without_a_version(registry, cls):
    """Even where nobody raised the version."""
    if cls is Point:
        now = collections.namedtuple("Now", "y x")
    else:
        now = msgspec.defstruct(
            "Now", [("y", int), ("x", int), ("tags", list, [])][: 3 if cls is Struct else 2]
        )
    versioned(name="thing", registry=registry)(now)

    found = versionpickle.loads(stored_as(cls)(cls(x=1, y=2)), registry=registry)

    assert (1, 2) == (found.x, found.y)


@pytest.mark.parametrize("cls", [Point, Struct])
def test_steps_and_defaults(registry, cls):
    """Steps see a dict of fields, and new fields get their defaults."""

    class PointNow(NamedTuple):
        across: int
        y: int
        z: int = 7

    class StructNow(msgspec.Struct):
        across: int
        y: int
        tags: list
        z: list = []

    now = {Point: PointNow, Struct: StructNow}[cls]
    versioned(version=2, name="thing", registry=registry)(now)
    migration(now, 1, rename("x", "across"))

    found = versionpickle.loads(stored_as(cls)(cls(1)), registry=registry)

    assert (1, 2, 7 if cls is Point else []) == (found.across, found.y, found.z)


def test_outcome_is_compared(registry):
    """What the steps leave must be what the class declares."""

    class Now(NamedTuple):
        x: int
        z: int

    versioned(version=2, name="thing", registry=registry)(Now)
    migration(Now, 1, add("w", 0))

    with pytest.raises(FieldsError) as caught:
        versionpickle.loads(stored_as(Point)(Point(1)), registry=registry)

    assert (("z",), ("y", "w")) == (caught.value.missing, caught.value.leftover)


def test_from_and_to_other_classes(registry):
    """A named tuple can become a class that is filled; the other way, it is an error."""

    @versioned(version=2, name="thing", registry=registry)
    @attrs.define
    class Now:
        x: int
        y: int

    migration(Now, 1)(lambda state: state)
    assert Now(1, 2) == versionpickle.loads(stored_as(Point)(Point(1)), registry=registry)

    other = Registry()
    last = versioned(version=2, name="thing", registry=other)(collections.namedtuple("Now", "x y"))
    migration(last, 1)(lambda state: state)
    with pytest.raises(StepError, match="got its values after it was made"):
        versionpickle.loads(stored_as(Filled)(Filled(1, 2)), registry=other)


# Without a stamp


class WithNote(collections.namedtuple("WithNote", "x y")):
    pass


WITH_NOTE = WithNote(1, 2)
WITH_NOTE.note = "n"
UNSTAMPED_NOTE = pickle.dumps(WITH_NOTE)
adopt(WithNote)


@pytest.mark.parametrize("load", [pickle.loads, versionpickle.loads])
def test_unstamped_attributes(load):
    """Old attributes beside the values stay."""
    assert load(UNSTAMPED_NOTE).note == "n"


class Unstamped(NamedTuple):
    x: int
    y: int


class UnstampedStruct(msgspec.Struct):
    x: int
    y: int


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", [Unstamped, UnstampedStruct])
def test_unstamped_values(registry, cls, protocol):
    """Bare values reach a step as they were stored, and the class as it is today."""
    data = pickle.dumps([cls(1, 2)], protocol)
    adopt(cls, version=2, registry=registry)

    @migration(cls, 1, registry=registry)
    def swap(state):
        x, y = state
        return {"x": y, "y": x}

    assert [cls(2, 1)] == versionpickle.loads(data, registry=registry)


def test_unstamped_of_today(registry):
    """Where no version has passed, they are what the class takes."""
    data = pickle.dumps([Unstamped(1, 2)])
    adopt(Unstamped, registry=registry)

    assert [Unstamped(1, 2)] == versionpickle.loads(data, registry=registry)


def test_unstamped_under_an_old_name(registry):
    """The name that they were stored under tells their version."""

    @versioned(
        version=3,
        formerly={f"{__name__}:Unstamped": 2, f"{__name__}:UnstampedStruct": 1},
        registry=registry,
    )
    class Now(NamedTuple):
        total: int

    @migration(Now, 1)
    def first(state):
        return {"sum": sum(state)}

    migration(Now, 2)(lambda state: {"total": state.get("sum") if isinstance(state, dict) else 0})
    data = pickle.dumps([Unstamped(1, 2)], 0)

    assert [(0,)] == versionpickle.loads(data, registry=registry)


# Bad data


def test_too_many_values():
    """More values than fields are refused."""
    data = versionpickle.dumps(Point(1, 2)).replace(b"K\x01K\x02\x86", b"K\x01K\x02K\x03\x87")

    with pytest.raises(BuildError, match="Point"):
        versionpickle.loads(data.replace(data[2:11], b""))


@pytest.mark.parametrize(("obj", "state"), [(Named(1, 2), 3), (Point(1), {})])
def test_state_that_is_no_dict(obj, state):
    """What follows the values is a dict of attributes, of a class that has some."""
    stamp = obj.__reduce_ex__(4)[0]

    with pytest.raises(StampError):
        stamp.fill(obj, (stamp, state))


def test_alias_still_works(registry):
    """A function may take the values instead."""
    data = pickle.dumps(Unstamped(1, 2))
    alias(f"{__name__}:Unstamped", lambda x, y: {"x": x, "y": y}, registry=registry)

    assert {"x": 1, "y": 2} == versionpickle.loads(data, registry=registry)


@versioned
class Swapped(collections.namedtuple("Swapped", "x y")):
    """Takes its values in another order than it keeps them."""

    def __new__(cls, y, x):
        return super().__new__(cls, x=x, y=y)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_own_new(protocol):
    """The values of a named tuple are its own, whatever its __new__ takes."""
    obj = Swapped(y=2, x=1)
    back = pickle.loads(pickle.dumps(obj, protocol))

    assert (1, 2) == (back.x, back.y)
    with pytest.raises(TypeError, match="3 values for 2 fields"):
        obj.__reduce_ex__(4)[0](1, 2, 3)


@pytest.mark.parametrize("cls", KINDS)
def test_defaults_fill_no_gap(cls):
    """A stamp names its fields, and is called with a value for each."""
    stamp, values, _ = cls(x=1, y=3).__reduce_ex__(4)

    assert cls(x=1, y=3) == stamp(*values)
    with pytest.raises(TypeError):
        stamp(*values[:-1])
    with pytest.raises(TypeError):
        stamp(*values, 4)
