"""The failures of a migration, each valid as long as its record is unchanged."""

from __future__ import annotations

import contextlib
import json

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import attrs

from versionpickle.exceptions import DamagedStoreError, StoreError
from versionpickle.stores._records import Damage, Failure

from .database import Database, fetch_one
from .undecodable import UndecodableText


class Failures:
    """Keep the failures of a migration, each with the checksum of its record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, failures: Iterable[tuple[Failure, int]]) -> set[str]:
        """Add failures, each with its record's checksum; return the keys whose have another."""
        others = set()
        with self._database.transaction():
            for failure, checksum in failures:
                row = self._database.fetch(fetch_one, _RECORD, (failure.key,))
                if row == (checksum,):
                    values = (*attrs.astuple(failure), checksum)
                    self._database.write(_ADD, (*values, _sum(*values)), size=len(failure.reason))
                elif not isinstance(failure.key, UndecodableText):  # which no key can find
                    others.add(failure.key)
        return others

    def clear(self) -> None:
        if self._database.fetch(fetch_one, f"{_SELECT} LIMIT 1", ()):
            self._database.write("DELETE FROM parked")

    def all(self) -> list[Failure]:
        """Return those whose records are unchanged."""
        rows = self._database.read(f"{_SELECT} WHERE key IN ({_UNCHANGED})")
        return [Failure(*row[:5]) for row in rows]

    def examine(self) -> Iterator[Damage]:
        """Yield what is damaged, and drop it: the next migration finds it again."""
        try:
            rows = self._database.read(_SELECT)
        except DamagedStoreError:
            yield Damage(None, "the failures of migrations cannot be read")
            return
        for *row, checksum in rows:
            if _sum(*row) != checksum:
                key = row[0]
                yield Damage(key, "the reason of its failure is not what was stored")
                if not self._database.is_read_only:
                    with contextlib.suppress(StoreError):
                        self._database.write("DELETE FROM parked WHERE key IS ?", (key,))


_RECORD = "SELECT sum FROM records WHERE key = ?"
_ADD = "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT key, ref, version, step, reason, record, sum FROM parked"
_UNCHANGED = """SELECT parked.key FROM parked CROSS JOIN records ON parked.key = records.key
    WHERE parked.record = records.sum"""
"""Only failures are read, however many records there are: a CROSS JOIN keeps this order."""


def _sum(*row: Any) -> int:
    return crc32(json.dumps(row, default=repr).encode())
