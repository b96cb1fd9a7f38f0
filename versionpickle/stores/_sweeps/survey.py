"""Count the records of each class and version."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._wire.refs import public
from versionpickle.stores._records import Progress, Records, ignore

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
    """Those that a migration would rewrite."""

    unknown: int
    """Those with an undeclared class, or a version newer than this code."""

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
            yield f"{one.ref}, {version}: in {one.records:,}, {one.status}{problem}"
        yield self.sums()

    def sums(self) -> str:
        """Return the numbers of records, in one line."""
        sums = (f"{getattr(self, name):,} {name}" for name in _SUMS if getattr(self, name))
        records = "1 record" if self.records == 1 else f"{self.records:,} records"
        return ", ".join((records, *sums))


_SUMS = ("current", "stale", "unknown", "damaged", "retired", "parked", "originals")


def survey(records: Records, classifier: Classifier, progress: Progress = ignore) -> Survey:
    """Count the records of a place, by what is in them."""
    return _Counting(classifier, records.counts(progress)).survey(records)


@attrs.frozen
class _Counting:
    classifier: Classifier
    counts: dict[Manifest | None, int]

    def survey(self, records: Records) -> Survey:
        return Survey(
            records=sum(self.counts.values()),
            current=self._count("current") + self._count("retired"),
            stale=self._count("stale"),
            unknown=self._count("unknown"),
            damaged=self.counts.get(None, 0),
            retired=self._count("retired"),
            parked=len(records.failures()),
            originals=records.originals(),
            classes=self._classes(),
        )

    def _count(self, status: str) -> int:
        return sum(
            count
            for manifest, count in self.counts.items()
            if manifest is not None and self.classifier.status(manifest) == status
        )

    def _classes(self) -> tuple[Class, ...]:
        """Add up the records of each class at each version."""
        counts: dict[Class, int] = {}
        for manifest, count in self.counts.items():
            for one in set() if manifest is None else {*self.classifier.classes(manifest)}:
                counts[one] = counts.get(one, 0) + count
        classes = (attrs.evolve(one, records=count) for one, count in counts.items())
        return tuple(sorted(classes, key=lambda one: (one.ref, one.version or 0, one.problem)))
