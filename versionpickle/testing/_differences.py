"""List the differences between two objects, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from versionpickle._classes.codecs.base import value_or
from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.rewrite.snapshot import is_same, snapshot
from versionpickle._project.part_differences import ABSENT, PartDifference, differences


def objects_differ(was: object, found: object) -> list[PartDifference]:
    """Return what differs between two objects."""
    return list(differences(snapshot(was), snapshot(found)))


def attributes_differ(
    instrumentation: Instrumentation, was: object, found: object
) -> Iterator[PartDifference]:
    """
    Yield the attributes in which two objects of one class differ.

    Of transient ones it counts that they are there.
    """
    attributes, others = attributes_of(instrumentation, was), attributes_of(instrumentation, found)
    for name in {**attributes, **others}:
        value, other = attributes.get(name, ABSENT), others.get(name, ABSENT)
        if value is ABSENT or other is ABSENT:
            yield PartDifference(
                name, *(one if one is ABSENT else repr(one) for one in (value, other))
            )
        elif not (name in instrumentation.declaration.transient or _looks_same(value, other)):
            yield PartDifference(name, repr(value), repr(other))


def _looks_same(value: object, other: object) -> bool:
    try:
        return is_same(snapshot(value), snapshot(other))
    except Exception:  # noqa: BLE001 - a lock, a file: what cannot be pickled cannot be compared
        return type(value) is type(other)


def attributes_of(instrumentation: Instrumentation, obj: object) -> dict[str, Any]:
    """Return the attributes of an object, but what is computed from others."""
    layout = instrumentation.codec.layout
    found = {
        field.name: value_or(obj, field, ABSENT) for field in (*layout.fields, *layout.transients)
    }
    return {
        name: value
        for name, value in {**getattr(obj, "__dict__", {}), **found}.items()
        if value is not ABSENT and not (name in layout.derived and name not in found)
        if not name.startswith("__pydantic_")
    }
