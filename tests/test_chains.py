"""Chains as generated functions: what they do, and what one can see of them."""

from __future__ import annotations

import pickle

from collections import deque, namedtuple

import attrs
import pytest

import versionpickle

from versionpickle import Registry, adopt, migration, versioned
from versionpickle._classes.reviving import revive_in
from versionpickle.exceptions import (
    DeclarationError,
    FieldsError,
    FutureVersionError,
    InvalidObjectError,
    MissingStepError,
    StepError,
)
from versionpickle.migrations import (
    add,
    chain,
    convert,
    merge,
    move,
    remove,
    rename,
    reorder,
    split,
)


def declared(registry, version, *fields, **settings):
    cls = attrs.make_class("C", {name: attrs.field(**settings) for name in fields})
    return versioned(version=version, name="c", registry=registry)(cls)


def load(registry, version, **values):
    """An object that was stored with these fields."""
    stamp = revive_in(registry, False, 1, "c", version, tuple(values), ())
    obj = stamp()
    obj.__setstate__((stamp, *values.values()))
    return obj


def plus(name, amount):
    def step(state):
        state[name] += amount
        return state

    return step


@pytest.fixture
def mixed(registry):
    """A chain in which operations stand before, between and behind functions."""
    cls = declared(registry, 6, "first", "last", "total", "tags")
    migration(cls, 1, rename("n", "number"), convert("number", int))
    migration(cls, 2)(plus("number", 1))
    migration(cls, 3, split("name", ("first", "last"), str.split), add("tags", factory=list))
    migration(cls, 4)(plus("number", 10))
    migration(
        cls, 5, merge(("number", "extra"), "total", max), reorder("total"), remove("memo", "note")
    )
    return registry


def test_operations_around_functions(mixed):
    """They work on what the functions returned."""
    old = {"n": "5", "name": "Ada L", "extra": 3, "memo": "", "note": ""}

    found, other = load(mixed, 1, **old), load(mixed, 1, **old)

    assert {"first": "Ada", "last": "L", "total": 16, "tags": []} == attrs.asdict(found)
    assert found.tags is not other.tags


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"n": "x"}, r"step 1 -> 2 .*invalid literal"),
        ({"n": "5", "name": 5}, r"step 3 -> 4 .*descriptor 'split'"),
        ({"n": "5", "name": "Ada"}, r"step 3 -> 4 .*returned 1 values for 2 fields"),
        ({"n": "5", "name": "Ada L", "first": 1}, r"step 3 -> 4 .*a field 'first' already"),
        ({"n": "5", "name": "Ada L"}, r"step 5 -> 6 .*no field 'extra', only 'first', 'last'"),
        ({"n": "5", "name": "Ada L", "extra": None}, r"step 5 -> 6 .*'>' not supported"),
        ({"n": "5", "name": "Ada L", "extra": 1}, r"step 5 -> 6 .*no field 'memo'"),
    ],
)
def test_the_step_that_fails_is_named(mixed, values, problem):
    """Wherever in the chain it stands."""
    with pytest.raises(StepError, match=problem):
        load(mixed, 1, **values)


@pytest.mark.parametrize("via_function", [False, True])
def test_a_field_that_may_be_there(registry, via_function):
    """It stays as it is, or is added."""
    cls = declared(registry, 3, "a", "b")
    if via_function:
        migration(cls, 1)(lambda state: state)
    else:
        migration(cls, 1, reorder("a"))
    migration(cls, 2, add("b", factory=list, exist_ok=True))

    assert {"a": 1, "b": 5} == attrs.asdict(load(registry, 1, a=1, b=5))
    assert {"a": 1, "b": []} == attrs.asdict(load(registry, 1, a=1))


def test_what_a_function_returns_may_be_shared(registry):
    """An operation behind it changes a copy."""
    shared = {"a": 1, "gone": 2}
    cls = declared(registry, 4, "b", "c")
    migration(cls, 1)(lambda state: shared)
    migration(cls, 2, rename("a", "b"), remove("gone"))
    migration(cls, 3, add("c", compute=len))

    assert {"b": 1, "c": 1} == attrs.asdict(load(registry, 1)) == attrs.asdict(load(registry, 1))
    assert shared == {"a": 1, "gone": 2}


def test_functions_may_return_other_states(registry):
    """A pair of dicts and a subclass are dicts as well."""

    class Other(dict):
        pass

    cls = declared(registry, 3, "a", "b")
    migration(cls, 1)(lambda state: ({"a": 1}, {"b": 2}))
    migration(cls, 2)(Other)

    assert {"a": 1, "b": 2} == attrs.asdict(load(registry, 1))


