"""The file of a store: records with checksums and manifests, in SQLite."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import sys

from collections.abc import Iterator, Sequence
from typing import Any

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.tracking import PROTOCOL
from versionpickle.exceptions import DamagedRecordError
from versionpickle.stores._columns import Columns
from versionpickle.stores._records import (
    Batch,
    Damage,
    Failure,
    Findings,
    IsWanted,
    Key,
    Progress,
    Record,
    Records,
    ignore,
)

from .changes import ChangeDetector, Moment
from .checksum import crcs_of, crcs_of_keys, crcs_of_keys_if_whole, is_whole, sum_of, sums_of
from .database import Database, Durability, fetch_one
from .examine import examined
from .failures import Failures
from .manifests import DAMAGED, Manifests
from .order import Query, behind, pages, with_manifests
from .originals import Originals, pack
from .schema import check_path, prepare
from .undecodable import UndecodableText


_READ = "SELECT data, sum, label, migrated FROM records WHERE key = ?"
_SELECT = "SELECT key, data, sum, label, migrated, id FROM records"
_AT_ONCE = 100
"""How many records one statement writes: each statement takes as long as a record."""

_WRITE, _WRITE_MANY = (
    f"""INSERT INTO records (key, data, sum, label) VALUES {", ".join(["(?, ?, ?, ?)"] * count)}
    ON CONFLICT (key) DO UPDATE
    SET data = excluded.data, sum = excluded.sum, label = excluded.label, migrated = 0"""
    for count in (1, _AT_ONCE)
)
_REPLACE = """UPDATE records SET data = ?, sum = ?, label = ?, migrated = 0
    WHERE key = ? AND data = ?"""
_PAGE = 500
"""How many records are read at a time."""

_BESIDE_DATA = 1000
"""Bytes that a row may have beside its data and its key."""


class StoreFile(Records):
    """The records of a store."""

    protocol = PROTOCOL
    has_manifests = True

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        durability: Durability = "full",
        timeout: float = 30,
    ) -> None:
        self.address = path
        check_path(path, read_only=read_only)
        self.database = Database(path, read_only=read_only, durability=durability, timeout=timeout)
        self.manifests = Manifests(self.database)
        self._originals = Originals(self.database)
        self._failures = Failures(self.database)
        try:
            prepare(self.database, timeout)
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        self.database.close()

    @contextlib.contextmanager
    def sweep(self, purpose: str) -> Iterator[None]:
        """Keep the log short: what a sweep has written is moved into the file at its end."""
        try:
            yield
        finally:
            self.database.checkpoint()

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

        def query(place: str, at: bytes) -> Query:
            return f"{select} WHERE {place} AND {until} ORDER BY key LIMIT {_PAGE}", (at, end)

        return itertools.chain.from_iterable(pages(self.database, query, prefix))

    def read(self, key: Key) -> bytes:
        return self.read_numbered(key)[0]

    def read_numbered(self, key: Key) -> tuple[bytes, int]:
        """Return the bytes of a record and the number of its manifest, if it is whole."""
        row = self.database.fetch(fetch_one, _READ, (key,))
        if row is None:
            raise self._damaged(key, None) if isinstance(key, UndecodableText) else KeyError(key)
        data, checksum, manifest, migrated = row
        if not is_whole(key, data, checksum, manifest, migrated):
            raise self._damaged(key, manifest)
        return data, manifest

    def _damaged(self, key: str, manifest: object) -> DamagedRecordError:
        damaged = DamagedRecordError(self.address, _problem(manifest))
        damaged.key = key
        return damaged

    def write(self, key: str, data: bytes, manifest: Manifest) -> None:
        number = self.manifests.number_if_committed(manifest)
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
            self.database.write_many(_WRITE_MANY, together, size=sum(map(len, pickles)))

    def replace(self, key: str, before: bytes, data: bytes, manifest: Manifest) -> bool:
        """Replace *before* by a record; return whether it was still there."""
        with self._numbered([manifest]) as (number,):
            values = (data, sum_of(key, data, number), number, key, before)
            return bool(self.database.write(_REPLACE, values, size=len(data)))

    @contextlib.contextmanager
    def _numbered(self, manifests: Sequence[Manifest]) -> Iterator[list[int]]:
        """Run a transaction, and remember the numbers of manifests if it was committed."""
        distinct = dict(zip(map(id, manifests), manifests, strict=True))  # few, in most cases
        with self.database.transaction():
            numbers = {one: self.manifests.number(manifest) for one, manifest in distinct.items()}
            yield [numbers[one] for one in map(id, manifests)]
        if not self.database.is_in_transaction:
            self.manifests.remember({manifest: numbers[one] for one, manifest in distinct.items()})

    def delete(self, key: str) -> None:
        if not self.database.write("DELETE FROM records WHERE key = ?", (key,)):
            raise KeyError(key)

    def clear(self) -> None:
        self.database.write("DELETE FROM records")

    def has(self, key: str) -> bool:
        return bool(self.database.read("SELECT 1 FROM records WHERE key = ?", (key,)))

    # Manifests

    def counts(self, progress: Progress = ignore) -> dict[Manifest | None, int]:
        rows = self.database.read("SELECT label, COUNT(*) FROM records GROUP BY label")
        manifests = self.manifests.all()
        counts: dict[Manifest | None, int] = {}
        for number, count in rows:
            manifest = manifests.get(number)
            counts[manifest] = counts.get(manifest, 0) + count
        return counts

    def batches(self, is_wanted: IsWanted, size: int, limit: int | None = None) -> Iterator[Batch]:
        numbers = [
            number for number, manifest in self.manifests.all().items() if is_wanted(manifest)
        ]
        left = sys.maxsize if limit is None else limit
        if not numbers or not left:
            return
        detector = ChangeDetector(self.database)
        moment = None

        def query(place: str, at: bytes) -> Query:
            nonlocal moment
            moment = detector.moment()
            return with_manifests(_SELECT, numbers, place, at, min(size, left))

        for rows in pages(self.database, query):
            yield self._batch(rows, (detector, moment))
            left -= len(rows)
            if not left:
                return

    def _batch(
        self, rows: list[Any], moment: tuple[ChangeDetector, Moment] | None = None
    ) -> Batch:
        keys, pickles, *others = map(list, zip(*rows, strict=True))
        return Batch(keys, pickles, tuple(others), _examined, moment)

    # Migrations

    def swap_one(self, key: str, before: bytes, data: bytes, manifest: Manifest) -> None:
        """Swap one record, unless it has changed."""
        rows = self.database.read(f"{_SELECT} WHERE key = ?", (key,))
        if [row[1] for row in rows] == [before]:
            self.swap(self._batch(rows), [data], [manifest])

    @functools.cached_property
    def _longest(self) -> int:
        return self.database.max_size() - _BESIDE_DATA

    def max_size(self) -> int:
        return self._longest

    def swap(
        self,
        batch: Batch,
        pickles: list[bytes],
        manifests: list[Manifest],
        prepared: Any = None,
    ) -> set[Key]:
        packed, crcs = prepared or _prepared(batch.columns, crcs_of_keys(batch.keys), pickles)
        if len(packed) > self._longest and len(batch) > 1:
            return self._swap_halves(batch, pickles, manifests)
        keys, before = batch.keys, batch.pickles
        sums_before, _, migrated_before, places = batch.others
        detector, moment = batch.moment or (ChangeDetector(self.database), None)
        with detector.own_changes(), self._numbered(manifests) as numbers:
            number = self._originals.next_number()
            migrated = [number] * len(keys)
            sums = sums_of(crcs, numbers, migrated)
            columns = pickles, sums, numbers, migrated, places
            if detector.is_unchanged_since(moment):
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

    def _swap_halves(
        self, batch: Batch, pickles: list[bytes], manifests: list[Manifest]
    ) -> set[Key]:
        """Swap a batch of which the originals are too long for one row."""
        half = len(batch) // 2
        parts = range(half), range(half, len(batch))
        return set().union(
            *(
                self.swap(
                    batch.only(part), [pickles[at] for at in part], [manifests[at] for at in part]
                )
                for part in parts
            )
        )

    def add_failures(self, batch: Batch, failures: Sequence[Failure]) -> set[Key]:
        return self._failures.add(zip(failures, batch.others[0], strict=True))

    def clear_failures(self) -> None:
        self._failures.clear()

    def failures(self) -> list[Failure]:
        return self._failures.all()

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
    """Find out which of these records are not what was stored."""
    *summed, _ = columns
    of_keys = crcs_of_keys_if_whole(*summed)
    if of_keys is not None:
        return Findings({}, functools.partial(_prepared, columns, of_keys))
    rows = enumerate(zip(*summed, strict=True))
    return Findings({place: _problem(row[3]) for place, row in rows if not is_whole(*row)})


def _prepared(columns: Columns, crcs: list[int], pickles: list[bytes]) -> tuple[bytes, list[int]]:
    """Return records as their originals are kept, and a part of the sums of the new ones."""
    *kept, _ = columns
    return pack(*kept), crcs_of(pickles, crcs)


def _problem(manifest: object) -> str:
    problem = "its bytes are not those that were stored"
    return f"{problem}, as verify() found" if manifest == DAMAGED else problem


_SWAP = "UPDATE records SET data = ?, sum = ?, label = ?, migrated = ? WHERE id = ?"
_IF_UNCHANGED = "AND key = ? AND data = ? AND sum = ?"
_AMONG = "SELECT id, key, data, sum FROM records WHERE id IN (SELECT value FROM json_each(?))"
