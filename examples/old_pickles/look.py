"""
Say, as JSON, what becomes of each old pickle of one package.

    python look.py plain|versionpickle PACKAGE
"""

from __future__ import annotations

import importlib
import json
import pickle
import sys

from collections.abc import Callable
from functools import partial
from typing import Any

import facts

import versionpickle


def outcome(look: Callable[[], Any], wanted: Any) -> str:
    """Return 'agrees', or what went wrong."""
    try:
        told = look()
    except Exception as exc:  # noqa: BLE001 - whatever it is becomes a row of the report
        return f"{type(exc).__name__}: {exc}"
    return "agrees" if told == wanted else f"it says {told!r}"


def plainly(package: str, data: bytes) -> Any:
    return facts.told(package, pickle.loads(data, encoding="latin1"))


def versioned(package: str, data: bytes) -> Any:
    """Load, also within limits, dump, and load again: by versionpickle, and by plain pickle."""
    found = versionpickle.loads(data, encoding="latin1")
    told = facts.told(package, found)
    limited = versionpickle.loads(data, encoding="latin1", limits=versionpickle.Limits())
    if facts.told(package, limited) != told:
        raise AssertionError("with limits, a load gives another object")
    again = versionpickle.dumps(found)
    if b"versionpickle" not in again:
        raise AssertionError("the new pickle has no stamp")
    for load in (versionpickle.loads, pickle.loads):
        if facts.told(package, load(again)) != told:
            raise AssertionError(f"after a dump, {load.__module__}.loads gives another object")
    return told


def main(how: str, package: str) -> None:
    if how == "versionpickle":
        importlib.import_module(f"declare_{package}")
    look = plainly if how == "plain" else versioned
    report = {
        file.name: outcome(partial(look, package, file.read_bytes()), facts.recorded(file))
        for file in facts.files(package)
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
