"""What differs between two snapshots, or two objects, part by part."""

from __future__ import annotations

import json

from collections.abc import Iterator
from typing import Any

import attrs

from versionpickle._classes.codecs.base import value_or
from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.rewrite.snapshot import is_same, snapshot


@attrs.frozen
class PartDifference:
    """A part that has changed; *was* or *found* is ABSENT if it was added or removed."""

    place: str
    was: Any
    found: Any

    def __str__(self) -> str:
        place = self.place or "the whole"
        return f"{place} was {_shown(self.was)}, and is {_shown(self.found)}"


ABSENT = object()


def _shown(part: Any) -> str:
    return "not there" if part is ABSENT else json.dumps(part)


def differences(was: Any, found: Any, place: str = "") -> Iterator[PartDifference]:
    """
    Yield what differs between two snapshots, each by its place.

    >>> was = {"class": "m:C", "state": {"dict": [["a", 1], ["b", [2, 3]]]}}
    >>> found = {"class": "m:C", "state": {"dict": [["a", 1], ["b", [2, 4]]]}}
    >>> print(*differences(was, found))
    .b[1] was 3, and is 4
    """
    if type(was) is type(found) and isinstance(was, list | dict):
        parts, others = _parts(was), _parts(found)
        if [*parts] == [*others] or isinstance(was, dict):
            for name in {**parts, **others}:
                pair = parts.get(name, ABSENT), others.get(name, ABSENT)
                yield from differences(*pair, f"{place}{name}")
            return
    if was is ABSENT or found is ABSENT or not is_same(was, found):
        yield PartDifference(place, was, found)


def _parts(snapshot: Any) -> dict[str, Any]:
    """Return the parts of a snapshot, by how a user would write the access to each."""
    if isinstance(snapshot, list):
        return {f"[{number}]": part for number, part in enumerate(snapshot)}
    if snapshot.keys() == {"tuple"}:
        return _parts(snapshot["tuple"])
    if snapshot.keys() == {"dict"}:
        return {f"[{json.dumps(key)}]": value for key, value in snapshot["dict"]}
    if "class" not in snapshot:
        return {f" as {name}": part for name, part in snapshot.items()}
    state = snapshot.get("state")
    if not (isinstance(state, dict) and state.keys() == {"dict"}):
        return {f" ({name})": part for name, part in snapshot.items()}
    rest = {f" ({name})": part for name, part in snapshot.items() if name != "state"}
    return rest | {f".{name}": value for name, value in state["dict"]}


def objects_differ(was: object, found: object) -> list[PartDifference]:
    """Return what differs between two objects."""
    return list(differences(snapshot(was), snapshot(found)))


def attributes_differ(
    hooks: Instrumentation, was: object, found: object
) -> Iterator[PartDifference]:
    """
    Yield the attributes in which two objects of one class differ.

    Of transient ones it counts that they are there.
    """
    attributes, others = attributes_of(hooks, was), attributes_of(hooks, found)
    for name in {**attributes, **others}:
        value, other = attributes.get(name, ABSENT), others.get(name, ABSENT)
        if value is ABSENT or other is ABSENT:
            yield PartDifference(
                name, *(one if one is ABSENT else repr(one) for one in (value, other))
            )
        elif not (name in hooks.declaration.transient or _looks_same(value, other)):
            yield PartDifference(name, repr(value), repr(other))


def _looks_same(value: object, other: object) -> bool:
    try:
        return is_same(snapshot(value), snapshot(other))
    except Exception:  # noqa: BLE001 - a lock, a file: what cannot be pickled cannot be compared
        return type(value) is type(other)


def attributes_of(hooks: Instrumentation, obj: object) -> dict[str, Any]:
    """Return the attributes of an object, but what is computed from others."""
    layout = hooks.codec.layout
    found = {
        field.name: value_or(obj, field, ABSENT) for field in (*layout.fields, *layout.transients)
    }
    return {
        name: value
        for name, value in {**getattr(obj, "__dict__", {}), **found}.items()
        if value is not ABSENT and not (name in layout.derived and name not in found)
        if not name.startswith("__pydantic_")
    }
