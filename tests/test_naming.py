"""Arguments and items of old objects: steps name them, and none is silently lost."""

from __future__ import annotations

import collections

import attrs
import pytest

from versionpickle import check, migration, versioned
from versionpickle._classes.reviving import revive_in
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import FieldsError, StepError
from versionpickle.migrations import (
    Chain,
    Step,
    add,
    add_missing,
    become,
    chain,
    name_arguments,
    name_items,
    name_positions,
    remove,
    rename,
    replace,
)
from versionpickle.migrations._fields import OperationError
from versionpickle.migrations._naming import with_parts


def chain_of(*operations, ref="m:C"):
    return Chain(ref, 1, 2, (Step(ref, 1, 2, operations),))


def of_function(function):
    return Chain("m:C", 1, 2, (Step("m:C", 1, 2, function=function),))


@pytest.mark.parametrize(
    ("state", "parts", "merged"),
    [
        (None, {}, None),
        ((1, 2), {"arguments": (), "keywords": {}, "items": []}, (1, 2)),
        (None, {"arguments": (3, 4)}, {"<arguments>": (3, 4)}),
        ({"a": 1}, {"items": [5]}, {"a": 1, "<items>": [5]}),
        ({"a": 1}, {"keywords": {"b": 2}}, {"a": 1, "<keywords>": {"b": 2}}),
        ((1, 2), {"items": {"k": 5}}, {"<state>": (1, 2), "<items>": {"k": 5}}),
    ],
)
def test_state_with_parts(state, parts, merged):
    """What was stored besides the state has keys of its own in it."""
    assert with_parts(state, **parts) == merged


def test_name_that_is_taken():
    """A field of such a name is refused, not overwritten."""
    with pytest.raises(OperationError, match="a name kept for the constructor arguments"):
        with_parts({"<arguments>": 1}, items=[1])


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "keywords"), [((3, 4), {}), ((3,), {"y": 4}), ((), {"x": 3, "y": 4})]
    )
    def test_named(self, arguments, keywords):
        """They are bound as in a call."""
        state = with_parts({"a": 1}, arguments, keywords)
        if not arguments:
            state["<arguments>"] = ()

        assert chain_of(name_arguments("x", "y")).run(state, set()) == {"a": 1, "x": 3, "y": 4}

    @pytest.mark.parametrize(
        ("arguments", "keywords", "problem"),
        [
            ((1, 2, 3), {}, r"made from 3 positional arguments, which do not fit name_arg"),
            ((1,), {}, r"made from 1 positional arguments"),
            ((1,), {"z": 2}, r"made from 1 positional arguments and z="),
            ((1, 2), {"z": 2}, r"made from 2 positional arguments and z="),
        ],
    )
    def test_that_do_not_fit(self, arguments, keywords, problem):
        with pytest.raises(StepError, match=problem):
            chain_of(name_arguments("x", "y")).run(with_parts({}, arguments, keywords), set())

    def test_that_are_not_there(self):
        with pytest.raises(StepError, match="no constructor arguments were stored, only the f"):
            chain_of(name_arguments("x", "y")).run({"x": 1, "y": 2}, set())

    def test_field_that_is_there(self):
        with pytest.raises(StepError, match="there is a field 'x' already"):
            chain_of(name_arguments("x")).run(with_parts({"x": 1}, (2,)), set())

    def test_after_a_function(self):
        """A function step leaves them where they are, or takes them."""
        kept = Step("m:C", 1, 2, function=lambda state: {**state, "a": 1})
        named = Step("m:C", 2, 3, (name_arguments("x"),))
        state = with_parts(None, (5,))

        assert Chain("m:C", 1, 3, (kept, named)).run(state, set()) == {"a": 1, "x": 5}
        assert of_function(lambda state: {"x": state["<arguments>"][0]}).run(state, set()) == {
            "x": 5
        }


class TestItems:
    @pytest.mark.parametrize(
        ("operation", "items", "value"),
        [
            (name_items("members"), [1, 2], [1, 2]),
            (name_items("members"), {"k": 1}, {"k": 1}),
            (name_items("members"), None, []),
            (name_items("members", set), [1, 2], {1, 2}),
            (name_items("members", dict), None, {}),
            (name_items("members", collections.deque), [1], collections.deque([1])),
        ],
    )
    def test_named(self, operation, items, value):
        """An empty container stored none."""
        assert chain_of(operation).run(with_parts({"a": 1}, items=items), set()) == {
            "a": 1,
            "members": value,
        }

    def test_field_that_is_there(self):
        with pytest.raises(StepError, match="there is a field 'members' already"):
            chain_of(name_items("members")).run({"members": 1}, set())


def test_state_without_names():
    """Positions, arguments and items can be named in one step."""
    state = with_parts((1, 2), (3,), items=[4])
    step = name_positions("a", "b"), name_arguments("c"), name_items("d")

    assert chain_of(*step).run(state, set()) == {"a": 1, "b": 2, "c": 3, "d": [4]}


