"""Every byte of a store, read again: what is not as it was stored is found and set apart."""

from __future__ import annotations

import contextlib
import zlib

from collections.abc import Generator, Iterator
from typing import Any

import attrs

from versionpickle._upgrading import label_of
from versionpickle.exceptions import DamagedStoreError, StoreError

from ._database import Database
from ._labels import DAMAGED, Known, Labels
from ._records import Damage


_PAGE = 500
_LINES = 100
"""How much of what SQLite finds wrong in a file is told."""


def sum_of(key: str, data: bytes, known: Known) -> int:
    """Return the checksum of a record: of its label, its key and its bytes."""
    return zlib.crc32(data, zlib.crc32(key.encode(), known.sum))


def is_whole(key: Any, data: Any, found: Any, known: Known | None) -> bool:
    """Tell whether a record is what was stored; a flipped bit may even make a text of bytes."""
    if known is None or type(key) is not str or type(data) is not bytes:
        return False
    return bool(sum_of(key, data, known) == found)


def examined(database: Database, labels: Labels) -> Iterator[int | Damage]:
    """Yield how many records are good, time after time, and all that is not; set that apart."""
    if not _is_described(database):
        yield Damage(None, "the part of the file that describes its tables is damaged")
        return
    yield from _structure(database)
    starts = _Starts(database)
    broken = {number for number, found in starts.items() if len(found) > 1}
    yield from (Damage(None, f"its label {number} is not what was stored") for number in broken)
    mending = _Mending(database, labels, broken)
    if broken and not database.is_read_only:
        mending.put_labels_aside()
    good = 0
    for row_id, key, data, found, number in _records(database):
        if data is None:
            yield Damage(key, "the part of the file where it stands cannot be read")
        elif not _fits(key, data, found, starts[number]):
            yield Damage(key, "its bytes are not those that were stored")
            if starts[number] or starts.are_all:  # it may be good if its label cannot be read
                mending.set_apart(row_id, data, found, number)
        else:
            mending.label_again(row_id, key, data, number)
            good += 1
            if good == _PAGE:
                yield good
                good = 0
    yield good
    yield from _marks(database)
    yield from _originals(database, starts)
    mending.drop_labels()


def _is_described(database: Database) -> bool:
    """Tell whether the tables are those that were made: another flipped bit renames a column."""
    return zlib.crc32(repr(_readable(database, _DESCRIBED)).encode()) == _DESCRIPTION


_DESCRIBED = """SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE name IN ('records', 'records_by_label', 'labels', 'originals', 'parked') ORDER BY name"""
_DESCRIPTION = 0x6B57_47F9
"""The checksum of what SQLite keeps about the tables of format 1."""


def _structure(database: Database) -> Iterator[Damage]:
    try:
        rows = database.read(f"PRAGMA integrity_check({_LINES})")
    except StoreError as exc:
        yield Damage(None, exc.problem)
        return
    for (line,) in rows:
        if line != "ok":
            yield Damage(None, f"SQLite says: {line}")


class _Starts(dict[Any, tuple[int, ...]]):
    """Where the checksums of each label's records begin: in two ways, if it is broken."""

    are_all = True
    """Whether no part of the file hides any."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._look()

    def __missing__(self, number: Any) -> tuple[int, ...]:
        self._look()  # somebody may have stored the first of its kind meanwhile
        return self.setdefault(number, ())

    def _look(self) -> None:
        try:
            rows = self._database.read(_LABELS)
        except DamagedStoreError:
            rows = _readable(self._database, _LABELS)
            self.are_all = False
        for number, text, found in rows:
            if isinstance(found, int) and isinstance(text, str):
                self.setdefault(number, tuple({found, zlib.crc32(text.encode())}))


_LABELS = "SELECT id, text, sum FROM labels"


def _readable(database: Database, sql: str) -> list[Any]:
    """Return the rows up to the first that cannot be read."""
    rows: list[Any] = []
    with contextlib.suppress(DamagedStoreError), database.telling_errors():
        rows.extend(database.connection.execute(sql))
    return rows


def _fits(key: Any, data: Any, found: Any, starts: tuple[int, ...]) -> bool:
    if not (isinstance(key, str) and isinstance(data, bytes)):
        return False
    raw = key.encode("utf-8", "surrogatepass")
    return any(zlib.crc32(data, zlib.crc32(raw, start)) == found for start in starts)


def _records(database: Database) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of all records; without data, what stands in a broken part of the file."""
    after = _FIRST
    while True:
        try:
            rows = database.read(f"{_ROWS} WHERE id > ? ORDER BY id LIMIT {_PAGE}", (after,))
        except DamagedStoreError:
            whole_from = yield from _around(database, after)
            if whole_from is None:
                return
            after = whole_from
            continue
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


