"""What holds for all values, all chains and all shapes of graphs."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest
import shapes

from hypothesis import assume, given
from hypothesis import strategies as st

import versionpickle

from versionpickle import Registry, migration, versioned
from versionpickle._classes.reviving import revive_in
from versionpickle.exceptions import StepError
from versionpickle.migrations import (
    Chain,
    Step,
    add,
    convert,
    merge,
    remove,
    rename,
    reorder,
    require,
    split,
)
from versionpickle.migrations._operations import Remove


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
def test_round_trip_of_any_state(parts, data, protocol):
    """Values, types, shared references and cycles survive each protocol."""
    held = [[value] for _, value in parts]
    made = [
        shapes.MAKERS[kind](value, links) for (kind, value), links in zip(parts, held, strict=True)
    ]
    for links in held:
        links.extend(data.draw(st.lists(st.sampled_from(made), max_size=3)))

    stream = versionpickle.dumps(made, protocol)

    limited = versionpickle.loads(stream, limits=versionpickle.Limits())
    for found in (versionpickle.loads(stream), pickle.loads(stream), limited):
        assert skeleton(made) == skeleton(found)


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
    choices = ["convert", "remove", "reorder", "require"] if fields else []
    choices += ["add", "compute"] if absent else []
    choices += ["rename"] if absent and fields else []
    choices += ["split"] if len(absent) > 1 and fields else []
    choices += ["merge"] if absent and len(fields) > 1 else []
    return OPERATIONS[draw(st.sampled_from(choices))](draw, fields, absent)


def one_of(draw, names, count=1):
    """Some of the names, and the others."""
    taken = draw(st.lists(st.sampled_from(names), min_size=count, max_size=count, unique=True))
    return *taken, [name for name in names if name not in taken]


def an_add(draw, fields, absent):
    name = draw(st.sampled_from(absent))
    return add(name, draw(st.integers())), [*fields, name]


def a_computed_add(draw, fields, absent):
    name = draw(st.sampled_from(absent))
    return add(name, compute=lambda state: sorted(state)), [*fields, name]


def a_remove(draw, fields, absent):
    name, rest = one_of(draw, fields)
    return remove(name), rest


def a_convert(draw, fields, absent):
    name = draw(st.sampled_from(fields))
    return convert(name, lambda value: [value], lambda value: value[0]), fields


def a_rename(draw, fields, absent):
    name, rest = one_of(draw, fields)
    new = draw(st.sampled_from(absent))
    return rename(name, new), [*rest, new]


def a_split(draw, fields, absent):
    name, rest = one_of(draw, fields)
    one, other, _ = one_of(draw, absent, 2)
    into = (one, other)
    return split(name, into, lambda value: (value, [value]), lambda a, b: a), [*rest, *into]


def a_merge(draw, fields, absent):
    one, other, rest = one_of(draw, fields, 2)
    new = draw(st.sampled_from(absent))
    return merge((one, other), new, lambda *pair: list(pair), lambda pair: pair), [*rest, new]


def a_reorder(draw, fields, absent):
    name, rest = one_of(draw, fields)
    return reorder(name), [name, *rest]


def a_require(draw, fields, absent):
    return require(draw(st.sampled_from(fields)), lambda value: True, "never said"), fields


OPERATIONS = {
    "add": an_add,
    "compute": a_computed_add,
    "remove": a_remove,
    "convert": a_convert,
    "rename": a_rename,
    "split": a_split,
    "merge": a_merge,
    "reorder": a_reorder,
    "require": a_require,
}


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


def upgraded(operations, fields, values, *, how, odd=0):
    """Load the values of version 1 as an object of the last version."""
    registry = Registry()
    cls = attrs.make_class("C", sorted(fields[-1]))
    versioned(version=len(fields), name="c", registry=registry)(cls)
    for version, operation in enumerate(operations, 1):
        if how == "functions" or (how == "mixed" and version % 2 == odd):
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
    from versionpickle.migrations._fields import State

    def step(state):
        operation.run(State(state, set()))
        return state

    return step


@given(histories())
def test_all_ways_lead_to_the_same(history):
    """
    1 to n is 1 to 2 to 3 to n; compiled is interpreted, also around functions; stamped is
    unstamped.
    """
    operations, fields = history
    stored = list(range(len(fields[0])))

    outcomes = [
        upgraded(operations, fields, stored, how=how)
        for how in ("compiled", "at once", "functions", "unstamped")
    ]
    outcomes += [upgraded(operations, fields, stored, how="mixed", odd=odd) for odd in (0, 1)]

    assert all(outcome == outcomes[0] for outcome in outcomes)


@given(histories())
def test_there_and_back(history):
    """Undone, a chain gives the state that it was given, where every operation has an inverse."""
    operations, fields = history
    before = {name: [number] for number, name in enumerate(fields[0])}
    lossless = [operation for operation in operations if not isinstance(operation, Remove)]
    chain = Chain("m:C", 1, 2, (Step("m:C", 1, 2, tuple(lossless)),))
    assume(len(lossless) == len(operations))

    assert before == chain.undo(chain.run(dict(before), set()), set())


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
