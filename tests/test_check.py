"""`check`: what is wrong with declarations, before any load."""

from __future__ import annotations

import enum

import attrs
import pytest

from versionpickle import Registry, Versioned, adopt, check, migration, retire, versioned
from versionpickle.migrations import (
    add,
    become,
    convert,
    merge,
    move,
    name_positions,
    remove,
    rename,
    reorder,
    replace,
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
        (rename("x", "typo"), "leaves a field 'typo' that nothing uses"),
        (rename("a", "b"), "removes the field 'a'"),
        (add("typo", 1), "leaves a field 'typo'"),
        (remove("a"), "removes the field 'a'"),
        (convert("typo", int), "leaves a field 'typo'"),
        (split("a", ("b", "typo"), list), "leaves a field 'typo'"),
        (merge(("a", "x"), "b", max), "removes the field 'a'"),
        (move("typo.k", "b"), "leaves a field 'typo'"),
        (move("a", "b.k"), "removes the field 'a'"),
    ],
    ids=repr,
)
def test_operation_that_does_not_fit(registry, operation, problem):
    """One that does not is told with its version, and the step to mend."""
    cls = declared(registry, ["a", "b"])
    migration(cls, 1, operation)

    found, *_ = check(registry)

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
    assert "write migration(C, 1, ...), or pass oldest=2" in str(found[0])


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


def test_all_fields_that_are_wrong(registry):
    """Each is told, and those of earlier steps too."""
    cls = declared(registry, ["a", "b"], version=3)
    migration(cls, 1, rename("x", "typo"))
    migration(cls, 2, add("c", 1), remove("b"))

    assert [(problem.version, problem.field) for problem in check(registry)] == [
        (2, "b"),
        (2, "c"),
        (1, "typo"),
    ]


def test_former_names(registry):
    """What was stored under one of them needs its way as well."""
    declared(registry, ["a"], version=4, oldest=3, formerly={"m:Old": 1, "m:Newer": 3})
    migration("m:Newer", 3, rename("x", "a"), registry=registry)

    hole, old = check(registry)

    assert ("m:Old", 1) == (old.ref, old.version)
    assert "pass formerly={'m:Old': 3} or later" in str(old)
    assert hole.problem == "no step leaves version 3"


def test_steps_that_no_data_takes(registry):
    """They are below the oldest version, or lead to no class."""
    cls = declared(registry, ["a"], version=2, oldest=2)
    migration(cls, 1, rename("x", "a"))
    migration("m:Typo", 1, rename("x", "a"), registry=registry)

    nowhere, never = check(registry)

    assert "never taken: the oldest version that is read is 2" in str(never)
    assert ("m:Typo", 2) == (nowhere.ref, nowhere.version)
    assert "end its steps in become() or replace()" in str(nowhere)


class Colour(enum.Enum):
    RED = 1


def test_endings(registry):
    """Each must lead to a class that is there, at a version that it has had."""
    cls = declared(registry, ["a"], version=2)
    migration(cls, 1, rename("x", "a"))
    versioned(registry=registry)(Colour)
    goals = {cls: 3, "m:Gone": 1, Colour: 1, "m:Nobody": 1}
    migration("m:Gone", 1, replace(len), registry=registry)
    migration("m:Old", 1, become(goals, by=lambda state: cls), registry=registry)

    beyond, enumerated, nobody = check(registry)

    assert "it is at version 2" in str(beyond)
    assert "it is an enum; use replace()" in str(enumerated)
    assert "version 1 of m:Nobody: nobody declared it" in str(nobody)


def test_what_may_be_there(registry):
    """A step may drop what is no field by now, and what precedes an ending leads elsewhere."""
    cls = versioned(version=2, transient="lock", registry=registry)(
        attrs.make_class("C", {"a": attrs.field(), "lock": attrs.field(default=None)})
    )
    migration(cls, 1, remove("lock"))
    adopt(Colour, registry=registry)
    other = versioned(version=2, registry=registry)(attrs.make_class("Other", ["z"]))
    migration(other, 1, rename("x", "b"), become({cls: 2}))

    assert () == check(registry)


def test_a_class_that_is_declared_wrongly(registry):
    """What can be told only when all fields are there is a problem as well."""

    class Late(Versioned, transient="typo", registry=registry):
        pass

    attrs.define(these={"a": attrs.field()})(Late)

    assert "transient='typo' is not one of its fields" in str(check(registry))


def test_oldest(registry):
    """What is not read any more needs no step."""
    declared(registry, ["a"], version=3, oldest=3)

    assert check(registry) == ()


def test_retired_classes_that_are_there(registry):
    """A retired class that still exists is a problem; one that is gone is none."""
    retire(f"{__name__}:Colour", registry=registry)
    retire(f"{__name__}:Gone", registry=registry)
    retire("no_such_module:Gone", registry=registry)

    (problem,) = check(registry)

    assert f"{__name__}:Colour" == problem.ref
    assert "it is retired, but the class still exists" in problem.problem
