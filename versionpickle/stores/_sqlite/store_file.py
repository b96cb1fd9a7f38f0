"""The file of a store: records with checksums and labels, in SQLite."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import sys
import time

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.tracking import PROTOCOL
from versionpickle.exceptions import (
    DamagedRecordError,
    DamagedStoreError,
    LockedStoreError,
    NotAStoreError,
)
from versionpickle.stores._columns import Columns
from versionpickle.stores._records import (
    Batch,
    Classifier,
    Damage,
    Failure,
    Findings,
    Key,
    Record,
    Records,
    Tell,
    ignore,
)

from .changes import ChangeDetector, Moment
from .checksum import crcs_of, crcs_of_keys, crcs_of_keys_if_whole, is_whole, sum_of, sums_of
from .database import Database, Durability, UndecodableText, first
from .examine import examined
from .failures import Failures
from .manifests import DAMAGED, Manifests
from .order import Query, behind, pages, with_manifests
from .originals import Originals, pack


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
        migrated INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX records_by_label ON records (label, key)",
    """CREATE TABLE labels (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE,
        sum INTEGER NOT NULL
    )""",
    """CREATE TABLE originals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        count INTEGER NOT NULL,
        sum INTEGER NOT NULL,
        data BLOB NOT NULL
    )""",
    """CREATE TABLE parked (
        key TEXT PRIMARY KEY,
        ref TEXT,
        version INTEGER,
        step TEXT,
        reason TEXT NOT NULL,
        record INTEGER NOT NULL,
        sum INTEGER NOT NULL
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)

_WHAT_IT_IS = """SELECT (SELECT COUNT(*) FROM sqlite_schema), application_id, user_version
    FROM pragma_application_id, pragma_user_version"""
"""In one statement, for others may make it a store at this moment."""

_READ = "SELECT data, sum, label, migrated FROM records WHERE key = ?"
_SELECT = "SELECT key, data, sum, label, migrated, id FROM records"
_AT_ONCE = 100
"""How many records one statement writes: each statement takes as long as a record."""

_WRITE, _WRITE_SOME = (
    f"""INSERT INTO records (key, data, sum, label) VALUES {", ".join(["(?, ?, ?, ?)"] * count)}
    ON CONFLICT (key) DO UPDATE
    SET data = excluded.data, sum = excluded.sum, label = excluded.label, migrated = 0"""
    for count in (1, _AT_ONCE)
)
_REPLACE = """UPDATE records SET data = ?, sum = ?, label = ?, migrated = 0
    WHERE key = ? AND data = ?"""
