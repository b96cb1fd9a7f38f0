"""What a sweep needs from a place: keys, bytes, and an atomic swap."""

from __future__ import annotations

import abc
import itertools
import sys

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self, TypeAlias

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._wire.refs import public

from ._columns import Columns


Key: TypeAlias = Any
"""A string in most places; a value of the column of keys, in a table."""


class Record(NamedTuple):
    """One pickle, under its key."""

    key: Key
    data: bytes
    problem: str = ""
    """Why its bytes are not those that were stored."""


MUCH = 16_000_000
"""Bytes of data that are read at a time; it may be more by the last record."""


def take_limited(records: Iterable[Record], limit: int) -> list[Record]:
    """Return the next records: up to *limit*, and fewer if they are long."""
    taken: list[Record] = []
    size = 0
    for record in itertools.islice(records, limit):
        taken.append(record)
        size += len(record.data)
        if size >= MUCH:
            break
    return taken


@public("versionpickle.sweeping")
@attrs.frozen
class Failure:
    """A record that could not be upgraded, or read, and why; it is kept as it is."""

    key: Key
    ref: str | None
    version: int | None
    step: str | None
    reason: str


@public("versionpickle.sweeping")
@attrs.frozen
class Damage:
    """What is wrong with a record, or with the place itself."""

    key: Key | None
    """None if it is not a single record."""

    problem: str


def _nothing(_: list[bytes]) -> None:
    """Prepare nothing."""


@attrs.frozen
class Findings:
    """What any process can find out about a batch."""

    problems: dict[int, str]
    """Why some of the records are not those that were stored, by their places in the batch."""

    prepare: Callable[[list[bytes]], Any] = _nothing
    """Computes from all the new pickles what the swap then need not compute itself."""


def reported_problems(_: object, __: object, problems: Sequence[str]) -> Findings:
    """Report problems that were found when the records were read."""
    return Findings({place: problem for place, problem in enumerate(problems) if problem})


@attrs.frozen
class Batch:
    """Records, column by column: loops over rows are slow in a large store."""

    keys: Sequence[Key]
    pickles: Sequence[bytes]
    others: Columns
    """What else the place knows of them."""

    examine: Callable[..., Findings] = reported_problems
    """Finds out about these columns what can be, in any process."""

    moment: Any = None
    """When they were read, for a place that detects changes since."""

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        columns = [*zip(*records, strict=True)] or [(), (), ()]
        keys, pickles, problems = columns
        return cls(keys, pickles, (problems,))

    @property
    def columns(self) -> Columns:
        return (self.keys, self.pickles, *self.others)

    def only(self, places: Sequence[int]) -> Batch:
        """Return those in these places."""
        keys, pickles, *others = ([column[place] for place in places] for column in self.columns)
        return attrs.evolve(self, keys=keys, pickles=pickles, others=tuple(others))


IsWanted: TypeAlias = Callable[[Manifest], bool]
Progress: TypeAlias = Callable[[int], object]


def ignore(_: int) -> None:
    """Disregard the progress."""


class Records(abc.ABC):
    """Pickles under keys, in the order of the keys."""

    address: str
    """How a person names the place."""

    protocol: int | None = None
    """The protocol in which it keeps pickles; None if each has its own."""

    has_manifests = False
    """Whether it knows what is in a pickle without reading it."""

    @abc.abstractmethod
    def close(self) -> None: ...

    @abc.abstractmethod
    def sweep(self, purpose: str) -> AbstractContextManager[None]:
        """Let a block change many records; errors of other sweeps name the *purpose*."""

    def max_size(self) -> int:
        """Return how long a pickle may be whose original is to be kept."""
        return sys.maxsize

    # What is there

    @abc.abstractmethod
    def count(self) -> int:
        """Return how many records there are."""

    @abc.abstractmethod
    def keys(self, prefix: str = "") -> Iterator[Key]: ...

    @abc.abstractmethod
    def read(self, key: Key) -> bytes:
        """Return the bytes of one record; raise KeyError if there is none."""

    @abc.abstractmethod
    def scan(self, prefix: str = "") -> Iterator[Record]:
        """Yield all records."""

    @abc.abstractmethod
    def counts(self, progress: Progress = ignore) -> dict[Manifest | None, int]:
        """
        Return how many records have each manifest; None is that of the damaged ones.

        If they have to be read for that, *progress* is called after each with their number.
        """

    @abc.abstractmethod
    def put(
        self, keys: Sequence[Key], pickles: Sequence[bytes], manifests: Sequence[Manifest]
    ) -> None:
        """Write pickles, whatever is there."""

    def key_of(self, key: Key) -> Key:
        """Return what a key of another place is called here."""
        return str(key)

    # What a migration does

    @abc.abstractmethod
    def batches(self, is_wanted: IsWanted, size: int, limit: int | None = None) -> Iterator[Batch]:
        """
        Yield the records whose manifests are wanted, up to *size* at a time and *limit* in all.

        A place without manifests yields them all.
        """

    @abc.abstractmethod
    def swap(
        self, batch: Batch, pickles: list[bytes], manifests: list[Manifest], prepared: Any = None
    ) -> set[Key]:
        """
        Replace the pickles of records, and keep the originals.

        *prepared* is what was computed for that, if it was; see `Findings`.
        Return the keys of those that were changed meanwhile; they are kept.
        """

    @abc.abstractmethod
    def add_failures(self, batch: Batch, failures: Sequence[Failure]) -> set[Key]:
        """
        Keep what could not be upgraded, and why.

        Return the keys of those that were changed meanwhile.
        """

    @abc.abstractmethod
    def clear_failures(self) -> None:
        """Forget what earlier migrations could not upgrade."""

    @abc.abstractmethod
    def failures(self) -> list[Failure]:
        """Return those whose records are unchanged."""

    @abc.abstractmethod
    def originals(self) -> int:
        """Return how many records are kept as they were before migrations."""

    @abc.abstractmethod
    def forget_originals(self) -> int: ...

    @abc.abstractmethod
    def put_back(self) -> Iterator[tuple[int, int]]:
        """Put the originals back, batch by batch; yield how many were, and how many were not."""

    # What verification does

    @abc.abstractmethod
    def examine(self) -> Iterator[int | Damage]:
        """Read everything; yield numbers of good records, and what is damaged."""