_FIRST = -(2**63)
_ROWS = "SELECT id, key, data, sum, label FROM records"
_SET_APART = """UPDATE records SET label = ?
    WHERE id = ? AND (data IS ? OR typeof(data) <> 'blob') AND sum IS ? AND label IS ?"""
_DROP = """DELETE FROM labels WHERE text LIKE 'broken %'
    AND id NOT IN (SELECT label FROM records) AND id NOT IN (SELECT label FROM originals)"""
_ORIGINALS = "SELECT key, data, sum, label FROM originals"


def _around(database: Database, after: int) -> Generator[tuple[Any, ...], None, int | None]:
    """Yield one by one what stands around a broken part; return where that ends, if it does."""
    known = _readable(database, "SELECT id, key FROM records INDEXED BY records_by_label")
    missed = 0
    for row_id, key in sorted(row for row in known if row[0] > after):
        try:
            rows = database.read(f"{_ROWS} WHERE id = ?", (row_id,))
        except DamagedStoreError:
            missed += 1
            yield row_id, key, None, None, None
            continue
        yield from rows
        if missed:
            return int(row_id)
    return None


def _marks(database: Database) -> Iterator[Damage]:
    """Find records of which a rollback would not know whether a migration wrote them."""
    with contextlib.suppress(DamagedStoreError):  # which is told already
        for (key,) in database.read(_UNMARKED):
            yield Damage(key, "whether a migration wrote it is not what was noted")


_UNMARKED = "SELECT key FROM records WHERE migrated IS NOT NULL AND migrated IS NOT 1"


def _originals(database: Database, starts: _Starts) -> Iterator[Damage]:
    after = ""
    while True:
        sql = (
            f"SELECT key, data, sum, label FROM originals WHERE key > ? ORDER BY key LIMIT {_PAGE}"
        )
        try:
            rows = database.read(sql, (after,))
        except DamagedStoreError:
            yield Damage(None, f"the originals of records behind {after!r} cannot be read")
            return
        for key, data, found, number in rows:
            if not _fits(key, data, found, starts[number]):
                yield Damage(key, "its original, from before a migration, is not what was stored")
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


@attrs.frozen
class _Mending:
    """Write down what was found, as far as the file still takes it."""

    database: Database
    labels: Labels
    broken: set[int]

    def put_labels_aside(self) -> None:
        for number in self.broken:
            with contextlib.suppress(StoreError):
                self.database.write(
                    "UPDATE labels SET text = 'broken ' || id WHERE id = ?", (number,)
                )
        self.labels.forget()

    def drop_labels(self) -> None:
        """Drop the broken labels that nothing has any more."""
        if self.broken and not self.database.is_read_only:
            with contextlib.suppress(StoreError):
                self.database.write(_DROP)

    def set_apart(self, row_id: int, *damaged: Any) -> None:
        """Set a record apart, unless somebody has stored it again meanwhile."""
        if not self.database.is_read_only:
            with contextlib.suppress(StoreError):
                self.database.write(_SET_APART, (DAMAGED, row_id, *damaged))

    def label_again(self, row_id: int, key: str, data: bytes, number: int) -> None:
        """Give a good record of a broken label a new one, from what stands in it."""
        if number not in self.broken or self.database.is_read_only:
            return
        with contextlib.suppress(StoreError), self.database.transaction():
            known = self.labels.number(label_of(data))
            self.database.write(
                "UPDATE records SET sum = ?, label = ? WHERE id = ? AND key = ? AND data = ?",
                (sum_of(key, data, known), known.number, row_id, key, data),
            )
