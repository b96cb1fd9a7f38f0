"""Unstamped states whose version their fields decide."""

from __future__ import annotations

import pickle

import pytest

from versionpickle import adopt, loads, migration, versioned
from versionpickle.exceptions import DeclarationError, StepError
from versionpickle.migrations import add, has, lacks, rename


class Graph:
    pass


def old(**attributes):
    graph = Graph()
    vars(graph).update(attributes)
    return pickle.dumps(graph)


@pytest.mark.parametrize(
    ("condition", "state", "fits"),
    [
        (has("a"), {"a": 1}, True),
        (has("a"), {"b": 1}, False),
        (has("a", "b"), {"a": 1}, False),
        (has("a", "b"), {"a": 1, "b": 1, "c": 1}, True),
        (lacks("a"), {}, True),
        (lacks("a", "b"), {"b": 1}, False),
        (has("a"), ("a",), False),
        (lacks("a"), ("a",), False),
    ],
)
def test_conditions(condition, state, fits):
    """A state that has no field names has no fields to ask for."""
    assert condition(state) is fits


@pytest.mark.parametrize(
    ("unstamped", "stored"),
    [
        (has("node"), {1: {"node": 5}, 2: {"_node": 5}}),
        ({1: has("node"), 2: has("_node"), 3: lacks("node")}, {1: {"node": 5}, 2: {"_node": 5}}),
        ({1: lambda state: "node" in state, 2: has("_node")}, {1: {"node": 5}, 2: {"_node": 5}}),
        ({2: has("_node"), 1: has("node")}, {1: {"node": 5}, 2: {"node": 5, "_node": 6}}),
    ],
)
def test_version_of_a_state(registry, unstamped, stored):
    """One condition divides versions 1 and 2; of several, the first that fits decides."""
    adopt(Graph, version=3, unstamped=unstamped, registry=registry)
    migration(Graph, 1, rename("node", "_node"), add("from_1", True), registry=registry)
    migration(Graph, 2, rename("_node", "nodes"), registry=registry)

    for version, state in stored.items():
        loaded = vars(loads(old(**state), registry=registry))
        assert loaded.get("from_1", False) is (version == 1)
        assert loaded["nodes"] == state.get("_node", 5)


@pytest.mark.parametrize(
    ("stored", "fields"), [({"other": 5, "more": 6}, "'other', 'more'"), ((1, 2), "tuple")]
)
def test_no_condition_fits(registry, stored, fields):
    """A state of no known generation is an error that names its fields."""
    unstamped = {1: has("node"), 2: has("_node")}
    adopt(Graph, version=2, unstamped=unstamped, registry=registry)
    unknown = registry.declared("test_generations:Graph").unstamped

    with pytest.raises(LookupError, match=f"no condition of {{1: has.* fits a state of {fields}"):
        unknown(stored)
    with pytest.raises(StepError, match="its unstamped= function failed: LookupError"):
        loads(old(other=5), registry=registry)


@pytest.mark.parametrize(
    ("unstamped", "problem"),
    [
        (has("node"), "gives version 2, which is beyond its current version 1"),
        ({2: has("node")}, "gives version 2, which is beyond its current version 1"),
        ({"1": has("node")}, "unstamped='1' is not a version"),
        ({1: "node"}, "has no condition for version 1"),
        ({}, "has no conditions"),
    ],
)
def test_settings_that_cannot_be_meant(unstamped, problem):
    with pytest.raises(DeclarationError, match=problem):
        versioned(version=1, unstamped=unstamped)(type("C", (), {}))


@pytest.mark.parametrize("ask", [has, lacks])
@pytest.mark.parametrize("names", [(), (5,), ("",)])
def test_names_that_are_none(ask, names):
    with pytest.raises(TypeError, match=f"{ask.__name__}\\(\\) takes names of fields"):
        ask(*names)


def test_repr_is_the_code():
    assert repr(has("a", "b")) == "has('a', 'b')"
    assert repr(lacks("a")) == "lacks('a')"
