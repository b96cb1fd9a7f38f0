"""How often a load reads the bytes, and runs what makes objects: once where all goes well."""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import pickle
import pickletools
import sys

from typing import Any

import attrs
import pytest

import versionpickle

from versionpickle import Registry, adopt, alias, migration, versioned
from versionpickle._pickles.machine.machine import Machine
from versionpickle.exceptions import BuildError, VersionPickleError
from versionpickle.migrations import add, become, replace


RAN: collections.Counter[Any] = collections.Counter()
"""By what ran and the object that it ran for: how often."""

THEN, NOW = Registry("then"), Registry("now")


def counting(name):
    """A step that counts its runs for each object."""

    def step(state):
        RAN[name, state["number"]] += 1
        return state

    return step


def old_and_new(name, ending, *, is_frozen=False):
    """Declare a class at version 1 then, and at version 2 now; return that of then."""
    make = attrs.frozen if is_frozen else attrs.define
    before = make(type("Old", (), {"__annotations__": {"number": int, "part": Any}}))
    versioned(name=name, registry=THEN)(before)
    after = make(type("New", (), {"__annotations__": {"number": int, "part": Any}}))
    versioned(version=2, name=name, registry=NOW)(after)
    migration(after, 1, registry=NOW)(ending)
    return before


def chosen(state):
    RAN["chosen", state["number"]] += 1
    return After


def value_of(state):
    RAN["value", state["number"]] += 1
    return state["number"]


@versioned(name="after", registry=NOW)
@attrs.define
class After:
    number: int
    part: Any


Stepping = old_and_new("stepping", counting("step"))
Frozen = old_and_new("frozen", counting("frozen"), is_frozen=True)
Changing = versioned(name="changing", registry=THEN)(
    attrs.define(type("Changing", (), {"__annotations__": {"number": int, "part": Any}}))
)
migration("changing", 1, become({After: 1}, by=chosen), registry=NOW)
Replaced = versioned(name="replaced", registry=THEN)(
    attrs.define(type("Replaced", (), {"__annotations__": {"number": int, "part": Any}}))
)
migration("replaced", 1, replace(value_of), registry=NOW)


class Unstamped:
    """Adopted; its pickles have no stamp."""


adopt(Unstamped, version=2, formerly={f"{__name__}:Former": 1}, registry=NOW)
migration(Unstamped, 1, registry=NOW)(counting("unstamped"))


class Rebuilt:
    """Made again by a function."""


def rebuilt(args, state):
    RAN["rebuild", state["number"]] += 1
    made = Rebuilt()
    made.__dict__ |= state
    return made


adopt(Rebuilt, rebuild=rebuilt, registry=NOW)


class Made:
    """An allowed class, which pickles call."""

    def __init__(self, number):
        RAN["constructor", number] += 1
        self.number = number

    def __reduce__(self):
        return Made, (self.number,)


class Called:
    """Reduces to an allowed function."""

    def __reduce__(self):
        return called, (7,)


def called(number):
    RAN["function", number] += 1
    return ["called", number]


def pointed(number):
    RAN["alias", number] += 1
    return ["pointed", number]


class Blank:
    """Unstamped, and without a state."""


adopt(Blank, version=2, registry=NOW)
migration(Blank, 1, add("upgraded", value=True), registry=NOW)
alias("gone:point", pointed, registry=NOW)


def plain(cls, number):
    """The pickle of an unstamped object, by protocol 2."""
    obj = cls()
    obj.number = number
    return pickle.dumps(obj, 2)


def stamped(cls, number, part=None):
    return versionpickle.dumps(cls(number, part), 2, registry=THEN)


def in_a_cycle(cls, number):
    obj = cls(number, [])
    obj.part.append(obj)
    return versionpickle.dumps(obj, 2, registry=THEN)


def joined(*pickles):
    """One pickle of protocol 2 with all of their objects, whose memos do not overlap."""
    body = b"".join(pickletools.optimize(data)[2:-1] for data in pickles)
    return b"\x80\x02(" + body + b"t."


