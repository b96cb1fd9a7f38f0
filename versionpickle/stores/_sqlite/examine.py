"""Every byte of a store, read again: what is not as it was stored is found and set apart."""

from __future__ import annotations

import contextlib
import zlib

from collections.abc import Generator, Iterator
from typing import Any

from versionpickle.exceptions import DamagedStoreError, StoreError
from versionpickle.stores._records import Damage

from .checksum import is_whole
from .database import Database, some
from .failures import Failures
from .manifests import DAMAGED
from .originals import Originals
from .repair import Mending


_PAGE = 500
_LINES = 100
"""How much of what SQLite finds wrong in a file is told."""


def examined(database: Database) -> Iterator[int | Damage]:
    """Yield how many records are good, time after time, and all that is not; set that apart."""
    if not _is_described(database):
        yield Damage(None, "the part of the file that describes its tables is damaged")
        return
    yield from _structure(database)
    mending = Mending(database)
    good = 0
    for row in _records(database):
        key, data, found, manifest, migrated, _ = row
        if data is None:
            yield Damage(key, "the part of the file where it stands cannot be read")
        elif not is_whole(key, data, found, manifest, migrated):
            yield Damage(key, "its bytes are not those that were stored")
            _set_apart(database, row)
        else:
            mending.note(manifest, data)
            good += 1
            if good == _PAGE:
                yield good
                good = 0
    yield good
    yield from mending.mended()
    yield from Originals(database).examine()
    yield from Failures(database).examine()


def _is_described(database: Database) -> bool:
    """Tell whether the tables are those that were made: another flipped bit renames a column."""
    return zlib.crc32(repr(database.readable(_DESCRIBED)).encode()) == _DESCRIPTION


_DESCRIBED = """SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE name IN ('records', 'records_by_label', 'labels', 'originals', 'parked') ORDER BY name"""
_DESCRIPTION = 0x4409_54CB
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


def _records(database: Database) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of all records; without data, what stands in a broken part of the file."""
    after = _FIRST
    while True:
        try:
            rows = database.fetch(
                some, f"{_ROWS} WHERE id > ? ORDER BY id LIMIT {_PAGE}", (after,)
            )
        except DamagedStoreError:
            whole_from = yield from _around(database, after)
            if whole_from is None:
                return
            after = whole_from
            continue
        yield from rows
        last = max((row[-1] for row in rows), default=after)
        if last <= after:  # in a broken part, they may stand in no order
            return
        after = last


_FIRST = -(2**63)
_ROWS = "SELECT key, data, sum, label, migrated, id FROM records"


def _around(database: Database, after: int) -> Generator[tuple[Any, ...], None, int | None]:
    """Yield one by one what stands around a broken part; return where that ends, if it does."""
    known = database.readable("SELECT id, key FROM records INDEXED BY records_by_label")
    missed = 0
    for row_id, key in sorted(row for row in known if row[0] > after):
        try:
            rows = database.read(f"{_ROWS} WHERE id = ?", (row_id,))
        except DamagedStoreError:
            missed += 1
            yield key, None, None, None, None, row_id
            continue
        yield from rows
        if missed:
            return int(row_id)
    return None


def _set_apart(database: Database, row: tuple[Any, ...]) -> None:
    """Set a record apart, unless somebody has stored it again meanwhile, or nobody may."""
    _, data, found, manifest, _, row_id = row
    if not database.is_read_only:
        with contextlib.suppress(StoreError):
            database.write(_SET_APART, (DAMAGED, row_id, data, found, manifest))


_SET_APART = """UPDATE records SET label = ?
    WHERE id = ? AND (data IS ? OR typeof(data) <> 'blob') AND sum IS ? AND label IS ?"""
