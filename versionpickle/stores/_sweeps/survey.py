"""How many records there are of which class and version."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._wire.refs import public
from versionpickle.stores._records import Records, Tell, ignore

from .classifier import Class, Classifier


@public("versionpickle.sweeping")
@attrs.frozen
class Survey:
    """
    What a store holds.

    Each record is *current*, *stale*, *unknown* or *damaged*.
    """

    records: int
    current: int
    stale: int
    """Those that a migration would write anew."""

    unknown: int
    """Those with something that nobody declared, or that is newer than this code."""

    damaged: int
    retired: int
    """How many of the current ones hold placeholders of retired classes."""

    parked: int
    """Those that the last migration could not upgrade."""

    originals: int
    """Those that are kept as they were before migrations."""

    classes: tuple[Class, ...]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for one in self.classes:
            version = "unstamped" if one.version is None else f"version {one.version}"
            problem = f": {one.problem}" if one.problem else ""
            yield f"{one.ref}, {version}: in {one.records:,}, {one.standing}{problem}"
        yield self.sums()

    def sums(self) -> str:
        """Return the numbers of records, in one line."""
        sums = (f"{getattr(self, name):,} {name}" for name in _SUMS if getattr(self, name))
        records = "1 record" if self.records == 1 else f"{self.records:,} records"
        return ", ".join((records, *sums))


_SUMS = ("current", "stale", "unknown", "damaged", "retired", "parked", "originals")


def survey(records: Records, judge: Classifier, tell: Tell = ignore) -> Survey:
    """Count the records of a place, by what is in them."""
    return _Counting(judge, records.tally(tell)).survey(records)


@attrs.frozen
class _Counting:
    judge: Classifier
    tally: dict[Manifest | None, int]

    def survey(self, records: Records) -> Survey:
        return Survey(
            records=sum(self.tally.values()),
            current=self._count("current") + self._count("retired"),
            stale=self._count("stale"),
            unknown=self._count("unknown"),
            damaged=self.tally.get(None, 0),
            retired=self._count("retired"),
            parked=len(records.parked()),
            originals=records.originals(),
            classes=self._classes(),
        )

    def _count(self, standing: str) -> int:
        return sum(
            count
            for manifest, count in self.tally.items()
            if manifest is not None and self.judge.standing(manifest) == standing
        )

    def _classes(self) -> tuple[Class, ...]:
        """Add up the records of each class at each version."""
        found: dict[Class, int] = {}
        for manifest, count in self.tally.items():
            for one in set() if manifest is None else {*self.judge.classes(manifest)}:
                found[one] = found.get(one, 0) + count
        classes = (attrs.evolve(one, records=count) for one, count in found.items())
        return tuple(sorted(classes, key=lambda one: (one.ref, one.version or 0, one.problem)))
