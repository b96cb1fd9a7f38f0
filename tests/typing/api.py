"""What type checkers make of the public API; checked by mypy, never run."""

from __future__ import annotations

import io

from typing import Any, assert_type

import attrs

import versionpickle

from versionpickle import Registry, Versioned, adopt, alias, allow, migration, retire, versioned
from versionpickle.migrations import (
    add,
    add_missing,
    convert,
    has,
    lacks,
    name_arguments,
    name_items,
    remove,
    rename,
)


@versioned
@attrs.define
class Bare:
    a: int


@versioned(version=2, formerly={"m:Old": 1}, unstamped=lambda state: 1, transient="a")
@attrs.define
class Full:
    a: int = 0


@versioned(version=3, unstamped=has("a"))
class ToldByField: ...


@versioned(version=3, unstamped={1: has("a", "b"), 2: lacks("a"), 3: lambda state: True})
class ToldByFields: ...


class Based(Versioned, version=2, name="based", registry=Registry("mine")):
    pass


assert_type(Bare(1).a, int)
assert_type(Full().a, int)

migration(Full, 1, rename("x", "a"), add("b", 1), add("c", factory=list), remove("d"))
migration(ToldByField, 1, name_arguments("a", "b"), name_items("c", set), add_missing(Full))
migration(ToldByFields, 1)


@migration("m:Old", 1, to=2)
def step(state: dict[str, Any]) -> dict[str, Any]:
    return state


assert_type(step({}), dict[str, Any])


@step.down
def back(state: dict[str, Any]) -> dict[str, Any]:
    return state


assert_type(back({}), dict[str, Any])

adopt(Bare, version=2)
adopt("m:Class")
alias("m:old", convert)
retire("m:Gone")
allow(int, "m:Class")

assert_type(versionpickle.dumps(Bare(1), 4), bytes)
versionpickle.dump(Bare(1), io.BytesIO())
versionpickle.loads(b"", allow=[int], unsafe=True, encoding="latin1")
