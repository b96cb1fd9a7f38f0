"""Objects whose hash is needed before their state is there."""

from __future__ import annotations

import collections
import dataclasses
import pickle

from typing import Any

import attrs
import pytest

import versionpickle

from versionpickle import Registry, adopt, migration, versioned
from versionpickle.exceptions import CycleError, StepError
from versionpickle.migrations import convert, rename


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


@pytest.mark.parametrize("load", [versionpickle.loads, lambda data: pickle.loads(data)])
@pytest.mark.parametrize("held", [set, dict])
def test_hash_that_is_there_too_early(load, held):
    """A hash that class defaults would give too early is an error, and waits in our loads."""
    ann = Named("Ann", held())
    ann.friends.add(ann) if held is set else ann.friends.update({ann: 1})
    data = pickle.dumps(ann)
    if load is not versionpickle.loads:
        with pytest.raises(TypeError, match="unhashable"):
            load(data)
        return
    found = load(data)

    assert found in found.friends
    assert (
        repr(Named.__versionpickle__.codec.unhashable["name"])
        == "<a value that is not loaded yet>"
    )


@versioned(name="cycles trapped", version=1, registry=Registry())
@dataclasses.dataclass(frozen=True)
class TrappedOnce:
    name: str = ""
    friends: Any = dataclasses.field(default_factory=set, compare=False)


@versioned(name="cycles trapped", version=2)
@dataclasses.dataclass(frozen=True)
class Trapped:
    title: str = "none"
    friends: Any = dataclasses.field(default_factory=set, compare=False)


migration(Trapped, 1, rename("name", "title"))


def test_old_hash_that_is_there_too_early():
    """The same for objects that are upgraded, and for those with further attributes."""
    ann = TrappedOnce("Ann")
    ann.friends.add(ann)
    found = versionpickle.loads(pickle.dumps(ann))
    assert found in found.friends

    more = Trapped("More")
    more.__dict__["note"] = "n"
    more.friends.add(more)
    found = versionpickle.loads(pickle.dumps(more))
    assert found in found.friends
    assert found.note == "n"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_counter(protocol):
    """A call that would copy what is not whole yet is an error, and no empty copy."""
    ann = Person("Ann", collections.Counter())
    ann.friends.update({ann: 3, "Bob": 2})

    with pytest.raises(CycleError):
        versionpickle.loads(pickle.dumps(ann, protocol))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_sets_of_old_protocols(protocol):
    """Sets that are made by a call wait as well; a frozenset cannot."""
    ann = Person("Ann")
    ann.friends.update([ann, "Bob"])
    found = versionpickle.loads(pickle.dumps(ann, protocol))
    assert found in found.friends

    lone = Person("Lone", [])
    lone.friends.append(frozenset([lone]))
    with pytest.raises(CycleError):
        versionpickle.loads(pickle.dumps(lone, protocol))


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
    with pytest.raises(CycleError, match="hold it in a list or tuple there") as caught:
        versionpickle.loads(pickle.dumps(obj))

    assert (path, member) == (caught.value.path, caught.value.member)


def test_cycles_without_stamps(registry):
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
