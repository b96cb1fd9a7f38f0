"""What a sweep remembers of pickles that stand elsewhere: a file beside them."""

from __future__ import annotations

import os
import zlib

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from versionpickle.exceptions import NotAStoreError
from versionpickle.stores._records import Failure, Key
from versionpickle.stores._sqlite.database import Database


SUFFIX = ".versionpickle"

_APPLICATION = 0x5650_4B45
"""How the header of the file says what it is: "VPKE"."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS originals (key PRIMARY KEY, before BLOB, after INTEGER)",
    "CREATE TABLE IF NOT EXISTS begun (key PRIMARY KEY, prior INTEGER)",
    "CREATE TABLE IF NOT EXISTS aside (name PRIMARY KEY, data BLOB)",
    """CREATE TABLE IF NOT EXISTS parked
        (key PRIMARY KEY, sum INTEGER, ref TEXT, version INTEGER, step TEXT, reason TEXT)""",
    f"PRAGMA application_id = {_APPLICATION}",
)


_SOME = 1000


def mark_of(data: bytes) -> int:
    """Return a number by which bytes are known again: a checksum and their size."""
    return zlib.crc32(data) << 28 ^ len(data)


class Journal:
    """
    Keep originals and failures; the file is made when there is something to keep.

    What is begun stands in it before the first byte elsewhere is changed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._database: Database | None = None

    def close(self) -> None:
        """Let go of the file; one in which nothing is kept is deleted."""
        if self._database is None:
            return
        is_empty = not any(self._count(table) for table in ("originals", "begun", "parked"))
        self._database.close()
        self._database = None
        if is_empty:
            os.unlink(self.path)

    def _count(self, table: str) -> int:
        rows = self._read(f"SELECT COUNT(*) FROM {table}")
        return int(rows[0][0]) if rows else 0

    def _read(self, sql: str, values: Iterable[Any] = ()) -> list[Any]:
        if self._database is None and not os.path.exists(self.path):
            return []
        return self._opened().read(sql, tuple(values))

    def _opened(self) -> Database:
        if self._database is None:
            database = Database(self.path)
            try:
                self._prepare(database)
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _prepare(self, database: Database) -> None:
        ((application,),) = database.read("PRAGMA application_id")
        if application not in {0, _APPLICATION}:
            problem = "this file stands where the originals of a migration are kept"
            raise NotAStoreError(self.path, problem, "move it away")
        database.read("PRAGMA journal_mode = WAL")
        with database.transaction():
            for statement in _SCHEMA:
                database.write(statement)

    # A batch

    def begin(self, changes: list[tuple[Key, bytes, bytes]], aside: dict[str, bytes]) -> None:
        """Keep originals of what is about to be replaced, and what else is needed to undo it."""
        database = self._opened()
        rows = [(key, before, mark_of(after), mark_of(before)) for key, before, after in changes]
        with database.transaction():
            database.write_many(_BEGIN, [(key, key) for key, *_ in changes])
            database.write_many(_KEEP, rows, size=sum(len(before) for _, before, _ in changes))
            database.write_many("INSERT INTO aside VALUES (?, ?)", aside.items())

    def end(self, left: Iterable[Key]) -> None:
        """Note that a batch is done, but for what is *left* as somebody else wrote it."""
        self._end("DELETE FROM originals WHERE key = ?", left)

    def undo(self, left: Iterable[Key]) -> None:
        """Note that a batch was given up, and that what is *left* is as it was before it."""
        self._end(_GIVE_UP, left)

    def _end(self, sql: str, keys: Iterable[Key]) -> None:
        database = self._opened()
        with database.transaction():
            database.write_many(sql, [(key,) for key in keys])
            database.write("DELETE FROM originals WHERE after IS NULL")
            database.write("DELETE FROM begun")
            database.write("DELETE FROM aside")

    def begun(self) -> list[tuple[Key, bytes, int]]:
        """Return the originals of a batch that was not ended, and what they were to become."""
        return self._read("SELECT key, before, after FROM begun JOIN originals USING (key)")

    def aside(self) -> dict[str, bytes]:
        return dict(self._read("SELECT name, data FROM aside"))

    # Originals

    def originals(self) -> int:
        return self._count("originals")

    def some_originals(self) -> list[tuple[Key, bytes, int]]:
        return self._read(f"SELECT key, before, after FROM originals ORDER BY key LIMIT {_SOME}")

    def drop_originals(self, keys: Iterable[Key]) -> None:
        with self._opened().transaction():
            self._opened().write_many(
                "DELETE FROM originals WHERE key = ?", [(key,) for key in keys]
            )

    def forget_originals(self) -> int:
        count = self.originals()
        if count:
            self._opened().write("DELETE FROM originals")
        return count

    # Failures

    def park(self, parked: Iterable[tuple[Failure, int | None]]) -> None:
        rows = [
            (one.key, mark, one.ref, one.version, one.step, one.reason) for one, mark in parked
        ]
        with self._opened().transaction():
            sql = "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?)"
            self._opened().write_many(sql, rows)

    def parked(self) -> Iterator[tuple[Failure, int | None]]:
        rows = self._read("SELECT key, ref, version, step, reason, sum FROM parked ORDER BY key")
        return ((Failure(*row[:-1]), row[-1]) for row in rows)

    def unpark(self, keys: Sequence[Key]) -> None:
        if not keys:
            return
        with self._opened().transaction():
            sql = "DELETE FROM parked WHERE key = ?"
            self._opened().write_many(sql, [(key,) for key in keys])


_BEGIN = "INSERT INTO begun SELECT ?, (SELECT after FROM originals WHERE key = ?)"
_GIVE_UP = """UPDATE originals
    SET after = (SELECT prior FROM begun WHERE begun.key = originals.key) WHERE key = ?"""
_KEEP = """INSERT INTO originals (key, before, after) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
    before = CASE WHEN after = ? THEN before ELSE excluded.before END,
    after = excluded.after"""
"""The original of what a migration wrote is that from before it."""
