"""
The promise: an old object becomes a right object of today's class, or an error of ours.

Each kind of class that can hold two facts becomes each other kind, stored with a stamp or
without, in each protocol, read in each way; with a new version and a step, or without.
"""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
import sys

from typing import Any

import attrs
import kinds
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, migration
from versionpickle.exceptions import ForbiddenError, VersionPickleError
from versionpickle.migrations import default_registry


WAYS = {
    "plain": pickle.loads,
    "loads": versionpickle.loads,
    "limits": functools.partial(versionpickle.loads, limits=Limits()),
    "unsafe": functools.partial(versionpickle.loads, unsafe=True),
    "registry": versionpickle.loads,
}
PROTOCOLS = range(6)
STAMPED = [False, True]
VERSIONS = [1, 2]
"""As it was, although the class has changed; and with a step that returns its state."""

OLD = [*itertools.product(kinds.KINDS, STAMPED, PROTOCOLS)]
CASES = [
    (*old, new, version, way)
    for old in OLD
    for new in kinds.KINDS
    for version in VERSIONS
    for way in WAYS
]
FEW = CASES[::71]
"""71 divides none of the numbers of choices, so all pairs of kinds are among them."""


@pytest.fixture(autouse=True)
def _registry():
    """Leave the classes of other tests as they were."""
    kept = dict(vars(default_registry))
    yield
    vars(default_registry).update(kept)
    sys.modules.pop("things", None)


@attrs.frozen
class Case:
    old: str
    stamped: bool
    protocol: int
    new: str
    version: int
    way: str


@functools.cache
def stored(old: str, stamped: bool, protocol: int) -> bytes | None:
    """Return what a class of the old kind wrote; None where it could not be written."""
    forget()
    cls = kinds.module(old, '@versionpickle.versioned(name="thing")' if stamped else "").Thing
    try:
        return pickle.dumps(kinds.filled(cls), protocol)
    except TypeError:
        assert (old, stamped) == ("slots", False)
        return None
    finally:
        forget()


def forget() -> None:
    vars(default_registry).update(vars(Registry(default_registry.name)))


def outcome(load: Any, data: bytes, cls: type) -> str | None:
    """Return what is wrong with what is loaded; None if nothing is."""
    try:
        obj = load(data)
    except ForbiddenError as exc:
        return None if exc.refs else "nothing is named"
    except VersionPickleError as exc:
        return None if "hing" in str(exc) else f"the class is not named: {exc}"
    except Exception as exc:  # noqa: BLE001 - whatever it is
        return f"raw: {type(exc).__name__}: {exc}"
    if type(obj) is not cls:
        return f"another object: {obj!r}"
    return None if kinds.holds_facts(obj) else f"lost: {kinds.held(obj)}"


def problem(case: Case) -> str | None:
    data = stored(case.old, case.stamped, case.protocol)
    if data is None:
        return None
    load, cls = declared(case)
    found = outcome(load, data, cls)
    if found is None or is_of_enum(case, found) or is_lost_by_class(case, found):
        return None
    twin = twins(case)
    is_same = twin is not None and twin.split(":")[0] == found.split(":")[0]
    if found.startswith("raw") and case.way in {"plain", "unsafe"} and is_same:
        return None  # pickle itself raises it
    if found.startswith("lost") and is_same and takes_what_it_gets(case):
        return None
    return found


def declared(case: Case) -> tuple[Any, type]:
    """Return how to load, and today's class."""
    forget()
    if case.way != "registry":
        settings = f'name="thing", version={case.version}'
        cls = kinds.module(case.new, f"@versionpickle.versioned({settings})").Thing
        if case.version == 2:
            migration(cls, 1)(lambda state: state)
        return WAYS[case.way], cls
    own = Registry("own")
    cls = kinds.module(case.new).Thing
    adopt(cls, case.version, name="thing", registry=own)
    if case.version == 2:
        migration(cls, 1, registry=own)(lambda state: state)
    return functools.partial(versionpickle.loads, registry=own), cls


def twins(case: Case) -> str | None:
    """Return what is wrong where nobody has versions, and plain pickle loads."""
    data = stored(case.old, False, case.protocol)
    if data is None:
        return "raw: it cannot be written"
    return outcome(pickle.loads, data, kinds.module(case.new).Thing)


def is_of_enum(case: Case, found: str) -> bool:
    """Return whether this is all that is stored of a member: its name, or its value."""
    if case.old == "enum":
        return "101" in found or "pear" in found
    if case.old != "renumbered enum" or not found.startswith("lost"):
        return False
    return "apple" in found or "101" in found


def is_lost_by_class(case: Case, found: str) -> bool:
    """Return whether the old class stored less than it held, or today's reads it its own way."""
    is_short = case.old.startswith("new arguments") and not case.stamped and case.protocol < 2
    is_twice = case.old == "str" and case.new.startswith(
        "new arguments"
    )  # its argument, and its state
    is_unpacked = case.new == "own tuple state"
    return found.startswith("lost") and (is_short or is_twice or is_unpacked)


def takes_what_it_gets(case: Case) -> bool:
    """Return whether plain pickle never asks us, or the class itself misreads what it gets."""
    is_unseen = case.way in {"plain", "unsafe"} and not case.stamped
    return is_unseen or case.new == "new arguments"


def needs_leave(case: Case) -> bool:
    """Return whether a load asks for allow()."""
    return not case.stamped and "keywords" in case.old and case.protocol in {2, 3}


def problems(cases: list[Any]) -> dict[Any, str]:
    found = {case: problem(Case(*case)) for case in cases}
    return {case: told for case, told in found.items() if told is not None}


def test_some():
    """A right object, or an error that names its class."""
    assert problems(FEW) == {}


@pytest.mark.slow
@pytest.mark.parametrize("old", kinds.KINDS)
def test_all(old):
    assert problems([case for case in CASES if case[0] == old]) == {}


def test_selection():
    """Each kind becomes each other kind in the tests that are always run."""
    assert {(case[0], case[3]) for case in FEW} == {*itertools.product(kinds.KINDS, repeat=2)}


@pytest.mark.parametrize("kind", kinds.KINDS)
class TestUnchanged:
    """A class that has not changed loads what it stored, as it does without versions."""

    @pytest.mark.parametrize("way", WAYS)
    def test_loads(self, kind, way):
        for stamped, protocol in itertools.product(STAMPED, PROTOCOLS):
            data = stored(kind, stamped, protocol)
            case = Case(kind, stamped, protocol, kind, 1, way)
            if data is None or twins(case) is not None or needs_leave(case):
                continue
            load, cls = declared(case)
            found = load(data)
            assert type(found) is cls
            assert kind.endswith("enum") or kinds.holds_facts(found)

    def test_copies(self, kind):
        forget()
        obj = kinds.filled(kinds.module(kind, "@versionpickle.versioned").Thing)

        for copied in (copy.copy(obj), copy.deepcopy(obj)):
            assert kinds.held(copied) == kinds.held(obj)

    def test_store(self, kind, tmp_path):
        forget()
        obj = kinds.filled(kinds.module(kind, '@versionpickle.versioned(name="thing")').Thing)

        with versionpickle.open(tmp_path / "store.db") as store:
            store["thing"] = obj
            assert kinds.held(store["thing"]) == kinds.held(obj)
