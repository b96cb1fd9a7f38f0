"""Defects of other tools for this task, which are not ours."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import pickle

import attrs
import pytest

import versionpickle

from versionpickle import Registry, Versioned, adopt, migration, versioned
from versionpickle.exceptions import StepError
from versionpickle.migrations import add, convert, rename


EVERY_LOAD = pytest.mark.parametrize(
    "load", [pickle.loads, versionpickle.loads], ids=["pickle", "versionpickle"]
)


def written_by(cls, **settings):
    """A function that pickles objects of *cls* as a program would that declared it so."""
    writer = Registry()
    adopt(cls, registry=writer, **settings)
    return lambda obj: versionpickle.dumps(obj, registry=writer)


# twisted.persisted.styles.Versioned


class Slotted:
    __slots__ = ("__dict__", "kept")


def test_twisted_loses_slots(registry):
    """Twisted stores the ``__dict__`` alone; slots and attributes both pass through an upgrade."""
    old = Slotted()
    old.kept, old.total = "slot", 1
    data = written_by(Slotted)(old)
    adopt(Slotted, version=2, registry=registry)
    migration(Slotted, 1, rename("total", "amount"), registry=registry)

    found = versionpickle.loads(data, registry=registry)

    assert ("slot", {"amount": 1}) == (found.kept, vars(found))


@attrs.define
class Price:
    amount: str


def test_twisted_restamps_half_upgraded_objects(registry):
    """
    In Twisted an upgrade that fails leaves an object that is stored as upgraded.

    Here it leaves no object at all, and the next attempt begins at the stored version.
    """
    data = written_by(Price, name="price")(Price("twelve"))
    numbers = {}

    @versioned(version=3, name="price", registry=registry)
    @attrs.define
    class Now:
        amount: int

    migration(Now, 1, convert("amount", str.title))
    migration(Now, 2)(lambda state: {"amount": numbers[state["amount"]]})

    with pytest.raises(StepError) as caught:
        versionpickle.loads(data, registry=registry)
    assert (1, 3) == (caught.value.version, caught.value.current)

    numbers["Twelve"] = 12
    assert Now(12) == versionpickle.loads(data, registry=registry)


def test_twisted_replays_steps_after_a_rename(registry):
    """Twisted stores the version under the class's name: renamed, it starts from 0 again."""
    data = written_by(Price, version=2)(Price("12"))
    ran = []

    @versioned(version=3, formerly=f"{__name__}:Price", registry=registry)
    @attrs.define
    class Cost:
        amount: int

    @migration(Cost, 1)
    def first(state):
        ran.append(1)
        return state

    migration(Cost, 2, convert("amount", int))

    assert Cost(12) == versionpickle.loads(data, registry=registry)
    assert ran == []


# Instrumentation that a find_class installs


class Point:
    def __init__(self, x):
        self.x = x


def test_hooks_of_find_class_serve_the_first_object_alone(registry):
    """pickle asks for a class once in a stream; every object of it is upgraded."""
    data = pickle.dumps([Point(number) for number in range(5)])
    adopt(Point, version=2, registry=registry)
    migration(Point, 1, convert("x", lambda x: x + 100), registry=registry)

    found = versionpickle.loads(data, registry=registry)

    assert [100, 101, 102, 103, 104] == [point.x for point in found]


# holidays.HolidayBase


@versioned
class Holidays(dict):
    """Turns keys into dates, with settings that are attributes."""

    def __init__(self, first_year):
        super().__init__()
        self.first_year = first_year

    def __setitem__(self, key, value):
        super().__setitem__(self._date(key), value)

    def __contains__(self, key):
        return super().__contains__(self._date(key))

    def _date(self, key):
        if isinstance(key, tuple):
            return datetime.date(self.first_year, *key)
        assert key.year >= self.first_year
        return key


@EVERY_LOAD
def test_holidays_cannot_read_its_own_pickle(load):
    """Items come before the state, and its __setitem__ needs it: here they come after it."""
    holidays = Holidays(2026)
    holidays[12, 25] = "Christmas"
    found = load(pickle.dumps(holidays))

    assert {datetime.date(2026, 12, 25): "Christmas"} == found
    assert (12, 25) in found


class ReducingHolidays(Holidays):
    """Wrote a ``__reduce__`` that changes nothing, as that package does."""

    def __reduce__(self):
        return super().__reduce__()


@versioned
class Rebuilding(list):
    """Leaves out of its state what its append makes again."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def append(self, item):
        self.__dict__.setdefault("total", 0)
        self.total += item
        super().append(item)

    def extend(self, items):
        for item in items:
            self.append(item)

    def __reduce__(self):
        return Rebuilding.__new__, (Rebuilding,), {}, iter(self)


@EVERY_LOAD
def test_holidays_with_a_reduce_of_its_own(load):
    """So they do in a class that reduces itself, unless its methods make what its state lacks."""
    holidays = ReducingHolidays(2026)
    holidays[12, 25] = "Christmas"
    found = load(pickle.dumps(holidays))

    assert {datetime.date(2026, 12, 25): "Christmas"} == found
    assert (12, 25) in found


def test_methods_that_make_the_rest():
    """Methods that make again what the state leaves out meet the items, as in pickle."""
    rebuilding = Rebuilding()
    rebuilding.extend([1, 2])
    found = pickle.loads(pickle.dumps(rebuilding))

    assert ([1, 2], 3) == (found, found.total)


# attrs


@attrs.define
class Customer(Versioned, version=2, name="peers customer"):
    """attrs writes a ``__setstate__`` into slotted classes, before that of any base."""

    name: str
    city: str = "?"


migration(Customer, 1, add("city", "unknown"))


@versioned(name="peers customer", registry=Registry())
@attrs.define
class CustomerOnce:
    name: str


@EVERY_LOAD
def test_attrs_shadows_the_setstate_of_a_base(load):
    """The instrumentation of the base serve slotted attrs classes."""
    data = pickle.dumps([CustomerOnce("Ann"), CustomerOnce("Bob")])

    assert [Customer("Ann", "unknown"), Customer("Bob", "unknown")] == load(data)


# Positions


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    width: int
    height: int


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenNow:
    height: int
    width: int


Tuple = collections.namedtuple("Tuple", "width height")
TupleNow = collections.namedtuple("TupleNow", "height width")


@pytest.mark.parametrize(("old", "new"), [(Frozen, FrozenNow), (Tuple, TupleNow)])
def test_positions_swap_fields(registry, old, new):
    """dataclasses and named tuples store positions, and swap reordered fields in silence."""
    data = written_by(old, name="size")(old(width=1, height=2))
    versioned(name="size", registry=registry)(new)

    found = versionpickle.loads(data, registry=registry)

    assert (1, 2) == (found.width, found.height)
