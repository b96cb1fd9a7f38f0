"""The journal of a sweep over pickles that other code keeps: a file next to them."""

from __future__ import annotations

import contextlib
import os
import time
import zlib

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from versionpickle.exceptions import LockedStoreError, NotAStoreError, StoreError
from versionpickle.stores._records import Failure, Key
from versionpickle.stores._sqlite.database import Database

from .journal_file import (
    FORMAT,
    SUFFIX,
    check_content,
    check_file,
    format_of,
    reading,
    sources,
    upgrade,
)
from .lock import HeldError, lock


__all__ = ["SUFFIX", "InProgress", "Journal", "Original", "mark_of"]

_LIMIT = 1000
"""How many originals are read at a time, unless they are long."""

_LONG = 16_000_000
_ATTEMPTS = 6
_PAUSE = 0.01
"""Seconds to wait before a journal is read again, times the number of attempts."""


def mark_of(data: bytes) -> int:
    """Return a number that identifies bytes: a checksum and their size."""
    return zlib.crc32(data) << 28 ^ len(data)


@attrs.frozen
class Original:
    """The bytes of a record before migrations, and the mark of those that replaced them."""

    number: int
    key: Key
    before: bytes
    after: int


@attrs.frozen
class InProgress:
    """A record of a batch that was not ended: its bytes before, and the mark of the new ones."""

    key: Key
    before: bytes
    after: int