@pytest.mark.parametrize(
    ("parts", "leftover", "cure"),
    [
        ({"arguments": (1,)}, "<arguments>", r"left over constructor arguments: use name_arg"),
        ({"keywords": {"x": 1}}, "<keywords>", r"left over keyword arguments: use name_argum"),
        ({"items": [1]}, "<items>", r"left over items: use name_items\(...\) or remove\('<items>"),
    ],
)
class TestLeftover:
    @pytest.mark.parametrize(
        "upgrade",
        [chain_of(add("a", 1)), of_function(lambda state: state), Chain("m:C", 1, 1, ())],
    )
    def test_is_an_error(self, upgrade, parts, leftover, cure):
        """What no step has used is left over, as a field is."""
        with pytest.raises(FieldsError, match=cure) as caught:
            upgrade.run(with_parts(None, **parts), set())

        assert (caught.value.missing, caught.value.leftover) == ((), (leftover,))

    def test_is_dropped(self, parts, leftover, cure):
        assert chain_of(remove(leftover)).run(with_parts(None, **parts), set()) == {}

    def test_goes_along(self, parts, leftover, cure):
        """A step that converts the object hands them to its new class, or to its function."""
        state = with_parts(None, **parts)

        assert chain_of(become({"m:D": 1})).run(state, set()) == state
        assert chain_of(replace(len)).run(state, set()) == state


def test_attribute_of_such_a_name(registry):
    """A plain class that has one today is refused, however often: it is not mistaken for one."""
    cls = type("Odd", (), {"__module__": __name__})
    versioned(version=2, registry=registry)(cls)
    migration(cls, 1, add("a", 1), registry=registry)

    for _ in range(3):
        with pytest.raises(FieldsError, match="left over items"):
            cls().__setstate__({"<items>": [1]})


def test_leftover_state():
    """A state without field names that no step named is left over, too."""
    with pytest.raises(FieldsError, match="left over a state without field names"):
        chain_of(name_items("a")).run(with_parts((1, 2), items=[3]), set())


def test_what_a_chain_names():
    """A chain knows whether it names them: then they are for its steps, not for the class."""
    steps = chain_of(name_arguments("a")), chain_of(name_items("a")), chain_of(rename("a", "b"))

    assert [upgrade.names_arguments for upgrade in steps] == [True, False, False]
    assert [upgrade.names_items for upgrade in steps] == [False, True, False]


class Fresh:
    def __init__(self):
        self.lines, self.currency = [], "USD"


@attrs.define
class FreshSlots:
    lines: list = attrs.field(factory=list)
    currency: str = "USD"


class TestMissing:
    @pytest.mark.parametrize("fresh", [Fresh, FreshSlots, lambda: Fresh()])
    def test_is_added(self, fresh):
        """What the state has stays, and each state gets fresh values."""
        upgrade = chain_of(add_missing(fresh))
        first = upgrade.run({"currency": "EUR"}, set())
        second = upgrade.run({}, {"currency"})

        assert first == {"currency": "EUR", "lines": []}
        assert second == {"lines": []}
        assert first["lines"] is not second["lines"]

    def test_fails(self):
        with pytest.raises(StepError, match=r"add_missing\(int.from_bytes\).* failed: TypeError"):
            chain_of(add_missing(int.from_bytes)).run({}, set())


@pytest.mark.parametrize(
    ("stored", "currency"), [({"c": "EUR"}, "EUR"), ({"c": "EUR", "lines": []}, "EUR")]
)
def test_compiled(stored, currency, registry):
    """Generated code does the same, behind operations and behind a function."""

    @versioned(version=3, registry=registry)
    @attrs.define
    class Basket:
        lines: list
        currency: str
        members: set

    migration(Basket, 1, rename("c", "currency"), name_items("members", set), registry=registry)
    migration(Basket, 2, add_missing(Fresh), registry=registry)
    stamp = revive_in(registry, False, 1, ref_of(Basket), 1, tuple(stored), ())
    basket = stamp()

    stamp.fill(basket, (stamp, *stored.values()))

    assert basket == Basket([], currency, set())
    assert "members" in chain(Basket, 1, fields=tuple(stored), registry=registry).source


def test_arguments_for_stamped_fields(registry):
    """A version whose objects are stamped with fields has no arguments to name."""
    versioned(version=2, registry=registry)(type("C", (), {"__module__": "m"}))
    migration("m:C", 1, name_arguments("x"), registry=registry)

    with pytest.raises(StepError, match="no constructor arguments were stored"):
        registry.declaration("m:C").instrumentation.explained(1, ("a",))


@pytest.mark.parametrize(
    "operation", [name_arguments("a"), name_items("a"), name_positions("a"), add_missing(Fresh)]
)
def test_cannot_be_undone(operation):
    with pytest.raises(StepError, match="cannot be undone, because"):
        chain_of(operation).check_undo()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: name_arguments(), "several different names"),
        (lambda: name_arguments("a", "a"), "several different names"),
        (lambda: name_items(5), "name of a field"),
        (lambda: name_items("a", 5), "takes a function of the items"),
        (lambda: add_missing(Fresh()), "takes a function that makes an object"),
    ],
)
def test_operations_that_cannot_be_meant(make, problem):
    with pytest.raises(TypeError, match=problem):
        make()


@pytest.mark.parametrize(
    "written",
    ["name_arguments('x', 'y')", "name_items('a')", "name_items('a', set)", "add_missing(Fresh)"],
)
def test_repr_is_the_code(written):
    assert written == repr(eval(written))


@pytest.mark.parametrize("operation", [name_arguments("lines"), name_items("lines")])
def test_fields_before(operation, registry):
    """The check knows that the named field was not stored, and that others may be missing."""

    @versioned(version=3, registry=registry)
    @attrs.define
    class Basket:
        lines: list
        currency: str

    migration(Basket, 1, operation, registry=registry)
    migration(Basket, 2, add_missing(Fresh), registry=registry)

    assert check(registry) == ()
    upgrade = Chain("m:C", 1, 3, tuple(registry.steps()))
    assert upgrade.fields_before(["lines", "currency"]) == ("currency",)
