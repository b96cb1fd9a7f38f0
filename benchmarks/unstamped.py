"""
Measure the load of objects that plain pickle stored before their class was adopted.

    python benchmarks/unstamped.py

Each ratio compares with plain pickle and the same class unversioned; both sides take turns.
"""

from __future__ import annotations

import dataclasses
import functools
import pickle

from collections.abc import Callable
from typing import Any

import attrs

from ratios import COUNT, ratio, table

import versionpickle

from versionpickle import adopt, migration
from versionpickle.migrations import add, rename


OLD = ("number", "label", "price", "total", "note")
NEW = ("number", "label", "price", "amount", "note", "unit")


def plain(name: str, fields: tuple[str, ...]) -> type:
    def __init__(self: Any, *values: Any) -> None:
        for field, value in zip(fields, values, strict=True):
            setattr(self, field, value)

    return type(name, (), {"__init__": __init__})


KINDS: dict[str, Callable[[str, tuple[str, ...]], type]] = {
    "plain class": plain,
    "attrs slots": functools.partial(attrs.make_class, slots=True),
    "dataclass": dataclasses.make_dataclass,
}


def declared(kind: str, name: str, fields: tuple[str, ...]) -> type:
    """Return a class of this name and these fields, which pickles find under its name."""
    cls = KINDS[kind](name, fields)
    cls.__module__ = __name__
    globals()[name] = cls
    return cls


def pickled(cls: type) -> bytes:
    return pickle.dumps([cls(i, f"label {i}", i / 2, i * 300, "note") for i in range(COUNT)])


def adopted(kind: str, *, steps: int) -> bytes:
    """Return old objects of a class that has been adopted since, and changed by so many steps."""
    name = f"Adopted{steps}{kind.title().replace(' ', '')}"
    data = pickled(declared(kind, name, OLD))
    cls = declared(kind, name, NEW if steps else OLD)
    adopt(cls, version=1 + steps)
    if steps:
        migration(cls, 1, rename("total", "amount"))
        migration(cls, 2, add("unit", "kg"))
    return data


def rows() -> list[list[Any]]:
    found = []
    for kind in KINDS:
        base = pickled(declared(kind, f"Base{kind.title().replace(' ', '')}", OLD))
        for steps in (0, 2):
            data = adopted(kind, steps=steps)
            found.append([kind, str(steps)])
            for loads in (pickle.loads, versionpickle.loads):
                of_both = ratio(lambda: loads(data), lambda: pickle.loads(base))  # noqa: B023 - it is called at once
                found[-1].append(of_both[0])
    return found


def main() -> None:
    print(table(["", "operations", "pickle.loads", "versionpickle.loads"], rows()))


if __name__ == "__main__":
    main()
