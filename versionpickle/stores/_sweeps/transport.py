"""What travels to whoever does the work, and back: columns, in few bytes."""

from __future__ import annotations

import pickle

from collections.abc import Callable
from typing import Any

import attrs

from versionpickle._pickles.rewrite.manifest import Label
from versionpickle._pickles.rewrite.rewrite import Failure
from versionpickle.stores._columns import Columns, dumps_columns
from versionpickle.stores._records import Findings


@attrs.frozen
class Task:
    """A batch, on its way to whoever does the work."""

    columns: Columns
    examine: Callable[..., Findings]

    def __reduce__(self) -> tuple[Any, ...]:
        return _task, (dumps_columns(self.columns), self.examine)


def _task(columns: bytes, examine: Callable[..., Findings]) -> Task:
    return Task(pickle.loads(columns), examine)


NO_LABEL = Label()
"""That of what failed."""


@attrs.define(eq=False)
class Done:
    """What has become of a batch."""

    pickles: list[bytes] = attrs.field(factory=list)
    """Each as it is to be written; as it was where that failed."""

    labels: list[Label] = attrs.field(factory=list)
    failures: dict[int, Failure] = attrs.field(factory=dict)
    """By place in the batch."""

    ready: Any = None
    """What was prepared, see `Findings`, if nothing failed."""

    def add(self, written: bytes, label: Label) -> None:
        self.pickles.append(written)
        self.labels.append(label)

    def fail(self, data: bytes, failure: Failure) -> None:
        self.failures[len(self.pickles)] = failure
        self.add(data, NO_LABEL)

    def __reduce__(self) -> tuple[Any, ...]:
        each = {id(label): label for label in self.labels}  # most are the same object
        numbers = {one: number for number, one in enumerate(each)}
        labels = [numbers[one] for one in map(id, self.labels)]
        columns = dumps_columns((self.pickles, labels))
        return _done, (columns, [*each.values()], self.failures, self.ready)


def _done(columns: bytes, each: list[Label], failures: dict[int, Failure], ready: Any) -> Done:
    pickles, labels = pickle.loads(columns)
    return Done(pickles, [each[number] for number in labels], failures, ready)
