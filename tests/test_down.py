"""Steps undone: states of today led back to older versions."""

from __future__ import annotations

import attrs
import pytest

from versionpickle import Registry, migration, versioned
from versionpickle.exceptions import DeclarationError, StepError
from versionpickle.migrations import (
    Chain,
    Step,
    add,
    convert,
    merge,
    move,
    name_positions,
    remove,
    rename,
    reorder,
    require,
    split,
)


def chain(*operations, function=None, back=None):
    step = Step("shop:Order", 1, 2, operations, function, back)
    return Chain("shop:Order", 1, 2, (step,))


@pytest.mark.parametrize(
    ("operation", "old", "new"),
    [
        (rename("a", "b"), {"a": 1}, {"b": 1}),
        (add("b", 2), {"a": 1}, {"a": 1, "b": 2}),
        (add("b", factory=list), {"a": 1}, {"a": 1, "b": []}),
        (add("b", compute=lambda state: state["a"] + 1), {"a": 1}, {"a": 1, "b": 2}),
        (remove("b", restore=2), {"a": 1, "b": 2}, {"a": 1}),
        (remove("b", restore_factory=list), {"a": 1, "b": []}, {"a": 1}),
        (remove("b", restore=None), {"b": None}, {}),
        (add("b", 2, exist_ok=True), {"a": 1, "b": 3}, {"a": 1, "b": 3}),
        (convert("a", str, int), {"a": 1}, {"a": "1"}),
        (
            split("a", ("x", "y"), lambda a: a.split("-"), lambda *parts: "-".join(parts)),
            {"a": "1-2"},
            {"x": "1", "y": "2"},
        ),
        (
            merge(("x", "y"), "a", complex, lambda z: (z.real, z.imag)),
            {"x": 1.0, "y": 2.0},
            {"a": 1 + 2j},
        ),
        (move("a.k", "b"), {"a": {"k": 1, "l": 2}}, {"a": {"l": 2}, "b": 1}),
        (move("b", "a.k"), {"a": {"l": 2}, "b": 1}, {"a": {"l": 2, "k": 1}}),
        (reorder("b", "a"), {"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (require("a", bool, "it is empty"), {"a": 1}, {"a": 1}),
    ],
)
def test_operations(operation, old, new):
    """What each does, and undoes; and undoing that does it again."""
    there = chain(operation)
    again = Chain("shop:Order", 1, 2, (Step("shop:Order", 1, 2, (operation.inverse(),)),))

    assert there.run(dict(old), set()) == new
    assert there.undo(dict(new), set()) == old
    assert again.undo(dict(old), set()) == new


def test_a_field_that_may_be_there():
    """It is added where it is not, and stays where it is undone."""
    there = chain(add("b", 2, exist_ok=True))

    assert {"a": 1, "b": 2} == there.run({"a": 1}, set())
    assert {"a": 1, "b": 2} == there.undo({"a": 1, "b": 2}, set())


def test_mappings_are_not_changed():
    """Others may hold the mapping that a value is moved out of."""
    shared = {"k": 1}

    chain(move("a.k", "b")).run({"a": shared}, set())

    assert shared == {"k": 1}


def test_order():
    """reorder puts fields first, and the others stay as they were."""
    found = chain(reorder("c", "a")).run({"a": 1, "b": 2, "c": 3}, set())

    assert list(found) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (remove("a"), "has no inverse; pass restore="),
        (convert("a", str), "has no inverse; pass back="),
        (split("a", ("b", "c"), list), "has no inverse; pass back="),
        (merge(("b", "c"), "a", max), "has no inverse; pass back="),
        (name_positions("a"), "written by its fields alone"),
    ],
)
def test_no_way_back(operation, problem):
    """An operation that cannot be undone says why, and what would help."""
    with pytest.raises(StepError, match=problem) as caught:
        chain(operation).undo({"a": 1}, set())

    assert caught.value.step.startswith("undoing step 1 -> 2")


def test_unset_fields():
    """A field that holds nothing can be renamed and dropped, but not split."""
    assert chain(rename("a", "b")).run({}, {"a"}) == {}
    with pytest.raises(StepError, match="the field 'a' has no value"):
        chain(split("a", ("b", "c"), list)).run({}, {"a"})


class TestFunctions:
    """Function steps give their inverse with ``@step.down``."""

    @pytest.fixture
    def registry(self):
        return Registry("down")

    @pytest.fixture
    def order(self, registry):
        return versioned(version=2, name="order", registry=registry)(
            attrs.make_class("Order", ["cents"])
        )

    def test_down(self, registry, order):
        """It maps the new state to the old one."""

        @migration(order, 1, registry=registry)
        def to_cents(state):
            return {"cents": state["euros"] * 100}

        @to_cents.down
        def to_euros(state):
            return {"euros": state["cents"] // 100}

        (step,) = registry.path("order", 1, registry.declaration("order"))
        assert step.undo({"cents": 500}, set(), any_state=False) == {"euros": 5}
        assert to_cents({"euros": 5}) == {"cents": 500}

    def test_returns_nothing(self):
        """It has to return a state as well."""
        with pytest.raises(StepError, match="returned None"):
            chain(function=dict, back=lambda state: None).undo({}, set())

    def test_missing(self, registry, order):
        """Without one, the error says how to give it."""

        def to_cents(state):
            return state

        with pytest.raises(StepError, match=r"decorate it with @to_cents\.down"):
            chain(function=to_cents).undo({}, set())

    def test_two(self, registry, order):
        """There is one."""
        step = migration(order, 1, registry=registry)(lambda state: state)
        step.down(lambda state: state)

        with pytest.raises(DeclarationError, match="two functions undo"):
            step.down(lambda state: state)

    def test_no_function(self, registry, order):
        """And it is a function."""
        step = migration(order, 1, registry=registry)(lambda state: state)

        with pytest.raises(DeclarationError, match="cannot undo a step"):
            step.down(5)

    def test_functions_in_c(self, registry, order):
        """A function that takes no attributes is a step without an inverse."""
        assert migration(order, 1, registry=registry)(dict) is dict
