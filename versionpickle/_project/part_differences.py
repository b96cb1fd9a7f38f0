"""List the differences between two snapshots, part by part."""

from __future__ import annotations

import json

from collections.abc import Iterator
from typing import Any

import attrs

from versionpickle._pickles.rewrite.snapshot import is_same


@attrs.frozen
class PartDifference:
    """A part that has changed; *was* or *found* is ABSENT if it was added or removed."""

    place: str
    was: Any
    found: Any
    owner: str | None = None
    """The class of the innermost object that it is part of."""

    def __str__(self) -> str:
        place = self.place or "the whole"
        return f"{place} was {_shown(self.was)}, and is {_shown(self.found)}"


ABSENT = object()


def _shown(part: Any) -> str:
    return "not there" if part is ABSENT else json.dumps(part)


def differences(
    was: Any, found: Any, place: str = "", owner: str | None = None
) -> Iterator[PartDifference]:
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
            owner = was.get("class", owner) if isinstance(was, dict) else owner
            for name in {**parts, **others}:
                pair = parts.get(name, ABSENT), others.get(name, ABSENT)
                yield from differences(*pair, f"{place}{name}", owner)
            return
    if was is ABSENT or found is ABSENT or not is_same(was, found):
        yield PartDifference(place, was, found, owner)


def place_in(snapshot: Any, refs: set[str], place: str = "") -> str | None:
    """
    Return where in a snapshot the first object of one of these classes is.

    >>> lamp = {"class": "m:Lamp", "state": {"dict": [["colour", {"member": "m:Colour.RED"}]]}}
    >>> place_in(lamp, {"m:Colour"}), place_in(lamp, {"m:Shape"})
    ('.colour', None)
    """
    if isinstance(snapshot, dict):
        named = {snapshot.get("class"), snapshot.get("name")}
        if named & refs or str(snapshot.get("member")).rpartition(".")[0] in refs:
            return place
    elif not isinstance(snapshot, list):
        return None
    found = (place_in(part, refs, f"{place}{name}") for name, part in _parts(snapshot).items())
    return next((one for one in found if one is not None), None)


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
