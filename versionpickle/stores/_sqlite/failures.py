"""What a migration could not upgrade, and why, as long as it is still there unchanged."""

from __future__ import annotations

import contextlib
import json

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

from versionpickle.exceptions import DamagedStoreError, StoreError
from versionpickle.stores._records import Damage, Failure

from .database import Database, UndecodableText, first


class Failures:
    """Keep why records were parked, each with the checksum of the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def park(self, parked: Iterable[tuple[Failure, int]]) -> set[str]:
        """Park records, each with its checksum; return the keys of those that have another."""
        others = set()
        with self._database.transaction():
            for one, record in parked:
                found = self._database.fetch(first, _RECORD, (one.key,))
                if found == (record,):
                    row = (one.key, one.ref, one.version, one.step, one.reason, record)
                    self._database.write(_PARK, (*row, _sum(*row)), size=len(one.reason))
                elif not isinstance(one.key, UndecodableText):  # which nobody can find by its key
                    others.add(one.key)
        return others

    def unpark(self) -> None:
        if self._database.fetch(first, f"{_SELECT} LIMIT 1", ()):
            self._database.write("DELETE FROM parked")

    def parked(self) -> list[Failure]:
        rows = self._database.read(f"{_SELECT} WHERE key IN ({_STILL_PARKED})")
        return [Failure(*row[:5]) for row in rows]

    def examine(self) -> Iterator[Damage]:
        """Yield what is damaged, and drop it: the next migration finds it out again."""
        try:
            rows = self._database.read(_SELECT)
        except DamagedStoreError:
            yield Damage(None, "what is parked cannot be read")
            return
        for *row, checksum in rows:
            if _sum(*row) != checksum:
                key = row[0]
                yield Damage(key, "why it is parked is not what was noted")
                if not self._database.is_read_only:
                    with contextlib.suppress(StoreError):
                        self._database.write("DELETE FROM parked WHERE key IS ?", (key,))


_RECORD = "SELECT sum FROM records WHERE key = ?"
_PARK = "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT key, ref, version, step, reason, record, sum FROM parked"
_STILL_PARKED = """SELECT parked.key FROM parked CROSS JOIN records ON parked.key = records.key
    WHERE parked.record = records.sum"""
"""Those that are parked, however many others there are: a CROSS JOIN keeps this order."""


def _sum(*row: Any) -> int:
    return crc32(json.dumps(row, default=repr).encode())
