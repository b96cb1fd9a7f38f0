"""Pickles that other code keeps, wherever they are."""

from __future__ import annotations

import abc
import contextlib
import functools
import itertools

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle.exceptions import StoreError, VersionPickleError
from versionpickle.stores._records import (
    Batch,
    Damage,
    Failure,
    IsWanted,
    Key,
    Progress,
    Record,
    Records,
    ignore,
    take_limited,
)

from .coding import Coding
from .journal import Journal, Original, mark_of


class ExternalRecords(Records):
    """
    Pickles that can be scanned, and replaced if they are unchanged.

    What is in them is known by reading them; a journal beside them keeps what a sweep needs.
    """

    is_atomic = True
    """Whether a process that is killed leaves each record as it was or as it is to be."""

    def __init__(self, address: str, make_journal: Callable[[], Journal]) -> None:
        self.address = address
        self._make_journal = make_journal

    @functools.cached_property
    def journal(self) -> Journal:
        return self._make_journal()

    # What each place knows

    coding = Coding()
    """How a pickle is written in it."""

    @abc.abstractmethod
    def read_stored(self, key: Key) -> bytes:
        """Return what is stored: a pickle, unless there is a coding."""

    @abc.abstractmethod
    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        """Replace what is stored, and return the keys of those that were not there any more."""

    @abc.abstractmethod
    def write(self, values: list[tuple[Key, bytes]]) -> None:
        """Store values, whatever is there."""

    sidecar_names: tuple[str, ...] = ()
    """What files are called, after the path of the place, that are not the records."""

    def sidecar(self) -> dict[str, bytes]:
        """Return what else is needed to undo a batch that was not ended."""
        return {}

    def restore_sidecar(self, sidecar: dict[str, bytes]) -> None:
        """Undo what is not the records."""

    # What they have in common

    @contextlib.contextmanager
    def sweep(self, purpose: str) -> Iterator[None]:
        with self.journal.sweep(f"{purpose} of {self.address}"):
            self._recover()
            yield

    def put(
        self, keys: Sequence[Key], pickles: Sequence[bytes], manifests: Sequence[Manifest]
    ) -> None:
        values = list(zip(keys, map(self.coding.encode, pickles), strict=True))
        if self.is_atomic:
            self.write(values)
            return
        there = [(key, self._read(key), data) for key, data in values]
        replaced = [(key, data, after) for key, data, after in there if data is not None]
        self.journal.begin_rollback(replaced, self.sidecar())
        with self._recovering():
            self.write(values)
        self.journal.end()

    def read(self, key: Key) -> bytes:
        data = self.read_stored(key)
        try:
            return self.coding.decode(data)
        except ValueError as exc:
            raise self.unreadable(key, str(exc)) from exc

    def unreadable(self, key: Key, problem: str) -> StoreError:
        problem = f"the record {key!r} cannot be read: {problem}"
        return StoreError(self.address, problem, "look at what wrote it, or leave it out")

    def counts(self, progress: Progress = ignore) -> dict[Manifest | None, int]:
        counts: dict[Manifest | None, int] = {}
        for number, record in enumerate(self.scan(), 1):
            manifest = _manifest(record)
            counts[manifest] = counts.get(manifest, 0) + 1
            progress(number)
        return counts

    def batches(self, is_wanted: IsWanted, size: int, limit: int | None = None) -> Iterator[Batch]:
        records = itertools.islice(self.scan(), limit)
        while taken := take_limited(records, size):
            yield Batch.of(taken)

    def _recover(self) -> None:
        """Undo a batch during which a process was killed, if it may be half written."""
        self.journal.take_over(is_shared=self.is_atomic)
        if not self.journal.is_in_progress():
            return
        rows = self.journal.in_progress()
        if self.is_atomic:
            self.journal.end(row.key for row in rows if self._mark(row.key) != row.after)
        else:
            self.restore_sidecar(self.journal.sidecar(self.sidecar_names))
            self.write([(row.key, row.before) for row in rows])
            self.journal.end(row.key for row in rows)

    def _mark(self, key: Key) -> int | None:
        data = self._read(key)
        return None if data is None else mark_of(data)

    def _read(self, key: Key) -> bytes | None:
        try:
            return self.read_stored(key)
        except (KeyError, OSError, StoreError):
            return None

    def swap(
        self,
        batch: Batch,
        pickles: list[bytes],
        manifests: list[Manifest],
        prepared: Any = None,
    ) -> set[Key]:
        stored = [*map(self._stored, batch.keys, batch.pickles)]
        changes = [
            (key, before, self.coding.encode(after))
            for key, before, after in zip(batch.keys, stored, pickles, strict=True)
            if before is not None
        ]
        self.journal.begin(changes, self.sidecar())
        with self._recovering():
            conflicts = self.replace(changes)
        self.journal.end(conflicts)
        self.journal.clear_failures(batch.keys)
        return conflicts | ({*batch.keys} - {key for key, *_ in changes})

    def _stored(self, key: Key, data: bytes) -> bytes | None:
        """Return what is stored as a pickle; None if that is another one by now."""
        if not self.coding.names:
            return data
        stored = self._read(key)
        with contextlib.suppress(ValueError):
            if stored is not None and self.coding.decode(stored) == data:
                return stored
        return None

    @contextlib.contextmanager
    def _recovering(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._recover()
            raise

    def add_failures(self, batch: Batch, failures: Sequence[Failure]) -> set[Key]:
        (problems,) = batch.others
        marks = [self._mark(key) for key in batch.keys]
        columns = batch.keys, batch.pickles, problems
        others = {
            key
            for key, data, problem in zip(*columns, strict=True)
            if not problem and self._stored(key, data) != self._read(key)
        }
        rows = zip(failures, marks, strict=True)
        self.journal.add_failures(
            (failure, mark) for failure, mark in rows if failure.key not in others
        )
        return others

    def clear_failures(self) -> None:
        self.journal.clear_failures()

    def failures(self) -> list[Failure]:
        rows = self.journal.failures()
        return [failure for failure, mark in rows if self._mark(failure.key) == mark]

    def originals(self) -> int:
        return self.journal.originals()

    def forget_originals(self) -> int:
        return self.journal.forget_originals()

    def put_back(self) -> Iterator[tuple[int, int]]:
        last = 0
        while originals := self.journal.originals_after(last):
            last = originals[-1].number
            back = self._put_back(originals)
            self.journal.drop_originals(back)
            yield len(back), len(originals) - len(back)

    def _put_back(self, originals: list[Original]) -> list[Original]:
        """Put these back that are not changed since, and return them, and what is back already."""
        found = {original.number: self._read(original.key) for original in originals}
        changes = [
            (original.key, data, original.before)
            for original in originals
            if (data := found[original.number]) is not None
            and data != original.before
            and mark_of(data) == original.after
        ]
        conflicts = self._rolled_back(changes) if changes else set()
        changed = {key for key, *_ in changes} - conflicts
        return [
            original
            for original in originals
            if original.key in changed or found[original.number] == original.before
        ]

    def _rolled_back(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        if self.is_atomic:  # what is back is known by its bytes
            return self.replace(changes)
        self.journal.begin_rollback(changes, self.sidecar())
        with self._recovering():
            conflicts = self.replace(changes)
        self.journal.end()
        return conflicts

    def examine(self) -> Iterator[int | Damage]:
        for record in self.scan():
            problem = _problem(record)
            yield 1 if problem is None else Damage(record.key, problem)


def _manifest(record: Record) -> Manifest | None:
    try:
        return None if record.problem else manifest_of(record.data)
    except VersionPickleError:
        return None


def _problem(record: Record) -> str | None:
    if record.problem:
        return record.problem
    try:
        manifest_of(record.data)
    except VersionPickleError as exc:
        return str(exc)
    return None
