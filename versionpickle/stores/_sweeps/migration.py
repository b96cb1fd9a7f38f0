"""A migration: what is stale is written anew, batch by batch, and nobody's write is lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._wire.refs import public
from versionpickle.stores._records import Batch, Failure, Key, Records

from .classifier import Classifier
from .rewriter import Rewriter
from .transport import Result, Task
from .workers import each_done


BATCH = 2000
_PASSES = 5
"""How often what others wrote meanwhile is looked at again."""

_TOLD = 1000
"""How many failures a report holds; the store holds them all."""


@attrs.frozen
class Plan:
    """How a migration goes on."""

    work: Rewriter
    judge: Classifier
    size: int = BATCH
    limit: int | None = None
    is_dry: bool = False
    executor: Executor | None = None


@public("versionpickle.sweeping")
@attrs.frozen
class Migration:
    """What a migration has done, up to now or up to its end."""

    total: int
    """How many records there were to look at when it began."""

    seen: int = 0
    migrated: int = 0
    current: int = 0
    """Those that were as they should be, in a place that does not know it without reading."""

    conflicts: int = 0
    """Those that somebody else wrote meanwhile, and that stay as they were written."""

    failed: int = 0
    failures: tuple[Failure, ...] = ()
    """The first of those that stay as they were, and why; ``parked()`` returns all."""

    at: Key | None = None
    """The last key that was looked at."""

    is_dry: bool = False

    def __str__(self) -> str:
        verb = "would be migrated" if self.is_dry else "migrated"
        sums = [f"{self.migrated} {verb}"]
        sums += [f"{count} {name}" for name, count in self._others() if count]
        return ", ".join(sums)

    def _others(self) -> list[tuple[str, int]]:
        return [
            ("current", self.current),
            ("overtaken", self.conflicts),
            ("failed and left as before", self.failed),
        ]


def migrating(records: Records, plan: Plan) -> Iterator[Migration]:
    """Migrate batch by batch; yield where it is after each."""
    tally = records.tally() if records.has_labels else {}
    wanted = (
        manifest for manifest in tally if manifest is not None and plan.judge.is_wanted(manifest)
    )
    total = sum(tally[manifest] for manifest in wanted) if records.has_labels else records.count()
    if plan.limit is not None:
        total = min(total, plan.limit)
    state = Migration(total, is_dry=plan.is_dry)
    if not plan.is_dry:
        records.unpark()
    for _ in range(_PASSES if plan.limit is None else 1):
        before = state.conflicts
        for reached in _pass(records, plan, state):
            state = reached
            yield state
        if state.conflicts == before:
            return
        seen = state.seen - state.failed  # which are looked at again
        state = attrs.evolve(state, seen=seen, failed=0, failures=())


def _pass(records: Records, plan: Plan, state: Migration) -> Iterator[Migration]:
    left = None if plan.limit is None else plan.limit - state.seen
    batches = records.batches(plan.judge.is_wanted, plan.size, left)
    tasks = ((batch, Task(batch.columns, batch.examine)) for batch in batches)
    for batch, done in each_done(tasks, plan.work.done, plan.executor):
        state = _written(records, plan, state, batch, done)
        yield state


def _written(
    records: Records, plan: Plan, state: Migration, batch: Batch, done: Result
) -> Migration:
    """Write a batch down, and add it to what was done."""
    failed = sorted(done.failures)
    parked = [Failure(batch.keys[at], **attrs.asdict(done.failures[at])) for at in failed]
    changes = _changes(batch, done, is_all=records.has_labels)
    conflicts: set[Key] = set()
    if parked and not plan.is_dry:
        conflicts = records.park(batch.only(failed), parked)
        parked = [one for one in parked if one.key not in conflicts]
    changed = len(changes.manifests)
    if changes.manifests and not plan.is_dry:
        missed = records.swap(*attrs.astuple(changes, recurse=False))
        changed -= len(missed)
        conflicts |= missed
    seen = state.seen + len(batch)
    return attrs.evolve(
        state,
        total=max(state.total, seen),
        seen=seen,
        migrated=state.migrated + changed,
        current=state.current + len(batch) - changed - len(parked) - len(conflicts),
        conflicts=state.conflicts + len(conflicts),
        failed=state.failed + len(parked),
        failures=(*state.failures, *parked)[:_TOLD],
        at=batch.keys[-1],
    )


@attrs.frozen
class _Changes:
    batch: Batch
    pickles: list[bytes]
    manifests: list[Manifest]
    ready: Any = None


def _changes(batch: Batch, done: Result, *, is_all: bool) -> _Changes:
    """Return what is to be written: not what failed, nor, unless *is_all*, what is as it was."""
    if is_all and not done.failures:
        return _Changes(batch, done.pickles, done.manifests, done.ready)
    changed = [
        place
        for place, before in enumerate(batch.pickles)
        if place not in done.failures and (is_all or done.pickles[place] != before)
    ]
    pickles = [done.pickles[place] for place in changed]
    return _Changes(batch.only(changed), pickles, [done.manifests[place] for place in changed])