@pytest.mark.parametrize(
    ("state", "missing", "leftover"),
    [({"a": 1}, ("b",), ()), ({"a": 1, "x": 2}, ("b",), ("x",))],
)
def test_functions_that_end_in_other_fields(registry, state, missing, leftover):
    """They are compared with what the class declares."""
    cls = declared(registry, 2, "a", "b")
    migration(cls, 1)(lambda _: state)

    with pytest.raises(FieldsError) as caught:
        load(registry, 1)

    assert (missing, leftover) == (caught.value.missing, caught.value.leftover)


def test_functions_that_leave_a_default(registry):
    """It is made, as for any upgraded object."""
    cls = declared(registry, 2, "a", factory=list)
    migration(cls, 1)(lambda _: {})

    assert load(registry, 1).a == []


def test_a_class_without_fields(registry):
    """Nothing is left to place."""
    cls = versioned(version=3, name="c", registry=registry)(attrs.make_class("C", [], slots=True))
    migration(cls, 1, remove("a"))
    migration(cls, 2)(lambda state: state)

    assert cls() == load(registry, 1, a=1) == load(registry, 2)


def test_validators_behind_functions(registry):
    """They run on what was upgraded."""
    cls = declared(registry, 2, "a", validator=attrs.validators.instance_of(int))
    migration(cls, 1)(lambda _: {"a": "x"})

    with pytest.raises(InvalidObjectError):
        load(registry, 1)


def test_many_old_versions(registry):
    """Those beyond the first few are served as well, and in any order."""
    cls = declared(registry, 9, "a")
    for version in range(1, 9):
        migration(cls, version, convert("a", lambda a, v=version: [*a, v]))

    for _ in range(2):
        for version in (3, 1, 8, 2, 7, 5, 6, 4, 9):
            assert load(registry, version, a=[]).a == [*range(version, 9)]


class Open:
    """Declares no fields, and keeps their order."""


def test_open_classes(registry):
    """The order of attributes is that of the state after the last step."""
    versioned(version=4, name="c", registry=registry)(Open)
    migration(Open, 1, rename("a", "b"))
    migration(Open, 2)(lambda state: {**state, "z": 0})
    migration(Open, 3, rename("b", "c"), convert("x", str))

    assert [("x", "1"), ("z", 0), ("c", 2)] == [*vars(load(registry, 1, x=1, a=2)).items()]


class TestSource:
    """`chain(...).source`."""

    def test_of_operations(self, registry):
        """Fields that nobody told follow from the operations."""
        cls = declared(registry, 3, "amount", "currency")
        migration(cls, 1, rename("total", "amount"), remove("memo"))
        migration(cls, 2, add("currency", "EUR"))

        found = chain(cls, 1)

        assert "_, v0, v1, = state\n" in found.source
        assert "self.amount = v1\n" in found.source
        assert "is 'EUR'\n" in found.source
        assert [1, 2] == [step.version for step in found.steps]

    def test_of_functions(self, mixed):
        """Their fields must be told, or met by a load."""
        with pytest.raises(StepError, match="of the stored fields as fields="):
            chain("c", 1, registry=mixed)
        stored = {"n": "5", "name": "Ada L", "extra": 3, "memo": "", "note": ""}

        told = chain("c", 1, fields=stored, registry=mixed)
        load(mixed, 6, first="Ada", last="L", total=5, tags=[])
        load(mixed, 3, number=5, name="Ada L", extra=3, memo="", note="")
        load(mixed, 1, **stored)
        met = chain("c", 1, registry=mixed)

        assert "r0 = " in told.source
        assert told.source == met.source

    def test_asking_uses_no_chain(self, registry):
        """Steps may still come."""
        cls = declared(registry, 3, "a")
        migration(cls, 2, rename("b", "a"))
        assert "v0" in chain(cls, 2).source

        migration(cls, 1, rename("c", "b"))

        assert load(registry, 1, c=1).a == 1

    def test_of_what_is_not_compiled(self, registry):
        """It is empty."""
        pair = versioned(version=2, name="c", registry=registry)(
            type(
                "Own",
                (),
                {
                    "__reduce__": lambda self: (Open, ()),
                },
            )
        )
        migration(pair, 1, rename("a", "b"))

        assert chain(pair, 1).source == ""

    def test_of_what_there_is_not(self, registry):
        """A hole, the future, other fields than the class has, and a name nobody knows."""
        cls = declared(registry, 3, "a")
        migration(cls, 2, rename("b", "c"))

        with pytest.raises(MissingStepError):
            chain(cls, 1)
        with pytest.raises(FutureVersionError):
            chain(cls, 4)
        with pytest.raises(FieldsError):
            chain(cls, 2, fields=["b"])
        with pytest.raises(DeclarationError, match="nothing in the default registry"):
            chain("nobody:Knows", 1)


