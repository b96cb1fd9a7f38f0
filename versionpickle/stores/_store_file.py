"""The file of a store: records with checksums and labels, in SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import time

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from versionpickle._label import Label
from versionpickle._noting import PROTOCOL
from versionpickle.exceptions import (
    DamagedRecordError,
    DamagedStoreError,
    LockedStoreError,
    NotAStoreError,
)

from ._checksum import MIGRATED, is_whole, sum_of
from ._database import Database, Durability
from ._examine import examined
from ._labels import DAMAGED, Labels
from ._records import Damage, Judge, Key, Labelled, Parked, Record, Records, Tell, ignore


FORMAT = 1
"""See docs/reference/store-format.md."""

APPLICATION = 0x5650_4B4C
"""How the header of the file says what it is: "VPKL"."""

_SCHEMA = (
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        data BLOB NOT NULL,
        sum INTEGER NOT NULL,
        label INTEGER NOT NULL,
        migrated INTEGER
    )""",
    "CREATE INDEX records_by_label ON records (label, key)",
    """CREATE TABLE labels (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE,
        sum INTEGER NOT NULL
    )""",
    """CREATE TABLE originals (
        key TEXT PRIMARY KEY,
        data BLOB NOT NULL,
        sum INTEGER NOT NULL,
        label INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE parked (
        key TEXT PRIMARY KEY,
        sum INTEGER NOT NULL,
        ref TEXT,
        version INTEGER,
        step TEXT,
        reason TEXT NOT NULL
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)

_WHAT_IT_IS = """SELECT (SELECT COUNT(*) FROM sqlite_schema), application_id, user_version
    FROM pragma_application_id, pragma_user_version"""
"""In one statement, for others may make it a store at this moment."""

_READ = "SELECT data, sum, label, migrated, id FROM records WHERE key = ?"
_WRITE = """INSERT INTO records (key, data, sum, label) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE
    SET data = excluded.data, sum = excluded.sum, label = excluded.label, migrated = NULL"""
_REPLACE = """UPDATE records SET data = ?, sum = ?, label = ?, migrated = NULL
    WHERE key = ? AND data = ?"""
_PAGE = 500
"""How many records are read at a time."""

_LAST = chr(0x10FFFF)


class StoreFile(Records):
    """The records of a store."""

    protocol = PROTOCOL
    has_labels = True

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        durability: Durability = "full",
        timeout: float = 30,
    ) -> None:
        self.address = path
        _check_there(path, read_only=read_only)
        self.database = Database(path, read_only=read_only, durability=durability, timeout=timeout)
        self.labels = Labels(self.database)
        try:
            self._begin(timeout)
        except BaseException:
            self.database.close()
            raise

    def _begin(self, timeout: float) -> None:
        if self._is_ours():
            return
        if self.database.is_read_only:
            problem = "it is empty: nothing was ever stored in it"
            raise NotAStoreError(self.address, problem, "open it once without read_only=True")
        _until(timeout, lambda: self.database.read("PRAGMA journal_mode = WAL"))
        with self.database.transaction():
            for statement in () if self._is_ours() else _SCHEMA:  # of several, one makes it
                self.database.write(statement)

    def _is_ours(self) -> bool:
        """Tell whether this is a store already; False if it may be made one."""
        ((tables, application, number),) = self._said(_WHAT_IT_IS)
        if application == APPLICATION and number > FORMAT:
            problem = f"it is of format {number}, and this code knows formats up to {FORMAT}"
            raise NotAStoreError(self.address, problem, "update versionpickle")
        if application == APPLICATION and number == FORMAT:
            return True
        if not tables and not application:
            return False
        problem = "this is an SQLite database, but no store of versionpickle"
        cure = f"name another file, or one of its tables: 'sqlite:{self.address}?table=...&value=...'"
        raise NotAStoreError(self.address, problem, cure)

    def _said(self, sql: str) -> list[Any]:
        try:
            return self.database.read(sql)
        except DamagedStoreError as exc:
            if getattr(exc.__cause__, "sqlite_errorname", "") != "SQLITE_NOTADB":
                raise
            problem = "this is no store, and no SQLite database"
            cure = (
                "name the right file, or say what it is: 'shelve:FILE', or 'dir:FOLDER/*.pickle'"
            )
            raise NotAStoreError(self.address, problem, cure) from exc

    def close(self) -> None:
        self.database.close()

    # Records

    def count(self) -> int:
        ((count,),) = self.database.read("SELECT COUNT(*) FROM records")
        return int(count)

    def keys(self, prefix: str = "") -> Iterator[Key]:
        for (key,) in self._pages("key", prefix):
            yield key

    def scan(self, prefix: str = "") -> Iterator[Record]:
        for row in self._pages("key, data, sum, label, migrated, id", prefix):
            yield from self._records_of([row])

    def _pages(self, columns: str, prefix: str, where: str = "") -> Iterator[tuple[Any, ...]]:
        """Yield rows in the order of their keys, a page at a time: none is held open for long."""
        sql = f"SELECT {columns} FROM records WHERE key >= ? AND key < ? {where}"
        start, end = prefix, _behind(prefix)
        if end is None:
            sql, end = sql.replace("key < ?", "? IS NULL"), None
        sql += f" ORDER BY key LIMIT {_PAGE}"
        rows = self.database.read(sql, (start, end))
        while rows:
            yield from rows
            if len(rows) < _PAGE:
                return
            after = sql.replace("key >= ?", "key > ?")
            rows = self.database.read(after, (rows[-1][0], end))

    def read(self, key: Key) -> bytes:
        return self.read_labelled(key)[0]

    def read_labelled(self, key: Key) -> tuple[bytes, int, int]:
        """Return the bytes of a record, its label's number and its place, if it is whole."""
        row = self.database.read_one(_READ, (key,))
        if row is None:
            raise KeyError(key)
        data, found, number, migrated, place = row
        if not is_whole(key, data, found, number, migrated):
            raise self.damaged(key, number)
        return data, number, place

    def damaged(self, key: str, number: int) -> DamagedRecordError:
        problem = "its bytes are not those that were stored"
        if number == DAMAGED:
            problem += ", as verify() found out"
        damaged = DamagedRecordError(self.address, problem)
        damaged.key = key
        return damaged

    def write(self, key: str, data: bytes, label: Label) -> None:
        number = self.labels.known(label)
        if number is None:
            self.put([(key, data, label)])
        else:
            values = (key, data, sum_of(key, data, number), number)
            self.database.write(_WRITE, values, size=len(data))

    def put(self, pickles: list[Labelled]) -> None:
        """Write many records, in one transaction."""
        with self._labelling({label for *_, label in pickles}) as numbers:
            rows = [
                (key, data, sum_of(key, data, numbers[label]), numbers[label])
                for key, data, label in pickles
            ]
            size = sum(len(row[1]) for row in rows)
            self.database.write_many(_WRITE, rows, size=size)

    def replace(self, key: str, before: bytes, data: bytes, label: Label) -> bool:
        """Write a record in place of *before*; tell whether it still was there."""
        with self._labelling({label}) as numbers:
            number = numbers[label]
            values = (data, sum_of(key, data, number), number, key, before)
            return bool(self.database.write(_REPLACE, values, size=len(data)))

    @contextlib.contextmanager
    def _labelling(self, labels: set[Label]) -> Iterator[dict[Label, int]]:
        """Carry out a transaction, and remember the numbers of labels if it was committed."""
        with self.database.transaction():
            numbers = {label: self.labels.number(label) for label in labels}
            yield numbers
        if not self.database.is_in_transaction:
            self.labels.remember(numbers)

    def delete(self, key: str) -> None:
        if not self.database.write("DELETE FROM records WHERE key = ?", (key,)):
            raise KeyError(key)

    def clear(self) -> None:
        self.database.write("DELETE FROM records")

    def has(self, key: str) -> bool:
        return bool(self.database.read("SELECT 1 FROM records WHERE key = ?", (key,)))

    # Labels

    def tally(self, tell: Tell = ignore) -> dict[Label | None, int]:
        rows = self.database.read("SELECT label, COUNT(*) FROM records GROUP BY label")
        known = self.labels.all()
        counts: dict[Label | None, int] = {}
        for number, count in rows:
            label = known.get(number)
            counts[label] = counts.get(label, 0) + count
        return counts

    def wanted(self, is_wanted: Judge) -> list[int]:
        """Return the numbers of the labels that are wanted, of those that records have."""
        return [number for number, label in self.labels.all().items() if is_wanted(label)]

    def batches(self, is_wanted: Judge, size: int) -> Iterator[list[Record]]:
        numbers = self.wanted(is_wanted)
        place, after = "key >= ?", ""
        while numbers and (rows := self.database.read(*_next(numbers, place, after, size))):
            yield self._records_of(rows)
            place, after = "key > ?", rows[-1][0]

    def _records_of(self, rows: list[Any]) -> list[Record]:
        return [
            Record(key, data, place)
            if is_whole(key, data, *rest)
            else Record(key, data, place, self.damaged(key, rest[1]).problem)
            for key, data, *rest, place in rows
        ]

    # Migrations

    def swap(self, records: list[Record], pickles: list[bytes], labels: list[Label]) -> set[Key]:
        with self._labelling({*labels}) as numbers:
            rows = [  # of all loops over a large store, this is one of the longest
                (data, sum_of(key, data, number) + MIGRATED, number, place, key, before)
                for (key, before, place, _), data, number in zip(
                    records, pickles, map(numbers.__getitem__, labels), strict=True
                )
            ]
            try:
                self._swap_all(rows)
            except _OvertakenError:
                return self._swap_each(rows)
        return set()

    def _swap_all(self, rows: list[tuple[Any, ...]]) -> None:
        with self.database.transaction():
            places = json.dumps([place for *_, place, _, _ in rows])
            among = f"{_KEEP} AND id IN (SELECT value FROM json_each(?))"
            self.database.write(among, (places,))
            size = sum(len(row[0]) for row in rows)
            if self.database.write_many(_SWAP, rows, size=size) < len(rows):
                raise _OvertakenError

    def _swap_each(self, rows: list[tuple[Any, ...]]) -> set[Key]:
        """Swap what is unchanged; return the keys of the others."""
        overtaken = set()
        for row in rows:
            *_, key, _ = row
            self.database.write(f"{_KEEP} AND {_UNCHANGED}", row[3:])
            if not self.database.write(_SWAP, row, size=len(row[0])):
                overtaken.add(key)
        return overtaken

    def park(self, parked: Iterable[Parked]) -> None:
        with self.database.transaction():
            self.database.write(f"DELETE FROM parked WHERE key NOT IN ({_STILL_PARKED})")
            rows = [(one.ref, one.version, one.step, one.reason, one.key) for one in parked]
            self.database.write_many(_PARK, rows)

    def parked(self) -> list[Parked]:
        rows = self.database.read(
            f"SELECT key, ref, version, step, reason FROM parked WHERE key IN ({_STILL_PARKED})"
        )
        return [Parked(*row) for row in rows]

    def originals(self) -> int:
        ((count,),) = self.database.read("SELECT COUNT(*) FROM originals")
        return int(count)

    def forget_originals(self) -> int:
        return self.database.write("DELETE FROM originals")

    def put_back(self, size: int) -> Iterator[tuple[int, int]]:
        while True:
            with self.database.transaction():
                sql = f"SELECT key FROM originals ORDER BY key LIMIT {size}"
                keys = self.database.read(sql)
                if not keys:
                    return
                ends = keys[0][0], keys[-1][0]
                back = self.database.write(_PUT_BACK, ends)
                self.database.write("DELETE FROM originals WHERE key BETWEEN ? AND ?", ends)
            yield back, len(keys) - back

    # Verification

    def examine(self) -> Iterator[int | Damage]:
        return examined(self.database)


