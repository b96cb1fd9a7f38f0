"""Objects whose hash is needed before their state is there."""

from __future__ import annotations

import dataclasses
import pickle

from typing import Any

import attrs
import pytest

import versionpickle

from versionpickle import Registry, adopt, migration, versioned
from versionpickle.exceptions import CycleError, StepError
from versionpickle.migrations import convert


@versioned
@attrs.frozen
class Person:
    name: str
    friends: Any = attrs.field(factory=set, eq=False)


@versioned
@dataclasses.dataclass(frozen=True)
class Named:
    """Has a hash as soon as it is made, and a wrong one."""

    name: str = ""
    friends: Any = dataclasses.field(default_factory=set, compare=False)


@versioned(name="cycles by identity")
@attrs.define(eq=False)
class ByIdentity:
    friends: Any = attrs.field(factory=set)


class Plain:
    """Not versioned, and hashed by what its state holds."""

    def __init__(self, name):
        self.name = name
        self.friends = set()

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return self.name == other.name


def test_set():
    """A set gets its members when they are whole."""
    ann = Person("Ann")
    bob = Person("Bob", {ann})
    ann.friends.update([bob, ann])
    found = versionpickle.loads(pickle.dumps(ann))

    assert found in found.friends
    assert {"Ann", "Bob"} == {person.name for person in found.friends}
    assert all(found in person.friends for person in found.friends)


@pytest.mark.parametrize("wrap", [lambda key: key, lambda key: ("k", (key, frozenset([1])))])
def test_dict(wrap):
    """So does a dict get its keys, also those within a tuple, in their order."""
    ann = Person("Ann", {})
    ann.friends.update({1: 1, wrap(ann): 2, "last": 3})
    found = versionpickle.loads(pickle.dumps(ann))

    assert [1, wrap(found), "last"] == list(found.friends)
    assert found.friends[wrap(found)] == 2


def test_many_batches():
    """Items that come later stay later."""
    ann = Person("Ann", {})
    ann.friends.update({0: 0, ann: 1})
    ann.friends.update(dict.fromkeys(range(2, 3_000)))
    found = versionpickle.loads(pickle.dumps(ann))

    assert [0, found, *range(2, 3_000)] == list(found.friends)


def test_by_identity():
    """What is compared by identity needs no state for its hash."""
    obj = ByIdentity()
    obj.friends.add(obj)
    for load in (pickle.loads, versionpickle.loads):
        found = load(pickle.dumps(obj))
        assert found in found.friends


@pytest.mark.parametrize(
    ("obj", "path", "member"),
    [
        ([Person("Ann", [])], "obj[0].friends[0]", "obj[0]"),
        (Person("Ann", []), "person.friends[0]", "the whole"),
    ],
)
def test_frozenset(obj, path, member):
    """A frozenset cannot wait: the error names it, and the object that it is part of."""
    ann = obj[0] if isinstance(obj, list) else obj
    ann.friends.append(frozenset([ann]))
    with pytest.raises(CycleError, match="keep it in a list or tuple") as caught:
        versionpickle.loads(pickle.dumps(obj))

    assert (path, member) == (caught.value.path, caught.value.member)


def test_unstamped(registry):
    """Old objects are upgraded first, and put into their sets then."""
    ann = Plain("Ann")
    ann.friends.update([ann, Plain("Bob")])
    data = pickle.dumps(ann)
    adopt(Plain, version=2, registry=registry)
    migration(Plain, 1, convert("name", str.upper), registry=registry)
    found = versionpickle.loads(data, registry=registry)

    assert found in found.friends
    assert {"ANN", "BOB"} == {person.name for person in found.friends}


def test_key_that_fails_in_the_end():
    """A hash that fails at last is an error with its place."""
    ann = Person("Ann")
    object.__setattr__(ann, "name", ["unhashable"])
    bob = Person("Bob", [])
    bob.friends.append({"x": {}})
    writer = Registry()

    @versioned(version=2, name="cycles key", registry=writer)
    @attrs.frozen
    class Key:
        name: Any
        held: Any = attrs.field(factory=dict, eq=False)

    key = Key("k")
    key.held[key] = 1
    data = versionpickle.dumps([key], registry=writer)
    reader = Registry()

    @versioned(version=3, name="cycles key", registry=reader)
    @attrs.frozen
    class KeyNow:
        name: Any
        held: Any = attrs.field(factory=dict, eq=False)

    migration(KeyNow, 2, convert("name", lambda name: [name]))
    with pytest.raises(Exception, match="unhashable") as caught:
        versionpickle.loads(data, registry=reader)

    assert caught.value.path == "obj[0].held"


def test_step_fails_in_a_cycle(registry):
    """A step's error is not hidden by the second attempt."""
    ann = Plain("Ann")
    ann.friends.add(ann)
    data = pickle.dumps([ann])
    adopt(Plain, version=2, registry=registry)
    migration(Plain, 1, convert("name", int), registry=registry)

    with pytest.raises(StepError, match="invalid literal") as caught:
        versionpickle.loads(data, registry=registry)

    assert caught.value.path == "obj[0]"
