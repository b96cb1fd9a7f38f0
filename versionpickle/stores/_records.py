"""What a place that keeps pickles is to a sweep: keys and bytes, and a swap."""

from __future__ import annotations

import abc
import itertools

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self, TypeAlias

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._wire.refs import public

from ._columns import Columns


Key: TypeAlias = Any
"""A text in most places; what stands in the column of keys, in a table."""


class Record(NamedTuple):
    """One pickle, under its key."""

    key: Key
    data: bytes
    problem: str = ""
    """Why its bytes are not those that were stored."""


MUCH = 16_000_000
"""Bytes of data that are read at a time; it may be some more."""


def some_of(coming: Iterable[Record], most: int) -> list[Record]:
    """Return the next records: up to *most*, and fewer where they are long."""
    found: list[Record] = []
    size = 0
    for one in itertools.islice(coming, most):
        found.append(one)
        size += len(one.data)
        if size >= MUCH:
            break
    return found


@public("versionpickle.sweeping")
@attrs.frozen
class Failure:
    """A record that could not be upgraded, or read, and why; it stays as it is."""

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
    """None where it is no single record."""

    problem: str


def _nothing(_: list[bytes]) -> None:
    """Make nothing ready."""


@attrs.frozen
class Findings:
    """What any process can find out about a batch."""

    problems: dict[int, str]
    """Why some of the records are not those that were stored, by their places."""

    prepare: Callable[[list[bytes]], Any] = _nothing
    """Makes ready, of all the new pickles, what the swap then need not work out itself."""


def problems_told(_: object, __: object, problems: Sequence[str]) -> Findings:
    """Tell problems that were found when the records were read."""
    return Findings({place: problem for place, problem in enumerate(problems) if problem})


@attrs.frozen
class Batch:
    """Some records, column by column: loops over rows are what takes long in a large store."""

    keys: Sequence[Key]
    pickles: Sequence[bytes]
    marks: Columns
    """What else the place knows of them."""

    examine: Callable[..., Findings] = problems_told
    """Finds out about these columns what can be, in any process."""

    moment: Any = None
    """When they were read, for a place that can tell whether anything was changed since."""

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        found = list(records)
        keys, pickles = [one.key for one in found], [one.data for one in found]
        return cls(keys, pickles, ([one.problem for one in found],))

    @property
    def columns(self) -> Columns:
        return (self.keys, self.pickles, *self.marks)

    def only(self, places: Sequence[int]) -> Batch:
        """Return those that stand in these places, which have no problems."""
        keys, pickles, *marks = ([column[place] for place in places] for column in self.columns)
        return attrs.evolve(self, keys=keys, pickles=pickles, marks=tuple(marks))


Classifier: TypeAlias = Callable[[Manifest], bool]
Tell: TypeAlias = Callable[[int], object]


def ignore(_: int) -> None:
    """Take no notice of how far something is."""


class Records(abc.ABC):
    """Pickles under keys, in the order of the keys."""

    address: str
    """How a person names the place."""

    protocol: int | None = None
    """The protocol in which it keeps pickles; None where each has its own."""

    has_labels = False
    """Whether it knows what is in a pickle without reading it."""

    @abc.abstractmethod
    def close(self) -> None: ...

    # What is there

    @abc.abstractmethod
    def count(self) -> int:
        """Return how many records there are."""

    @abc.abstractmethod
    def keys(self, prefix: str = "") -> Iterator[Key]: ...

    @abc.abstractmethod
    def read(self, key: Key) -> bytes:
        """Return the bytes of one record; raise KeyError where there is none."""

    @abc.abstractmethod
    def scan(self, prefix: str = "") -> Iterator[Record]:
        """Yield all records."""

    @abc.abstractmethod
    def tally(self, tell: Tell = ignore) -> dict[Manifest | None, int]:
        """
        Return how many records have each label; None is that of the damaged ones.

        Where they have to be read for that, *tell* is called after each with their number.
        """

    @abc.abstractmethod
    def put(
        self, keys: Sequence[Key], pickles: Sequence[bytes], manifests: Sequence[Manifest]
    ) -> None:
        """Write pickles, whatever is there."""

    def key_of(self, key: Key) -> Key:
        """Return what this place calls a key of another one."""
        return str(key)

    # What a migration does

    @abc.abstractmethod
    def batches(
        self, is_wanted: Classifier, size: int, limit: int | None = None
    ) -> Iterator[Batch]:
        """
        Yield the records whose labels are wanted, up to *size* at a time and *limit* in all.

        A place without labels yields them all.
        """

    @abc.abstractmethod
    def swap(
        self, batch: Batch, pickles: list[bytes], manifests: list[Manifest], ready: Any = None
    ) -> set[Key]:
        """
        Put pickles in the place of records, and keep the originals.

        *ready* is what was prepared for that, if it was; see `Findings`.
        Return the keys of those that somebody else changed meanwhile; they stay.
        """

    @abc.abstractmethod
    def park(self, batch: Batch, parked: Sequence[Failure]) -> set[Key]:
        """
        Note what could not be upgraded, and why.

        Return the keys of those that somebody else changed meanwhile.
        """

    @abc.abstractmethod
    def unpark(self) -> None:
        """Forget what earlier migrations could not upgrade."""

    @abc.abstractmethod
    def parked(self) -> list[Failure]:
        """Return what is parked, as far as it is still there unchanged."""

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
        """Read everything; yield how many records are good, time after time, and what is not."""