def _check_there(path: str, *, read_only: bool) -> None:
    """Refuse what SQLite would only say that it cannot open."""
    if os.path.isdir(path):
        problem = "this is a folder"
        raise NotAStoreError(
            path, problem, f"name a file, or 'dir:{path}/*.pickle' for the files in it"
        )
    if read_only and not os.path.exists(path):
        raise NotAStoreError(path, "there is no such file", "look at its name")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise NotAStoreError(path, f"there is no folder {folder}", "make it first")


def _until(timeout: float, attempt: Callable[[], object]) -> None:
    """Try until nobody else holds the file: SQLite does not wait when it turns the log on."""
    end = time.monotonic() + timeout
    while True:
        try:
            attempt()
        except LockedStoreError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


def _next(numbers: list[int], place: str, after: str, size: int) -> tuple[str, tuple[str, ...]]:
    """Return a query for the next records with one of these labels, in the order of keys."""
    end = f"AND {place} ORDER BY key LIMIT {size}"
    if len(numbers) > _FEW:
        return f"{_SELECT} WHERE +label IN ({', '.join(map(str, numbers))}) {end}", (after,)
    if len(numbers) == 1:
        return f"{_SELECT} WHERE label = {numbers[0]} {end}", (after,)
    parts = " UNION ALL ".join(
        f"SELECT * FROM (SELECT id, key FROM records WHERE label = {number} {end})"
        for number in numbers
    )
    first = f"SELECT id FROM ({parts}) ORDER BY key LIMIT {size}"
    return f"{_SELECT} WHERE id IN ({first}) ORDER BY key", (after,) * len(numbers)


