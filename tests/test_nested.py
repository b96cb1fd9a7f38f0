"""`move` into and out of what a field holds: mappings, objects, and one in the other."""

from __future__ import annotations

import dataclasses

from types import SimpleNamespace

import attrs
import pydantic
import pytest

from versionpickle.exceptions import StepError
from versionpickle.migrations import Chain, Step, move


@attrs.frozen
class Address:
    city: str = attrs.field(default="")


@dataclasses.dataclass(frozen=True)
class Street:
    name: str


class Model(pydantic.BaseModel):
    city: str


class Slotted:
    __slots__ = ("city",)


def moved(state, *operations):
    steps = (Step("m:C", 1, 2, operations),)
    return Chain("m:C", 1, 2, steps).run(state, set())


def moved_back(state, *operations):
    steps = (Step("m:C", 1, 2, operations),)
    return Chain("m:C", 1, 2, steps).undo(state, set())


@pytest.mark.parametrize(
    "holder",
    [
        {"city": "Rome"},
        SimpleNamespace(city="Rome"),
        Address("Rome"),
        Model(city="Rome"),
    ],
)
def test_out_and_back(holder):
    """What is moved out comes back, into a holder that equals the old one."""
    out = moved({"a": holder}, move("a.city", "city"))

    assert "Rome" == out["city"]
    assert {"a": holder} == moved_back(out, move("a.city", "city"))


def test_what_a_class_declares_stays():
    """Its object would be broken without it; anything else is gone."""
    declared, free = Address("Rome"), SimpleNamespace(city="Rome", zip=1)

    assert declared is moved({"a": declared}, move("a.city", "city"))["a"]
    assert SimpleNamespace(zip=1) == moved({"a": free}, move("a.city", "city"))["a"]
    assert SimpleNamespace(city="Rome", zip=1) == free


def test_into_objects():
    """They are copied, for others may hold them; a frozen class does not mind."""
    old = Street("Main")

    found = moved({"a": old, "b": "Side"}, move("b", "a.name"))

    assert {"a": Street("Side")} == found
    assert Street("Main") == old


def test_deeper():
    """A way may lead through several holders of any kind."""
    state = {"a": {"b": SimpleNamespace(c={"d": 5, "e": 6})}}

    out = moved(state, move("a.b.c.d", "d"))

    assert {"a": {"b": SimpleNamespace(c={"e": 6})}, "d": 5} == out
    assert {"a": {"b": SimpleNamespace(c={"e": 6, "d": 5})}} == moved(out, move("d", "a.b.c.d"))
    assert {"a": {"b": SimpleNamespace(c={"d": 5, "e": 6})}} == state


@pytest.mark.parametrize(
    ("state", "operation", "problem"),
    [
        ({"a": {}}, move("a.b", "b"), "the dict in the field 'a' has no 'b'"),
        (
            {"a": Slotted()},
            move("a.city", "b"),
            "the Slotted .* has no 'city'.*may not be complete",
        ),
        ({"a": {"b": 1}, "c": 2}, move("c", "a.b"), "the dict in the field 'a' already has 'b'"),
        (
            {"a": Slotted(), "c": 2},
            move("c", "a.b"),
            r"'b' cannot be set on the Slotted.*use convert\(\)",
        ),
        ({"a": {"b": 1}, "c": 2}, move("c", "a.x.y"), "the dict in the field 'a' has no 'x'"),
    ],
)
def test_what_is_not_there(state, operation, problem):
    """It is said, with the field."""
    with pytest.raises(StepError, match=problem):
        moved(state, operation)


def test_slots():
    """They are fields of their class."""
    slotted = Slotted()

    assert "Rome" == moved({"a": slotted, "b": "Rome"}, move("b", "a.city"))["a"].city
