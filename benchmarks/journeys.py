"""
Count how far four journeys lead through the package: calls, modules, and changes of module.

    python benchmarks/journeys.py

A change of module is a call that enters another module than the call before it.
Each journey has a process of its own; what Python itself names with brackets, such as the
body of a module or a comprehension, is no call.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

import versionpickle

from versionpickle import Registry, adopt, migration, versioned
from versionpickle.migrations import add, default_registry, rename


PACKAGE = str(Path(versionpickle.__file__).parent)


def journey(function: Callable[[], Any]) -> tuple[int, int, int]:
    """Return the calls, the modules entered and the changes of module of one run."""
    entered: list[str] = []

    def note(frame: Any, event: str, arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and code.co_name[0] != "<":
            entered.append(code.co_filename)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    changes = sum(here != before for here, before in zip(entered[1:], entered, strict=False))
    return len(entered), len(set(entered)), changes


def order_class(version: int) -> type:
    """Declare today's class, or one of yesterday."""
    fields = {1: ("number", "total"), 2: ("number", "amount"), 3: ("number", "amount", "unit")}
    cls = attrs.make_class("Order", fields[version])
    cls.__module__ = __name__
    globals()["Order"] = cls
    return cls


def declare(version: int) -> type:
    vars(default_registry).update(vars(Registry(default_registry.name)))
    cls = versioned(version=version, name="shop.order")(order_class(version))
    if version == 3:
        migration(cls, 1, rename("total", "amount"))
        migration(cls, 2, add("unit", "kg"))
    return cls


def first_dump() -> tuple[int, int, int]:
    obj = declare(3)(1, 2, "kg")
    return journey(lambda: pickle.dumps(obj))


def first_old_load() -> tuple[int, int, int]:
    data = pickle.dumps(declare(1)(1, 2))
    declare(3)
    return journey(lambda: versionpickle.loads(data))


def warm_unstamped_load() -> tuple[int, int, int]:
    data = pickle.dumps(order_class(1)(1, 2))
    vars(default_registry).update(vars(Registry(default_registry.name)))
    cls = order_class(3)
    adopt(cls, version=3)
    migration(cls, 1, rename("total", "amount"))
    migration(cls, 2, add("unit", "kg"))
    versionpickle.loads(data)
    versionpickle.loads(data)
    return journey(lambda: versionpickle.loads(data))


def warm_migration() -> tuple[int, int, int]:
    with tempfile.TemporaryDirectory() as folder, versionpickle.open(f"{folder}/db") as store:
        cls = declare(1)
        for key in "abc":
            store[key] = cls(1, 2)
        declare(3)
        store.migrate()
        store.rollback()
        return journey(store.migrate)


JOURNEYS = {
    "first dump of a class": first_dump,
    "first load of an old stamped object": first_old_load,
    "load of an unstamped adopted object, once warm": warm_unstamped_load,
    "migration of three records, once warm": warm_migration,
}


def main() -> None:
    if sys.argv[1:]:
        print(*JOURNEYS[sys.argv[1]]())
        return
    print(f"{'':48}{'calls':>7}{'modules':>9}{'changes':>9}")
    for name in JOURNEYS:
        command = [sys.executable, __file__, name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"{name:48}" + "{:>7}{:>9}{:>9}".format(*done.stdout.split()))


if __name__ == "__main__":
    main()