def test_errors_through_pickle_itself():
    """The class's own method, which plain pickle calls, names the step as well."""
    registry = Registry("writer")
    cls = versioned(version=1, name="chains.c", registry=registry)(attrs.make_class("C", ["a"]))
    data = pickle.dumps([cls(5)])
    today = versioned(version=3, name="chains.c")(attrs.make_class("C", ["b"]))
    migration(today, 1, convert("a", lambda a: 1 // (a - 5)))
    migration(today, 2, rename("a", "b"))

    for _ in range(2):
        with pytest.raises(StepError, match=r"step 1 -> 2 .*ZeroDivisionError"):
            pickle.loads(data)


class Price(namedtuple("Price", "amount currency")):
    """Bears the name of its own base."""


def test_a_named_tuple_is_no_base_of_itself(registry):
    """Its steps run once, up and down."""
    versioned(version=2, name="price", registry=registry)(Price)
    migration(Price, 1, convert("amount", lambda a: a / 100, lambda a: a * 100))

    data = versionpickle.dumps(Price(1.0, "EUR"), registry=registry, versions={Price: 1})

    assert () == registry.named("price").instrumentation.codec._stamp.claim.bases
    assert (1.0, "EUR") == versionpickle.loads(data, registry=registry)
    assert 1 == len(chain(Price, 1, registry=registry).steps)


def test_functions_hand_over_what_is_theirs(registry):
    """What a function finds within the state, and returns, is copied before the next one."""
    shared = {"amount": 100}
    cls = declared(registry, 3, "amount")
    migration(cls, 1)(lambda state: state["data"])

    @migration(cls, 2)
    def cents(state):
        state["amount"] /= 100
        return state

    made = [load(registry, 1, data=shared) for _ in range(2)]

    assert [1.0, 1.0, 100] == [*(obj.amount for obj in made), shared["amount"]]


class Missing(ImportError):
    """Keeps more in C than its ``__dict__`` shows."""


def test_what_c_keeps(registry):
    """The name of an ImportError is no entry of its ``__dict__``, up or down."""
    adopt(Missing, version=2, name="missing", registry=registry)
    migration(Missing, 1, rename("a", "b"), registry=registry)
    error = Missing("m", name="mod")
    error.b = 1

    data = versionpickle.dumps(error, registry=registry, versions={Missing: 1})
    found = versionpickle.loads(data, registry=registry)

    assert ("mod", {"b": 1}) == (found.name, vars(found))


class Lazy:
    """Caches what a property computes under the name of the property."""

    def __init__(self, a):
        self.a = a

    @property
    def double(self):
        return vars(self).setdefault("double", self.a * 2)


def test_a_property_that_hides_an_attribute(registry):
    """The attribute is one of the ``__dict__``, whatever the class says."""
    lazy = Lazy(2)
    assert lazy.double == 4
    attrs.define(slots=False, init=False, these={"a": attrs.field()})(Lazy)
    versioned(name="lazy", registry=registry)(Lazy)

    found = versionpickle.loads(pickle.dumps(lazy), registry=registry)

    assert {"a": 2, "double": 4} == vars(found)


def test_errors_while_a_value_is_split(registry):
    """They are told as they are, and not as a wrong number of values."""

    def parts(value):
        yield 1
        yield int("two")

    cls = declared(registry, 2, "b", "c")
    migration(cls, 1, split("a", ("b", "c"), parts))

    with pytest.raises(StepError, match="invalid literal for int"):
        load(registry, 1, a=1)


def test_what_fills_an_object_by_itself(registry):
    """An old stamp can be asked directly, again and again."""
    cls = declared(registry, 2, "a")
    migration(cls, 1, rename("b", "a"))
    stamp = revive_in(registry, False, 1, "c", 1, ("b",), ())

    for number in range(2):
        obj = stamp()
        stamp.fill(obj, (stamp, number))
        assert obj.a == number


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: remove("a", restore=None, restore_factory=list), "not both"),
        (lambda: move("a..b", "c"), "one path such as"),
        (lambda: move("a.", "c"), "one path such as"),
        (lambda: add("a", deque()), "would give the same deque to every object"),
    ],
)
def test_operations_that_cannot_be_meant(make, problem):
    """They are refused where they are written."""
    with pytest.raises(TypeError, match=problem):
        make()