_PAGE = 500
"""How many records are read at a time."""


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
        self.manifests = Manifests(self.database)
        self._originals = Originals(self.database)
        self._parking = Failures(self.database)
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
        table = f"'sqlite:{self.address}?table=...&value=...'"
        cure = f"name another file, or one of its tables: {table}"
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
        for key, _ in self._pages("SELECT key, id FROM records", prefix):
            yield key

    def scan(self, prefix: str = "") -> Iterator[Record]:
        for row in self._pages(_SELECT, prefix):
            key, data, _, manifest, *_ = row
            problem = "" if is_whole(*row[:-1]) else _problem(manifest)
            yield Record(key, data, problem)

    def _pages(self, select: str, prefix: str) -> Iterator[tuple[Any, ...]]:
        end = behind(prefix)
        until = "? IS NULL" if end is None else "key < ?"

        def ask(place: str, at: bytes) -> Query:
            return f"{select} WHERE {place} AND {until} ORDER BY key LIMIT {_PAGE}", (at, end)

        return itertools.chain.from_iterable(pages(self.database, ask, prefix))

    def read(self, key: Key) -> bytes:
        return self.read_labelled(key)[0]

    def read_labelled(self, key: Key) -> tuple[bytes, int]:
        """Return the bytes of a record and its label's number, if it is whole."""
        row = self.database.fetch(first, _READ, (key,))
        if row is None:
            raise self._damaged(key, None) if isinstance(key, UndecodableText) else KeyError(key)
        data, found, manifest, migrated = row
        if not is_whole(key, data, found, manifest, migrated):
            raise self._damaged(key, manifest)
        return data, manifest

    def _damaged(self, key: str, manifest: object) -> DamagedRecordError:
        damaged = DamagedRecordError(self.address, _problem(manifest))
        damaged.key = key
        return damaged

    def write(self, key: str, data: bytes, manifest: Manifest) -> None:
        number = self.manifests.known(manifest)
        if number is None:
            self.put([key], [data], [manifest])
        else:
            values = (key, data, sum_of(key, data, number), number)
            self.database.write(_WRITE, values, size=len(data))

    def put(
        self, keys: Sequence[Key], pickles: Sequence[bytes], manifests: Sequence[Manifest]
    ) -> None:
        """Write many records, in one transaction."""
        with self._numbered(manifests) as numbers:
            sums = sums_of(crcs_of(pickles, crcs_of_keys(keys)), numbers)
            rows = [*zip(keys, pickles, sums, numbers, strict=True)]
            rest = len(rows) % _AT_ONCE
            self.database.write_many(_WRITE, rows[:rest])
            parts = (rows[at : at + _AT_ONCE] for at in range(rest, len(rows), _AT_ONCE))
            together = ([*itertools.chain(*part)] for part in parts)
            self.database.write_many(_WRITE_SOME, together, size=sum(map(len, pickles)))

    def replace(self, key: str, before: bytes, data: bytes, manifest: Manifest) -> bool:
        """Write a record in place of *before*; tell whether it still was there."""
        with self._numbered([manifest]) as (number,):
            values = (data, sum_of(key, data, number), number, key, before)
            return bool(self.database.write(_REPLACE, values, size=len(data)))

    @contextlib.contextmanager
    def _numbered(self, manifests: Sequence[Manifest]) -> Iterator[list[int]]:
        """Carry out a transaction, and remember the numbers of labels if it was committed."""
        each = dict(zip(map(id, manifests), manifests, strict=True))  # most are the same object
        with self.database.transaction():
            numbers = {one: self.manifests.number(manifest) for one, manifest in each.items()}
            yield [numbers[one] for one in map(id, manifests)]
        if not self.database.is_in_transaction:
            self.manifests.remember({manifest: numbers[one] for one, manifest in each.items()})

    def delete(self, key: str) -> None:
        if not self.database.write("DELETE FROM records WHERE key = ?", (key,)):
            raise KeyError(key)

    def clear(self) -> None:
        self.database.write("DELETE FROM records")

    def has(self, key: str) -> bool:
        return bool(self.database.read("SELECT 1 FROM records WHERE key = ?", (key,)))

    # Labels

    def tally(self, tell: Tell = ignore) -> dict[Manifest | None, int]:
        rows = self.database.read("SELECT label, COUNT(*) FROM records GROUP BY label")
        known = self.manifests.all()
        counts: dict[Manifest | None, int] = {}
        for number, count in rows:
            manifest = known.get(number)
            counts[manifest] = counts.get(manifest, 0) + count
        return counts

    def wanted(self, is_wanted: Classifier) -> list[int]:
        """Return the numbers of the labels that are wanted, of those that records have."""
        return [number for number, manifest in self.manifests.all().items() if is_wanted(manifest)]

    def batches(
        self, is_wanted: Classifier, size: int, limit: int | None = None
    ) -> Iterator[Batch]:
        numbers = self.wanted(is_wanted)
        left = sys.maxsize if limit is None else limit
        if not numbers or not left:
            return
        watch = ChangeDetector(self.database)
        moment = None

        def ask(place: str, at: bytes) -> Query:
            nonlocal moment
            moment = watch.moment()
            return with_manifests(_SELECT, numbers, place, at, min(size, left))

        for rows in pages(self.database, ask):
            yield self._batch(rows, (watch, moment))
            left -= len(rows)
            if not left:
                return

    def _batch(
        self, rows: list[Any], moment: tuple[ChangeDetector, Moment] | None = None
    ) -> Batch:
        keys, pickles, *marks = map(list, zip(*rows, strict=True))
        return Batch(keys, pickles, tuple(marks), _examined, moment)

    # Migrations

    def swap_one(self, key: str, before: bytes, data: bytes, manifest: Manifest) -> None:
        """Swap one record, unless somebody else has changed it."""
        rows = self.database.read(f"{_SELECT} WHERE key = ?", (key,))
        if [row[1] for row in rows] == [before]:
            self.swap(self._batch(rows), [data], [manifest])

    def swap(
        self, batch: Batch, pickles: list[bytes], manifests: list[Manifest], ready: Any = None
    ) -> set[Key]:
        packed, crcs = ready or _prepared(batch.columns, crcs_of_keys(batch.keys), pickles)
        keys, before = batch.keys, batch.pickles
        sums_before, _, migrated_before, places = batch.marks
        watch, moment = batch.moment or (ChangeDetector(self.database), None)
        with watch.aside(), self._numbered(manifests) as numbers:
            number = self._originals.next_number()
            migrated = [number] * len(keys)
            sums = sums_of(crcs, numbers, migrated)
            columns = pickles, sums, numbers, migrated, places
            if watch.is_still(moment):
                sql, rows = _SWAP, zip(*columns, strict=True)
            else:
                sql, rows = (
                    f"{_SWAP} {_IF_UNCHANGED}",
                    zip(*columns, keys, before, sums_before, strict=True),
                )
            changed = self.database.write_many(sql, rows, size=sum(map(len, pickles)))
            if changed == len(keys):
                self._originals.keep(number, migrated_before, packed)
                return set()
            there = self.database.read(_AMONG, (json.dumps(places),))
            now = {place: rest for place, *rest in there}
            swapped = [
                at
                for at, wanted in enumerate(zip(keys, pickles, sums, strict=True))
                if now.get(places[at]) == [*wanted]
            ]
            *kept, _ = batch.only(swapped).columns
            self._originals.keep(number, kept[-1], pack(*kept))
            return {*keys} - {keys[at] for at in swapped}

    def park(self, batch: Batch, parked: Sequence[Failure]) -> set[Key]:
        return self._parking.park(zip(parked, batch.marks[0], strict=True))

    def unpark(self) -> None:
        self._parking.unpark()

    def parked(self) -> list[Failure]:
        return self._parking.parked()

    def originals(self) -> int:
        return self._originals.count()

    def forget_originals(self) -> int:
        return self._originals.forget()

    def put_back(self) -> Iterator[tuple[int, int]]:
        return self._originals.put_back()

    # Verification

    def examine(self) -> Iterator[int | Damage]:
        return examined(self.database)


def _examined(*columns: list[Any]) -> Findings:
    """Say which of these records are not what was stored."""
    *summed, _ = columns
    of_keys = crcs_of_keys_if_whole(*summed)
    if of_keys is not None:
        return Findings({}, functools.partial(_prepared, columns, of_keys))
    rows = enumerate(zip(*summed, strict=True))
    return Findings({place: _problem(row[3]) for place, row in rows if not is_whole(*row)})


def _prepared(columns: Columns, crcs: list[int], pickles: list[bytes]) -> tuple[bytes, list[int]]:
    """Return records as their originals are kept, and a part of the sums of what comes now."""
    *kept, _ = columns
    return pack(*kept), crcs_of(pickles, crcs)


def _problem(manifest: object) -> str:
    problem = "its bytes are not those that were stored"
    return f"{problem}, as verify() found out" if manifest == DAMAGED else problem


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


_SWAP = "UPDATE records SET data = ?, sum = ?, label = ?, migrated = ? WHERE id = ?"
_IF_UNCHANGED = "AND key = ? AND data = ? AND sum = ?"
_AMONG = "SELECT id, key, data, sum FROM records WHERE id IN (SELECT value FROM json_each(?))"
