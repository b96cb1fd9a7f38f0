"""The originals of migrated records, in batches; a rollback restores them in turn."""

from __future__ import annotations

import json
import zlib

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from versionpickle._pickles.load.unpickler import loads
from versionpickle.exceptions import DamagedStoreError
from versionpickle.stores._columns import dumps_columns
from versionpickle.stores._records import Damage

from .checksum import is_whole
from .database import Database, fetch_one


class Originals:
    """Keep the records that a migration rewrites, as they were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_number(self) -> int:
        """Return the number of the next batch, within the transaction that keeps it."""
        (number,) = self._database.fetch(fetch_one, _NEXT, ())
        return int(number)

    def keep(self, number: int, migrated: Sequence[int], data: bytes) -> None:
        """Keep a batch that was packed; *migrated* has the batch of each record before it."""
        count = len(migrated) - sum(map(self._still_kept(migrated).__contains__, migrated))
        values = (number, count, _sum(number, count, data), data)
        self._database.write("INSERT INTO originals VALUES (?, ?, ?, ?)", values, size=len(data))

    def _still_kept(self, numbers: Iterable[int]) -> set[int]:
        """Return those of the *numbers* whose batches are there."""
        wanted = {*numbers} - {0}
        if not wanted:
            return wanted
        return {number for (number,) in self._database.read(_KEPT, (json.dumps([*wanted]),))}

    def count(self) -> int:
        """Return how many records have an original, or several."""
        ((count,),) = self._database.read("SELECT TOTAL(count) FROM originals")
        return int(count)

    def forget(self) -> int:
        with self._database.transaction():
            count = self.count()
            self._database.write("DELETE FROM originals")
        return count

    def put_back(self) -> Iterator[tuple[int, int]]:
        """
        Put them back, the last ones first; yield how many were, and how many were not.

        The latter were written since, or are damaged: a damaged batch is kept,
        and so are those before it that are still needed when it is repaired.
        """
        damaged: list[int] = []
        while True:
            with self._database.transaction():
                row = self._database.fetch(fetch_one, _LAST, (json.dumps(damaged),))
                if row is None:
                    return
                counts, is_done = self._put_batch_back(*row, damaged=damaged)
                if is_done:
                    self._database.write("DELETE FROM originals WHERE id = ?", row[:1])
                else:
                    damaged.append(row[0])
            yield counts

    def _put_batch_back(
        self, number: int, count: int, checksum: Any, data: Any, *, damaged: list[int]
    ) -> tuple[tuple[int, int], bool]:
        rows = _rows(data)
        kept = self._still_kept(migrated for *_, migrated in rows)
        good = [(*row[1:], row[0], number) for row in rows if is_whole(*row)]
        again = [row for row in good if row[3] in kept]  # whose turn comes once more
        self._database.write_many(_PUT_BACK, again)
        last = [row for row in good if row[3] not in kept]
        size = sum(len(row[0]) for row in good)
        back = self._database.write_many(_PUT_BACK, last, size=size)
        wanted = sum(row[4] not in kept for row in rows) if rows else count
        is_readable = _is_whole(number, count, checksum, data) and (bool(rows) or not count)
        is_done = is_readable and not self._waits(rows, damaged)
        return (back, wanted - back), is_done

    def _waits(self, rows: list[tuple[Any, ...]], damaged: list[int]) -> bool:
        """Return whether a damaged batch was made from one of these."""
        if not damaged:
            return False
        keys = json.dumps([key for key, *_ in rows])
        return bool(self._database.fetch(fetch_one, _WAITING, (keys, json.dumps(damaged))))

    def examine(self) -> Iterator[Damage]:
        """Yield what is damaged."""
        last = _AFTER_ALL
        while True:
            try:
                row = self._database.fetch(fetch_one, _BEFORE, (last,))
            except DamagedStoreError:
                yield Damage(None, "the originals of migrations cannot be read")
                return
            if row is None or row[0] >= last:  # a broken part leads in a circle
                return
            last = row[0]
            if not _is_whole(*row):
                yield from _damages(*row)


_END = 1 << 30
_NEXT = f"""SELECT 1 + MAX(
    COALESCE((SELECT MAX(id) FROM originals WHERE id < {_END}), 0),
    COALESCE((SELECT MAX(seq) FROM sqlite_sequence
        WHERE name = 'originals' AND seq < {_END}), 0)
    )"""
"""No number is used twice, because records have them; whatever a flipped bit makes of one."""

_KEPT = "SELECT id FROM originals WHERE id IN (SELECT value FROM json_each(?))"
_LAST = """SELECT id, count, sum, data FROM originals
    WHERE id NOT IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT 1"""
_AFTER_ALL = (1 << 63) - 1
_BEFORE = "SELECT id, count, sum, data FROM originals WHERE id < ? ORDER BY id DESC LIMIT 1"
_WAITING = """SELECT 1 FROM records WHERE key IN (SELECT value FROM json_each(?))
    AND migrated IN (SELECT value FROM json_each(?)) LIMIT 1"""
_PUT_BACK = """UPDATE records SET data = ?, sum = ?, label = ?, migrated = ?
    WHERE key = ? AND migrated = ?"""


def pack(*columns: Sequence[Any]) -> bytes:
    """Return a batch as it is kept, of its keys, data, sums, manifests and `migrated`."""
    return _compressed(dumps_columns(columns))


_ROW = (str, bytes, int, int, int)
_ZLIB = zlib.compress(b"")[:1]
_SAMPLE = 1 << 14


def _compressed(data: bytes) -> bytes:
    """Compress it if that pays, as it does for pickles of one kind."""
    sample = data[:_SAMPLE]
    if len(zlib.compress(sample, 1)) > len(sample) // 2:
        return data
    return zlib.compress(data, 1)


def _sum(number: int, count: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(f"{number} {count}".encode()))


def _is_whole(number: int, count: Any, checksum: Any, data: Any) -> bool:
    return type(data) is bytes and _sum(number, count, data) == checksum


def _rows(data: Any) -> list[tuple[Any, ...]]:
    """Return the records of a batch, or none if they cannot be read any more."""
    try:
        columns = loads(zlib.decompress(data) if data[:1] == _ZLIB else data)
        rows = list(zip(*columns, strict=True))
        return rows if all(tuple(map(type, row)) == _ROW for row in rows) else []
    except Exception:  # noqa: BLE001 - whatever a flipped bit makes of it
        return []


def _damages(number: int, count: object, _: object, data: object) -> Iterator[Damage]:
    rows = _rows(data)
    damaged = [row for row in rows if not is_whole(*row)]
    for key, *_ in damaged:
        yield Damage(key, "its original, from before a migration, is not what was stored")
    if not damaged:
        problem = f"the originals of a batch of {count} records are not what was stored"
        yield Damage(None, problem)
