"""Verify a place: read every byte and report what is damaged."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

import attrs

from versionpickle._wire.refs import public
from versionpickle.exceptions import VersionPickleError
from versionpickle.stores._records import Damage, Key, Records


_REPORTED_MAX = 1000


@public("versionpickle.sweeping")
@attrs.frozen
class Verification:
    """What a verification has found, up to now or up to its end."""

    good: int = 0
    damaged: int = 0
    damages: tuple[Damage, ...] = ()
    """The first of them: a key and a problem, or no key if the place itself is damaged."""

    def __str__(self) -> str:
        return f"{self.good} good, {self.damaged} damaged"


def verifying(
    records: Records, load: Callable[[bytes], Any] | None = None
) -> Iterator[Verification]:
    """Read everything, and with *load* also load each object; yield what is known so far."""
    state = Verification()
    damaged: set[Key | None] = set()
    for found in records.examine():
        if isinstance(found, Damage):
            damaged.add(found.key)
            state = _with(state, found)
        else:
            state = attrs.evolve(state, good=state.good + found)
        yield state
    for damage in () if load is None else _unloadable(records, load, damaged):
        state = _with(attrs.evolve(state, good=max(state.good - 1, 0)), damage)
        yield state


def _with(state: Verification, damage: Damage) -> Verification:
    damages = (*state.damages, damage)[:_REPORTED_MAX]
    return attrs.evolve(state, damaged=state.damaged + 1, damages=damages)


def _unloadable(
    records: Records, load: Callable[[bytes], Any], damaged: Container[Key | None]
) -> Iterator[Damage]:
    for key in records.keys():  # noqa: SIM118 - this is not a mapping
        if key in damaged:
            continue
        try:
            data = records.read(key)
        except (KeyError, VersionPickleError):  # it was deleted or damaged meanwhile
            continue
        try:
            load(data)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it becomes a row of the report
            yield Damage(key, str(exc) if isinstance(exc, VersionPickleError) else repr(exc))
