"""What is sent to worker processes and back: columns, in few bytes."""

from __future__ import annotations

import pickle

from collections.abc import Callable
from typing import Any

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import UpgradeFailure
from versionpickle.stores._columns import Columns, dumps_columns
from versionpickle.stores._records import Findings


@attrs.frozen
class Task:
    """A batch on its way to a worker."""

    columns: Columns
    examine: Callable[..., Findings]

    def __reduce__(self) -> tuple[Any, ...]:
        return _task, (dumps_columns(self.columns), self.examine)


def _task(columns: bytes, examine: Callable[..., Findings]) -> Task:
    return Task(pickle.loads(columns), examine)


NO_MANIFEST = Manifest()
"""That of what failed."""


@attrs.define(eq=False)
class Result:
    """What has become of a batch."""

    pickles: list[bytes] = attrs.field(factory=list)
    """Each as it is to be written; as it was if that failed."""

    manifests: list[Manifest] = attrs.field(factory=list)
    failures: dict[int, UpgradeFailure] = attrs.field(factory=dict)
    """By place in the batch."""

    prepared: Any = None
    """What was computed for the swap, see `Findings`, if nothing failed."""

    def add(self, written: bytes, manifest: Manifest) -> None:
        self.pickles.append(written)
        self.manifests.append(manifest)

    def fail(self, data: bytes, failure: UpgradeFailure) -> None:
        self.failures[len(self.pickles)] = failure
        self.add(data, NO_MANIFEST)

    def __reduce__(self) -> tuple[Any, ...]:
        distinct = {id(manifest): manifest for manifest in self.manifests}  # few, in most cases
        numbers = {one: number for number, one in enumerate(distinct)}
        manifests = [numbers[one] for one in map(id, self.manifests)]
        columns = dumps_columns((self.pickles, manifests))
        return _result, (columns, [*distinct.values()], self.failures, self.prepared)


def _result(
    columns: bytes, distinct: list[Manifest], failures: dict[int, UpgradeFailure], prepared: Any
) -> Result:
    pickles, manifests = pickle.loads(columns)
    return Result(pickles, [distinct[number] for number in manifests], failures, prepared)
