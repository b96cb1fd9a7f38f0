"""What holds for all values, all chains and all shapes of graphs."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest
import shapes

from hypothesis import given
from hypothesis import strategies as st

import versionpickle

from versionpickle import Registry, migration, versioned
from versionpickle._stream import revive_in
from versionpickle.exceptions import StepError
from versionpickle.migrations import add, convert, remove, rename


kinds = st.sampled_from(sorted(shapes.MAKERS.keys() - {"ReducingWithSetter"}))
values = st.recursive(
    st.none() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def skeleton(made):
    """What there is to know of a graph: types, values, and who refers to whom."""
    seen = {}

    def number(obj):
        return seen.setdefault(id(obj), len(seen))

    said = []
    for obj in made:
        first, links = shapes.values(obj)
        said.append(
            (type(obj).__name__, number(obj), first, links and [links[0], *map(number, links[1:])])
        )
    return said


made_by_fields = kinds.filter(
    lambda kind: kind not in {"Failure", "Newargs", "NewargsEx", "Reducing", "Stateful"}
)


@given(
    st.lists(st.tuples(made_by_fields, values), min_size=1, max_size=5),
    st.data(),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
)
def test_round_trip(parts, data, protocol):
    """Values, types, shared references and cycles survive each protocol."""
    held = [[value] for _, value in parts]
    made = [
        shapes.MAKERS[kind](value, links) for (kind, value), links in zip(parts, held, strict=True)
    ]
    for links in held:
        links.extend(data.draw(st.lists(st.sampled_from(made), max_size=3)))

    stream = versionpickle.dumps(made, protocol)

    assert (
        skeleton(made) == skeleton(versionpickle.loads(stream)) == skeleton(pickle.loads(stream))
    )


@given(kinds, values)
def test_copies_run_no_step(kind, value):
    """copy, deepcopy and evolve are no loads."""
    obj = shapes.MAKERS[kind](1, value)

    for back in (copy.copy(obj), copy.deepcopy(obj)):
        assert type(obj) is type(back)
        assert shapes.values(obj) == shapes.values(back)


def test_evolve_runs_no_step():
    """Neither is attrs.evolve."""
    assert shapes.AttrsFrozen(5, 2) == attrs.evolve(shapes.AttrsFrozen(1, 2), a=5)


NAMES = ("a", "b", "c", "d", "e")


@st.composite
def steps(draw, fields):
    """One operation that suits *fields*, and the fields after it."""
    absent = [name for name in NAMES if name not in fields]
    choices = ["convert", "remove"] if fields else []
    choices += ["add"] if absent else []
    choices += ["rename"] if absent and fields else []
    chosen = draw(st.sampled_from(choices))
    if chosen == "add":
        name = draw(st.sampled_from(absent))
        return add(name, draw(st.integers())), [*fields, name]
    name = draw(st.sampled_from(fields))
    rest = [field for field in fields if field != name]
    if chosen == "remove":
        return remove(name), rest
    if chosen == "convert":
        return convert(name, lambda value: [value]), fields
    new = draw(st.sampled_from(absent))
    return rename(name, new), [*rest, new]


@st.composite
def histories(draw):
    """The operations from version 1 on, and the fields of each version."""
    fields = [draw(st.lists(st.sampled_from(NAMES), unique=True))]
    operations = []
    for _ in range(draw(st.integers(1, 5))):
        operation, after = draw(steps(fields[-1]))
        operations.append(operation)
        fields.append(after)
    return operations, fields


def upgraded(operations, fields, values, *, how):
    """Load the values of version 1 as an object of the last version."""
    registry = Registry()
    cls = attrs.make_class("C", sorted(fields[-1]))
    versioned(version=len(fields), name="c", registry=registry)(cls)
    for version, operation in enumerate(operations, 1):
        if how == "functions":
            migration(cls, version)(as_function(operation))
        elif how != "at once":
            migration(cls, version, operation)
    if how == "at once":
        migration(cls, 1, *operations, to=len(fields))
    obj = cls.__new__(cls)
    if how == "unstamped":
        obj.__setstate__(dict(zip(fields[0], values, strict=True)))
    else:
        stamp = revive_in(registry, False, 1, "c", 1, tuple(fields[0]), ())
        obj.__setstate__((stamp, *values))
    return attrs.asdict(obj)


def as_function(operation):
    from versionpickle.migrations._operations import State

    def step(state):
        operation.apply(State(state, set()))
        return state

    return step


@given(histories())
def test_all_ways_lead_to_the_same(history):
    """1 to n is 1 to 2 to 3 to n; compiled is interpreted; stamped is unstamped."""
    operations, fields = history
    stored = list(range(len(fields[0])))

    outcomes = [
        upgraded(operations, fields, stored, how=how)
        for how in ("compiled", "at once", "functions", "unstamped")
    ]

    assert all(outcome == outcomes[0] for outcome in outcomes)


@given(histories(), st.data())
def test_part_of_the_way(history, data):
    """An object stored halfway ends where one stored at the beginning does."""
    operations, fields = history
    registry = Registry()
    cls = attrs.make_class("C", sorted(fields[-1]))
    versioned(version=len(fields), name="c", registry=registry)(cls)
    for version, operation in enumerate(operations, 1):
        migration(cls, version, operation)
    state = dict(zip(fields[0], range(5), strict=False))
    outcomes = []
    for version in range(1, len(fields) + 1):
        stamp = revive_in(registry, False, 1, "c", version, tuple(state), ())
        obj = stamp()
        obj.__setstate__((stamp, *state.values()))
        outcomes.append(attrs.asdict(obj))
        if version < len(fields):
            state = as_function(operations[version - 1])(dict(state))

    assert all(outcome == outcomes[0] for outcome in outcomes)


@given(st.integers(0, 4))
def test_failing_step_leaves_nothing(failing):
    """A step that fails leaves no half-object, and nothing that could be stored again."""
    registry = Registry()

    @versioned(version=6, name="c", registry=registry)
    @attrs.define
    class C:
        a: int
        b: int = 0

    for version in range(1, 6):
        migration(C, version)(lambda state, version=version: {"a": 1 // (version - 1 - failing)})
    stamp = revive_in(registry, False, 1, "c", 1, ("a",), ())
    obj = stamp()

    with pytest.raises(StepError, match="ZeroDivisionError") as caught:
        obj.__setstate__((stamp, 1))
    assert caught.value.step.startswith(f"step {failing + 1} -> ")
    assert not hasattr(obj, "a")
    assert not hasattr(obj, "b")
