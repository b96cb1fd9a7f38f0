"""What becomes of an old pickle today: each example asks this of its own."""

from __future__ import annotations

import pickle

from collections.abc import Callable
from typing import Any

import versionpickle


def outcome(look: Callable[[], Any], wanted: Any) -> str:
    """Return 'agrees', or what went wrong."""
    try:
        told = look()
    except Exception as exc:  # noqa: BLE001 - whatever it is becomes a row of the report
        return f"{type(exc).__name__}: {exc}"
    return "agrees" if told == wanted else f"it says {told!r}"


def plainly(tell: Callable[[Any], Any], data: bytes) -> Any:
    return tell(pickle.loads(data, encoding="latin1"))


def versioned(tell: Callable[[Any], Any], data: bytes) -> Any:
    """Load, dump, and load again: by versionpickle, and by plain pickle."""
    found = versionpickle.loads(data, encoding="latin1")
    told = tell(found)
    again = versionpickle.dumps(found)
    if b"versionpickle" not in again:
        raise AssertionError("the new pickle has no stamp")
    for load in (versionpickle.loads, pickle.loads):
        if tell(load(again)) != told:
            raise AssertionError(f"after a dump, {load.__module__}.loads gives another object")
    return told


def limited(tell: Callable[[Any], Any], data: bytes) -> Any:
    return tell(versionpickle.loads(data, encoding="latin1", limits=versionpickle.Limits()))