PARTS = {
    "stamped": stamped(Stepping, 1),
    "immutable": stamped(Frozen, 2),
    "unstamped": plain(Unstamped, 3),
    "under a former name": plain(Unstamped, 4).replace(b"Unstamped\n", b"Former\n"),
    "rebuild=": plain(Rebuilt, 5),
    "a constructor": pickle.dumps(Made(6), 2),
    "an allowed function": pickle.dumps(Called(), 2),
    "an alias to a function": b"\x80\x02cgone\npoint\nK\x08\x85R.",
    "become": stamped(Changing, 9),
    "replace": stamped(Replaced, 10),
    "blank": pickle.dumps(Blank(), 2),
}
CYCLES = {
    "a cycle": in_a_cycle(Stepping, 11),
    "become in a cycle": in_a_cycle(Changing, 12),
    "immutable in a cycle": in_a_cycle(Frozen, 13),
}
PICKLES = {
    **{name: joined(data) for name, data in PARTS.items()},
    **{
        f"{first}, then {name}": joined(PARTS[first], data)
        for first in ("stamped", "unstamped", "a constructor")
        for name, data in PARTS.items()
        if name != first
    },
    **CYCLES,
    "everything": joined(*PARTS.values()),
    "damaged behind": joined(PARTS["stamped"])[:-2] + b"\xfft.",
    "refused behind": joined(PARTS["stamped"], PARTS["a constructor"], b"\x80\x02cos\nsystem\n."),
}


class Pipe(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, size):
        return self._data.read(size)

    def readline(self):
        return self._data.readline()


ALLOW = (Made, called)


def store(folder, **settings):
    return versionpickle.open(folder / "store.db", registry=NOW, **settings)._settings.load


WAYS = {
    "loads": lambda _: functools.partial(versionpickle.loads, registry=NOW),
    "loads, allow=": lambda _: functools.partial(versionpickle.loads, registry=NOW, allow=ALLOW),
    "load": lambda _: lambda data: versionpickle.load(io.BytesIO(data), registry=NOW, allow=ALLOW),
    "load from a pipe": lambda _: (
        lambda data: versionpickle.load(Pipe(data), registry=NOW, allow=ALLOW)
    ),
    "Unpickler": lambda _: (
        lambda data: versionpickle.Unpickler(io.BytesIO(data), registry=NOW, allow=ALLOW).load()
    ),
    "limits=": lambda _: functools.partial(
        versionpickle.loads, registry=NOW, allow=ALLOW, limits=versionpickle.Limits()
    ),
    "unsafe=": lambda _: functools.partial(versionpickle.loads, registry=NOW, unsafe=True),
    "missing='keep'": lambda _: functools.partial(
        versionpickle.loads, registry=NOW, allow=ALLOW, missing="keep"
    ),
    "future='keep'": lambda _: functools.partial(
        versionpickle.loads, registry=NOW, allow=ALLOW, future="keep"
    ),
    "a store": store,
    "a store, allow=": lambda folder: store(folder, allow=ALLOW),
}
"""What loads, given a folder."""


@contextlib.contextmanager
def readings():
    """Collect the readers that begin to read, in order."""
    begun: list[str] = []

    def note(frame, event, arg):
        if event == "c_call" and getattr(arg, "__qualname__", "").endswith("Unpickler.load"):
            begun.append("C's")
        elif event == "call" and frame.f_code is Machine.run.__code__:
            begun.append(type(frame.f_locals["self"].maker).__name__)

    sys.setprofile(note)
    try:
        yield begun
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PICKLES)
def test_once_or_twice(way, name, tmp_path):
    """A good load reads the bytes twice at most, and runs nothing more often than it reads."""
    load = WAYS[way](tmp_path)
    RAN.clear()

    with readings() as begun:
        try:
            load(PICKLES[name])
            most = 2 if name == "become in a cycle" else len(begun)
        except (VersionPickleError, pickle.UnpicklingError):
            most = 2

    assert most in {1, 2}, begun
    assert [] == [what for what, number in RAN.items() if number > most], (RAN, begun)


class Greedy:
    """Reduces to a call that needs more than there is."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return exhausted, (self.error,)


def exhausted(error):
    RAN["exhausted"] += 1
    raise error


def test_not_tried_again(registry):
    """What ran out of memory runs once, and its error reaches the caller."""
    RAN.clear()
    data = pickle.dumps(Greedy(MemoryError))

    with pytest.raises(MemoryError):
        versionpickle.loads(data, allow=[exhausted, MemoryError], registry=registry)
    assert 1 == RAN["exhausted"]


def test_too_deep_is_named(registry):
    """What ran out of stack runs twice at most, for an error that names it."""
    RAN.clear()
    data = pickle.dumps(Greedy(RecursionError))

    with pytest.raises(BuildError, match="RecursionError") as caught:
        versionpickle.loads(data, allow=[exhausted, RecursionError], registry=registry)
    assert f"{__name__}:exhausted" == caught.value.ref
    assert 2 == RAN["exhausted"]
