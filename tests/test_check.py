"""`check`: what is wrong with declarations, before any load."""

from __future__ import annotations

import attrs
import pytest

from versionpickle import Registry, check, migration, versioned
from versionpickle.migrations import (
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


@pytest.fixture
def registry():
    return Registry("checked")


def declared(registry, fields, version=2, **settings):
    cls = attrs.make_class("C", fields)
    return versioned(version=version, name="c", registry=registry, **settings)(cls)


GOOD = [
    rename("x", "a"),
    add("a", 1),
    remove("gone"),
    convert("a", int),
    split("x", ("a", "b"), list),
    merge(("x", "y"), "a", max),
    move("a.k", "b"),
    move("x", "a.k"),
    reorder("b", "a"),
    name_positions("a", "b"),
    require("a", bool, "it is empty"),
]


@pytest.mark.parametrize("operation", GOOD, ids=repr)
def test_good(registry, operation):
    """An operation that ends in what the class declares is none."""
    cls = declared(registry, ["a", "b"])
    migration(cls, 1, operation)

    assert check(registry) == ()


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (rename("x", "typo"), "leaves a field 'typo' that nobody takes"),
        (rename("a", "b"), "takes the field 'a', which is wanted"),
        (add("typo", 1), "leaves a field 'typo'"),
        (remove("a"), "takes the field 'a'"),
        (convert("typo", int), "leaves a field 'typo'"),
        (split("a", ("b", "typo"), list), "leaves a field 'typo'"),
        (merge(("a", "x"), "b", max), "takes the field 'a'"),
        (move("typo.k", "b"), "leaves a field 'typo'"),
        (move("a", "b.k"), "takes the field 'a'"),
    ],
    ids=repr,
)
def test_bad(registry, operation, problem):
    """One that does not is told with its version, and the step to mend."""
    cls = declared(registry, ["a", "b"])
    migration(cls, 1, operation)

    (found,) = check(registry)

    assert problem in found.problem
    assert found.version == 1
    assert repr(operation) in str(found)


def test_holes(registry):
    """Each version that no step leaves, with the line to write."""
    cls = declared(registry, ["a"], version=6)
    migration(cls, 2, rename("x", "whatever"))
    migration(cls, 4, rename("y", "x"), to=6)

    found = check(registry)

    assert [problem.version for problem in found] == [1, 3, 5, 4]
    assert "write migration(C, 1, ...), or say oldest=2" in str(found[0])


def test_nothing_is_known_behind_a_hole(registry):
    """What stands before one may be mended by what fills it."""
    cls = declared(registry, ["a"], version=4)
    migration(cls, 1, rename("x", "whatever"))
    migration(cls, 3, rename("y", "a"))

    assert [problem.version for problem in check(registry)] == [2]


def test_functions_are_not_followed(registry):
    """What stands before a function cannot be known."""
    cls = declared(registry, ["a"], version=3)
    migration(cls, 1, rename("x", "whatever"))
    migration(cls, 2)(lambda state: state)

    assert check(registry) == ()


def test_open_classes(registry):
    """A class that declares no fields takes whatever there is."""
    cls = versioned(version=2, registry=registry)(type("C", (), {}))
    migration(cls, 1, rename("x", "whatever"))

    assert check(registry) == ()


def test_modules(registry):
    """A module of steps that is not there is told, once."""
    declared(registry, ["a"], version=3, migrations="no.such.module")

    (found,) = check(registry)

    assert "cannot be imported" in str(found)


def test_oldest(registry):
    """What is not read any more needs no step."""
    declared(registry, ["a"], version=3, oldest=3)

    assert check(registry) == ()