_FEW = 16
_SELECT = "SELECT key, data, sum, label, migrated, id FROM records"


class _OvertakenError(Exception):
    """Say that somebody else changed a record of a batch; never leaves a swap."""


_UNCHANGED = "id = ? AND key = ? AND data = ?"
_SWAP = f"UPDATE records SET data = ?, sum = ?, label = ?, migrated = 1 WHERE {_UNCHANGED}"
_KEEP = f"""INSERT OR REPLACE INTO originals
    SELECT key, data, sum % {MIGRATED}, label FROM records
    WHERE (migrated IS NULL
        OR NOT EXISTS (SELECT 1 FROM originals AS kept WHERE kept.key = records.key))"""
"""The original of a record that a migration wrote is that from before."""

_PARK = """INSERT OR REPLACE INTO parked
    SELECT key, sum, ?, ?, ?, ? FROM records WHERE key = ?"""
_STILL_PARKED = """SELECT parked.key FROM parked CROSS JOIN records ON parked.key = records.key
    WHERE parked.sum = records.sum"""
"""Those that are parked, however many others there are: a CROSS JOIN keeps this order."""
_PUT_BACK = """UPDATE records
    SET data = original.data, sum = original.sum, label = original.label, migrated = NULL
    FROM originals AS original
    WHERE records.key = original.key AND records.migrated = 1
    AND original.key BETWEEN ? AND ?"""


def _behind(prefix: str) -> str | None:
    """
    Return the first text behind all that begin with *prefix*; None where there is none.

    >>> _behind("2026-11"), _behind(""), _behind("a\U0010ffff")
    ('2026-12', None, 'b')
    """
    rest = prefix.rstrip(_LAST)
    if not rest:
        return None
    last = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if last == 0xD800 else last)  # behind those that are no text
