"""Read every byte of a store again; report damaged records and set them aside."""

from __future__ import annotations

import contextlib
import zlib

from collections.abc import Generator, Iterator
from typing import Any

from versionpickle.exceptions import DamagedStoreError, StoreError
from versionpickle.stores._records import Damage

from .checksum import is_whole
from .database import Database, fetch_limited
from .failures import Failures
from .log import log_damages
from .manifests import DAMAGED, ManifestCheck
from .originals import Originals


_PAGE = 500
_LINES = 100
"""How much of what SQLite finds wrong in a file is reported."""


def examined(database: Database) -> Iterator[int | Damage]:
    """Yield numbers of good records, and all that is damaged; set that aside."""
    yield from log_damages(database)
    if not _is_described(database):
        yield Damage(None, "the part of the file that describes its tables is damaged")
        return
    yield from _structure(database)
    manifests = ManifestCheck(database)
    good = 0
    for row in _records(database):
        key, data, checksum, manifest, migrated, _ = row
        if data is None:
            yield Damage(key, "the part of the file that holds it cannot be read")
        elif not is_whole(key, data, checksum, manifest, migrated):
            yield Damage(key, "its bytes are not those that were stored")
            _set_aside(database, row)
        else:
            manifests.note(manifest, data)
            good += 1
            if good == _PAGE:
                yield good
                good = 0
    yield good
    yield from manifests.damages()
    yield from Originals(database).examine()
    yield from Failures(database).examine()


def _is_described(database: Database) -> bool:
    """Return whether the tables are those that were made: another flipped bit renames a column."""
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
            yield Damage(None, f"SQLite reports: {line}")


def _records(database: Database) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of all records; without data, those in a broken part of the file."""
    after = _FIRST
    while True:
        try:
            rows = database.fetch(
                fetch_limited, f"{_ROWS} WHERE id > ? ORDER BY id LIMIT {_PAGE}", (after,)
            )
        except DamagedStoreError:
            whole_from = yield from _around(database, after)
            if whole_from is None:
                return
            after = whole_from
            continue
        yield from rows
        last = max((row[-1] for row in rows), default=after)
        if last <= after:  # in a broken part, they may be in no order
            return
        after = last


_FIRST = -(2**63)
_ROWS = "SELECT key, data, sum, label, migrated, id FROM records"


def _around(database: Database, after: int) -> Generator[tuple[Any, ...], None, int | None]:
    """Yield one by one the rows around a broken part; return where that ends, if it does."""
    index = database.readable("SELECT id, key FROM records INDEXED BY records_by_label")
    missed = 0
    for row_id, key in sorted(row for row in index if row[0] > after):
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


def _set_aside(database: Database, row: tuple[Any, ...]) -> None:
    """Set a record aside, unless it was stored again meanwhile, or the file is read-only."""
    _, data, checksum, manifest, _, row_id = row
    if not database.is_read_only:
        with contextlib.suppress(StoreError):
            database.write(_SET_ASIDE, (DAMAGED, row_id, data, checksum, manifest))


_SET_ASIDE = """UPDATE records SET label = ?
    WHERE id = ? AND (data IS ? OR typeof(data) <> 'blob') AND sum IS ? AND label IS ?"""
