"""Pickles that somebody else's code keeps, whatever keeps them."""

from __future__ import annotations

import abc
import itertools

from collections.abc import Iterator, Sequence
from typing import Any

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle.exceptions import VersionPickleError
from versionpickle.stores._records import (
    Batch,
    Classifier,
    Damage,
    Failure,
    Key,
    Record,
    Records,
    Tell,
    ignore,
    some_of,
)

from .journal import Journal, mark_of


class ExternalRecords(Records):
    """
    Pickles that can be scanned, and replaced if they are unchanged.

    What is in them is known by reading them, and what a sweep remembers stands in a
    file beside them.
    """

    tears = False
    """Whether a process that is killed may leave half of what it wrote."""

    def __init__(self, address: str, ledger: str) -> None:
        self.address = address
        self.ledger = Journal(ledger)

    def close(self) -> None:
        self.ledger.close()

    # What each place knows

    @abc.abstractmethod
    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        """Replace bytes by others, and return the keys of those that are not there any more."""

    @abc.abstractmethod
    def write(self, pickles: list[tuple[Key, bytes]]) -> None:
        """Write pickles, whatever is there."""

    def aside(self) -> dict[str, bytes]:
        """Return what else is needed to undo a batch that was not ended."""
        return {}

    def put_aside_back(self, aside: dict[str, bytes]) -> None:
        """Undo what is not the records."""

    # What they have in common

    def put(
        self, keys: Sequence[Key], pickles: Sequence[bytes], manifests: Sequence[Manifest]
    ) -> None:
        self.write(list(zip(keys, pickles, strict=True)))

    def tally(self, tell: Tell = ignore) -> dict[Manifest | None, int]:
        counts: dict[Manifest | None, int] = {}
        for number, record in enumerate(self.scan(), 1):
            manifest = _manifest(record)
            counts[manifest] = counts.get(manifest, 0) + 1
            tell(number)
        return counts

    def batches(
        self, is_wanted: Classifier, size: int, limit: int | None = None
    ) -> Iterator[Batch]:
        self._recover()
        coming = itertools.islice(self.scan(), limit)
        while some := Batch.of(some_of(coming, size)):
            yield some

    def _recover(self) -> None:
        """Undo a batch during which a process was killed, where it may be half written."""
        begun = self.ledger.begun()
        if not begun:
            return
        if self.tears:
            self.put_aside_back(self.ledger.aside())
            self.write([(key, before) for key, before, _ in begun])
            self.ledger.undo(key for key, _, _ in begun)
        else:
            marks = {key: self._mark(key) for key, _, _ in begun}
            self.ledger.undo(key for key, _, after in begun if marks[key] != after)

    def _mark(self, key: Key) -> int | None:
        try:
            return mark_of(self.read(key))
        except (KeyError, OSError):
            return None

    def swap(
        self, batch: Batch, pickles: list[bytes], manifests: list[Manifest], ready: Any = None
    ) -> set[Key]:
        changes = list(zip(batch.keys, batch.pickles, pickles, strict=True))
        self.ledger.begin(changes, self.aside())
        conflicts = self.replace(changes)
        self.ledger.end(conflicts)
        self.ledger.unpark(batch.keys)
        return conflicts

    def park(self, batch: Batch, parked: Sequence[Failure]) -> set[Key]:
        (problems,) = batch.marks
        marks = [self._mark(key) for key in batch.keys]
        columns = batch.keys, batch.pickles, problems, marks
        others = {
            key
            for key, data, problem, mark in zip(*columns, strict=True)
            if not problem and mark != mark_of(data)
        }
        rows = zip(parked, marks, strict=True)
        self.ledger.park((one, mark) for one, mark in rows if one.key not in others)
        return others

    def unpark(self) -> None:
        self.ledger.unpark([one.key for one, _ in self.ledger.parked()])

    def parked(self) -> list[Failure]:
        return [one for one, mark in self.ledger.parked() if self._mark(one.key) == mark]

    def originals(self) -> int:
        return self.ledger.originals()

    def forget_originals(self) -> int:
        return self.ledger.forget_originals()

    def put_back(self) -> Iterator[tuple[int, int]]:
        self._recover()
        while originals := self.ledger.some_originals():
            now = {key: self._read(key) for key, _, _ in originals}
            changes = [
                (key, found, before)
                for key, before, after in originals
                if (found := now[key]) is not None and mark_of(found) == after
            ]
            conflicts = self.replace(changes)
            self.ledger.drop_originals(key for key, _, _ in originals)
            back = len(changes) - len(conflicts)
            yield back, len(originals) - back

    def _read(self, key: Key) -> bytes | None:
        try:
            return self.read(key)
        except KeyError:
            return None

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
