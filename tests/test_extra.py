"""`extra="keep"`: fields that newer code of the same version added are carried along, unread."""

from __future__ import annotations

import copy
import enum
import gc
import pickle

from collections import namedtuple

import attrs
import msgspec
import pydantic
import pytest

import versionpickle

from versionpickle import Limits, Registry, Versioned, migration, versioned
from versionpickle.exceptions import DeclarationError, FieldsError
from versionpickle.migrations import rename


def pair(**settings):
    """Two registries with code of the same version: the newer added a field."""
    older, newer = Registry("older"), Registry("newer")
    before = attrs.make_class("Order", ["a", "b"], **settings)
    after = attrs.make_class(
        "Order", {"a": attrs.field(), "note": attrs.field(default=""), "b": attrs.field(default=0)}
    )
    versioned(name="extra.order", extra="keep", registry=older)(before)
    versioned(name="extra.order", registry=newer)(after)
    return older, newer, after


SHAPES = [
    pytest.param({"slots": True}, id="slots"),
    pytest.param({"slots": False}, id="dict"),
    pytest.param({"slots": True, "frozen": True}, id="frozen"),
    pytest.param({"slots": True, "cache_hash": True, "unsafe_hash": True}, id="hash"),
]


@pytest.mark.parametrize("how", [{}, {"limits": Limits()}, {"unsafe": True}])
@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("settings", SHAPES)
def test_through_older_code(settings, protocol, how):
    """What it does not know, it writes again."""
    older, newer, cls = pair(**settings)
    data = versionpickle.dumps([cls(1, "mind the gap", 2)], protocol, registry=newer)

    (met,) = versionpickle.loads(data, registry=older, **how)
    again = versionpickle.dumps([met], protocol, registry=older)

    assert (1, 2) == (met.a, met.b)
    assert [cls(1, "mind the gap", 2)] == versionpickle.loads(again, registry=newer, **how)
    once_more = versionpickle.loads(again, registry=older, **how)
    again = versionpickle.dumps(once_more, protocol, registry=older)
    assert [cls(1, "mind the gap", 2)] == versionpickle.loads(again, registry=newer)


@pytest.mark.parametrize("settings", SHAPES)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies(settings, duplicate):
    """They carry it too, and other objects of the class do not."""
    older, newer, cls = pair(**settings)
    data = versionpickle.dumps([cls(1, "x", 2), cls(3)], registry=newer)

    made = [duplicate(obj) for obj in versionpickle.loads(data, registry=older)]
    gc.collect()

    data = versionpickle.dumps(made, registry=older)
    assert [cls(1, "x", 2), cls(3)] == versionpickle.loads(data, registry=newer)


def test_nothing_is_kept_of_objects_that_are_gone():
    """An object that gets the place in memory carries nothing of theirs."""
    older, newer, cls = pair(slots=True)
    data = versionpickle.dumps(cls(1, "x", 2), registry=newer)
    met = versionpickle.loads(data, registry=older)
    instrumentation = older.declaration("extra.order").instrumentation

    assert instrumentation.codec._extra_fields.of(met) == {"note": "x"}
    del met
    gc.collect()

    assert instrumentation.codec._extra_fields.by_id == {}


def test_unstamped_and_changed():
    """They may change meanwhile; a state without a stamp is no different."""
    older, newer, cls = pair(slots=True)
    met = older.declaration("extra.order").instrumentation.cls(1, 2)
    met.__setstate__({"a": 5, "b": 6, "note": "from before"})
    met.a = 7

    data = versionpickle.dumps(met, registry=older)

    assert cls(7, "from before", 6) == versionpickle.loads(data, registry=newer)


def test_classes_that_keep_all_anyway(registry):
    """Without declared fields, nothing is extra."""

    @versioned(name="extra.open", extra="keep", registry=registry)
    class Open:
        pass

    obj = Open()
    obj.a = 1

    assert {"a": 1} == vars(versionpickle.loads(pickle.dumps(obj), registry=registry))


def test_after_steps(registry):
    """Behind a step, a field that nobody takes is an error as always."""
    cls = attrs.make_class("Order", ["b"])
    versioned(version=2, name="extra.steps", extra="keep", registry=registry)(cls)
    migration(cls, 1, rename("a", "b"))

    with pytest.raises(FieldsError):
        cls.__new__(cls).__setstate__({"a": 1, "c": 2})


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("through_older", [False, True])
def test_a_step_may_take_it(slots, through_older):
    """It sees what older code carried as well as what newer code wrote."""
    older, newer, cls = pair(slots=slots)
    data = versionpickle.dumps(cls(1, "gift", 2), registry=newer)
    if through_older:
        data = versionpickle.dumps(versionpickle.loads(data, registry=older), registry=older)
    today = Registry("today")
    latest = attrs.make_class("Order", ["a", "b", "memo"], slots=slots)
    versioned(version=2, name="extra.order", extra="keep", registry=today)(latest)
    migration(latest, 1, rename("note", "memo"))

    assert latest(1, 2, "gift") == versionpickle.loads(data, registry=today)


def test_base_class():
    """The setting is a class keyword as well."""

    class Order(Versioned, name="extra.base", extra="keep"):
        pass

    assert not versionpickle.migrations.default_registry.named("extra.base").is_implied


class Colour(enum.Enum):
    RED = 1


class Model(pydantic.BaseModel):
    a: int


class Struct(msgspec.Struct):
    a: int


class Own:
    def __reduce__(self):
        return Own, ()


class NoPlace:
    __slots__ = ("a",)


@pytest.mark.parametrize(
    ("cls", "problem"),
    [
        (Colour, "stored as a whole, not by fields"),
        (namedtuple("Point", "x y"), "stored as a whole, not by fields"),
        (Struct, "stored as a whole, not by fields"),
        (Own, "stored as a whole, not by fields"),
        (Model, "give the model pydantic's extra='allow'"),
        (NoPlace, "add weakref_slot=True"),
    ],
)
def test_where_nothing_can_be_kept(registry, cls, problem):
    """The declaration says so."""
    with pytest.raises(DeclarationError, match=problem):
        versioned(extra="keep", registry=registry)(cls)


def test_extra_that_is_no_choice(registry):
    """There are two things to say."""
    with pytest.raises(DeclarationError, match="pass extra='raise' or extra='keep'"):
        versioned(extra=True, registry=registry)(NoPlace)