class Journal:
    """
    Keep originals and failures of one place; others may have theirs in the same file.

    What is in progress is in it before the first byte of the place is changed.
    It is written, and deleted once it is empty, only by a sweep, which holds a lock.
    """

    def __init__(self, path: str, place: str, beside: str, *, has_text_keys: bool = True) -> None:
        self.path = path
        self._has_text_keys = has_text_keys
        self._place = place
        self._beside = beside
        """The file it is next to, whose owner may have written it."""

        self._database: Database | None = None

    @contextlib.contextmanager
    def sweep(self, purpose: str) -> Iterator[None]:
        """Hold the lock for a block, in which the file may be written."""
        try:
            with lock(f"{self.path}.lock"), self._opened(purpose):
                yield
        except HeldError:
            raise self._locked() from None

    def _locked(self) -> LockedStoreError:
        holders = self._read("SELECT purpose, pid FROM {sweeps}")
        holder = "{} by process {}".format(*holders[0]) if holders else "another sweep"
        problem = f"{holder} is at work on it"
        return LockedStoreError(self._beside, problem, "nothing was changed: wait until it ends")

    @contextlib.contextmanager
    def _opened(self, purpose: str) -> Iterator[None]:
        check_file(self.path, self._beside)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))
        os.chmod(self.path, 0o600)  # older ones may have been open to more
        self._database = database = Database(self.path, durability="extra")
        try:
            upgrade(database)
            check_content(database, FORMAT)
            database.write("INSERT INTO sweeps VALUES (?, ?)", (os.getpid(), purpose))
            yield
        finally:
            self._database = None
            is_empty = _end(database)
            database.close()
            if is_empty:
                os.unlink(self.path)

    def _read(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a query of this place; outside of a sweep, write nothing."""
        if self._database is not None:
            return _read(self._database, FORMAT, sql, values)
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._read_once(sql, values)
            except NotAStoreError:
                raise
            except StoreError:  # a sweep of another process may write or delete it just now
                time.sleep(attempt * _PAUSE)
        return self._read_once(sql, values)

    def _read_once(self, sql: str, values: Sequence[Any]) -> list[Any]:
        if not check_file(self.path, self._beside):
            return []
        with reading(self.path) as database:
            number = format_of(database)
            if not number:
                return []
            check_content(database, number)
            return _read(database, number, sql, values)

    def _write_many(self, *statements: tuple[str, Iterable[Sequence[Any]]]) -> None:
        database = self._database
        if database is None:
            raise StoreError(self._beside, "no sweep is at work on it", "call its methods")
        with database.transaction():
            for sql, rows in statements:
                database.write_many(sql, rows)

    # Keys

    def _kept(self, key: Key) -> Key:
        """Return a key as it is kept: one that is not UTF-8 as its bytes."""
        if not isinstance(key, str) or key.isascii():
            return key
        try:
            key.encode()
        except UnicodeEncodeError:
            return key.encode("utf-8", "surrogateescape")
        return key

    def _key(self, kept: Key) -> Key:
        if self._has_text_keys and isinstance(kept, bytes):
            return kept.decode("utf-8", "surrogateescape")
        return kept

    # A batch

    def begin(self, changes: list[tuple[Key, bytes, bytes]], sidecar: dict[str, bytes]) -> None:
        """Keep originals of what is about to be replaced, and what else undoes it."""
        place = self._place
        changes = [(self._kept(key), *data) for key, *data in changes]
        marks = [(place, key, mark_of(before)) for key, before, _ in changes]
        self._write_many(
            (_ADOPT, marks),
            (_BEGIN, [(place, key, before, key) for key, before, _ in changes]),
            (
                _KEEP,
                [
                    (place, key, before, mark_of(after), mark_of(before))
                    for key, before, after in changes
                ],
            ),
            (_SIDECAR, [(place, name, data) for name, data in sidecar.items()]),
        )

    def begin_rollback(
        self, changes: list[tuple[Key, bytes, bytes]], sidecar: dict[str, bytes]
    ) -> None:
        """Keep what is about to be replaced, until that has ended."""
        place = self._place
        changes = [(self._kept(key), *data) for key, *data in changes]
        self._write_many(
            (_ADOPT, [(place, key, mark_of(found)) for key, found, _ in changes]),
            (_BEGIN, [(place, key, found, key) for key, found, _ in changes]),
            (_SIDECAR, [(place, name, data) for name, data in sidecar.items()]),
        )

    def end(self, unchanged: Iterable[Key] = ()) -> None:
        """Note that a batch is done, but for what is *unchanged*: its originals are as before."""
        keys = [(self._place, self._kept(key)) for key in unchanged]
        place = [(self._place,)]
        self._write_many(
            (_RESTORE, keys),
            ("DELETE FROM originals WHERE place = ? AND after IS NULL", place),
            ("DELETE FROM in_progress WHERE place = ?", place),
            ("DELETE FROM sidecar WHERE place = ?", place),
        )

    def take_over(self, *, is_shared: bool) -> None:
        """
        Let what an older release left in progress be of this place.

        If other places may have it, only its originals are kept: a rollback compares bytes.
        """
        if is_shared:
            self._write_many(("DELETE FROM in_progress WHERE place = ''", [()]))
        else:
            tables = ("originals", "in_progress", "sidecar")
            place = [(self._place,)]
            self._write_many(*((f"UPDATE {table} {_TAKE_OVER}", place) for table in tables))

    def is_in_progress(self) -> bool:
        """Return whether a batch was not ended; it may have no records, but new ones."""
        return bool(self._read(_IS_IN_PROGRESS, self._place, self._place))

    def in_progress(self) -> list[InProgress]:
        """Return the records of a batch that was not ended."""
        rows = self._read(_IN_PROGRESS, self._place)
        return [InProgress(self._key(key), *row) for key, *row in rows]

    def sidecar(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return what was kept beside records; it may have these names alone."""
        rows = dict(
            self._read("SELECT name, data FROM {sidecar} WHERE place IN (?, '')", self._place)
        )
        if strange := rows.keys() - {*names}:
            problem = f"it names files that are not of its place: {', '.join(sorted(strange))}"
            raise NotAStoreError(
                self.path, problem, "do not use it: versionpickle did not write it"
            )
        return rows

    # Originals

    def originals(self) -> int:
        ((count,),) = self._read(_COUNT, self._place) or [(0,)]
        return int(count)

    def originals_after(self, last: int) -> list[Original]:
        """Return the next originals; fewer if they are long."""
        originals: list[Original] = []
        size = 0
        for number, length in self._read(_NUMBERS, self._place, last):
            ((key, *row),) = self._read(_ORIGINAL, number)
            originals.append(Original(number, self._key(key), *row))
            size += length
            if size >= _LONG:
                break
        return originals

    def drop_originals(self, originals: Iterable[Original]) -> None:
        numbers = [(original.number,) for original in originals]
        self._write_many(("DELETE FROM originals WHERE rowid = ?", numbers))

    def forget_originals(self) -> int:
        count = self.originals()
        self._write_many(("DELETE FROM originals WHERE place IN (?, '')", [(self._place,)]))
        return count

    # Failures

    def add_failures(self, failures: Iterable[tuple[Failure, int | None]]) -> None:
        rows = [
            (self._place, self._kept(failure.key), *attrs.astuple(failure)[1:], mark)
            for failure, mark in failures
        ]
        self._write_many((_ADD_FAILURE, rows))

    def failures(self) -> list[tuple[Failure, int | None]]:
        rows = self._read(_FAILURES, self._place)
        return [(Failure(self._key(key), *row), mark) for key, *row, mark in rows]

    def clear_failures(self, keys: Sequence[Key] | None = None) -> None:
        if keys is None:
            self._write_many((_DROP_FAILURES, [(self._place,)]))
        else:
            rows = [(self._place, self._kept(key)) for key in keys]
            self._write_many((f"{_DROP_FAILURES} AND key = ?", rows))


def _read(database: Database, number: int, sql: str, values: Sequence[Any]) -> list[Any]:
    return database.read(sql.format(**sources(number)), values)


def _end(database: Database) -> bool:
    """Note that the sweep has ended; return whether the file keeps nothing."""
    try:
        database.write("DELETE FROM sweeps")
        return not any(
            database.read(f"SELECT 1 FROM {table} LIMIT 1")
            for table in ("originals", "in_progress", "sidecar", "failures")
        )
    except StoreError:  # the disk fails, or it is not our file: the cause is raised already
        return False


_TAKE_OVER = "SET place = ? WHERE place = ''"
_ADOPT = "UPDATE OR IGNORE originals SET place = ? WHERE place = '' AND key = ? AND after = ?"
"""What older releases kept has no place: it is of this one if the record is what they wrote."""

_BEGIN = """INSERT OR REPLACE INTO in_progress
    SELECT new.*, originals.before, originals.after
    FROM (SELECT ? AS place, ? AS key, ? AS data) AS new
    LEFT JOIN originals ON originals.place = new.place AND originals.key = ?"""
_RESTORE = """UPDATE originals SET (before, after) = (
    SELECT COALESCE(kept, before), prior FROM in_progress
    WHERE in_progress.place = originals.place AND in_progress.key = originals.key)
    WHERE place = ? AND key = ?"""
_KEEP = """INSERT INTO originals (place, key, before, after) VALUES (?, ?, ?, ?)
    ON CONFLICT (place, key) DO UPDATE SET
    before = CASE WHEN after = ? THEN before ELSE excluded.before END,
    after = excluded.after"""
"""The original of what a migration wrote is that from before it."""

_SIDECAR = "INSERT OR REPLACE INTO sidecar VALUES (?, ?, ?)"
_IS_IN_PROGRESS = """SELECT 1 FROM {in_progress} WHERE place IN (?, '')
    UNION SELECT 1 FROM {sidecar} WHERE place IN (?, '')"""
_IN_PROGRESS = """SELECT key, data, COALESCE(after, prior) FROM {in_progress}
    LEFT JOIN {originals} USING (place, key) WHERE place IN (?, '')"""
_COUNT = "SELECT COUNT(*) FROM {originals} WHERE place IN (?, '')"
_NUMBERS = f"""SELECT number, LENGTH(before) FROM {{originals}}
    WHERE place IN (?, '') AND number > ? ORDER BY number LIMIT {_LIMIT}"""
_ORIGINAL = "SELECT key, before, after FROM {originals} WHERE number = ?"
_DROP_FAILURES = "DELETE FROM failures WHERE place IN (?, '')"
_ADD_FAILURE = "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)"
_FAILURES = """SELECT key, ref, version, step, reason, sum FROM {failures}
    WHERE place IN (?, '') ORDER BY key"""
