"""Migrate a place: rewrite stale records in batches, without losing concurrent writes."""

from __future__ import annotations

import sys

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import UpgradeFailure
from versionpickle._wire.refs import public
from versionpickle.migrations import default_registry
from versionpickle.stores._records import Batch, Failure, Key, Records

from .classifier import Classifier
from .rewriter import Rewriter
from .transport import Result, Task
from .workers import Knowledge, each_result


BATCH = 2000
_PASSES = 5
"""How often what others wrote meanwhile is looked at again."""

_REPORTED_MAX = 1000
"""How many failures a report holds; the store holds them all."""


_VERSION_LIMIT = 2**63


@attrs.define
class Overtaken:
    """The keys of records that others wrote meanwhile, each of which counts once."""

    keys: set[Key] = attrs.field(factory=set)
    is_new: bool = False
    """Whether there were any in this pass."""

    def note(self, missed: set[Key], done: set[Key]) -> None:
        self.keys = (self.keys - done) | missed
        self.is_new = self.is_new or bool(missed)


@attrs.frozen
class Plan:
    """How a migration goes on."""

    rewriter: Rewriter
    classifier: Classifier
    size: int = BATCH
    limit: int | None = None
    is_dry: bool = False
    executor: Executor | None = None
    longest: int = sys.maxsize
    """How many bytes a pickle may have."""

    overtaken: Overtaken = attrs.field(factory=Overtaken)


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
    """Those that were written meanwhile and are kept as they were written."""

    failed: int = 0
    failures: tuple[Failure, ...] = ()
    """The first of those that are kept as they were, and why; ``parked()`` returns all."""

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
            ("conflicts", self.conflicts),
            ("failed and left as before", self.failed),
        ]


def migrating(records: Records, plan: Plan) -> Iterator[Migration]:
    """Migrate batch by batch; yield the state after each."""
    with _sweep(records, plan):
        state = Migration(_total(records, plan), is_dry=plan.is_dry)
        plan = attrs.evolve(plan, rewriter=_rewriter(records, plan), longest=records.max_size())
        if not plan.is_dry:
            records.clear_failures()
        for _ in range(_PASSES if plan.limit is None else 1):
            plan.overtaken.is_new = False
            for state in _pass(records, plan, state):  # noqa: B020 - each goes on from the last
                yield state
            if not plan.overtaken.is_new:
                return
            state = _again(records, state)


def _again(records: Records, state: Migration) -> Migration:
    """Return the state before a further pass: over all, or over what is still stale."""
    seen = state.seen - state.failed if records.has_manifests else 0
    return attrs.evolve(state, seen=seen, failed=0, failures=())


def _sweep(records: Records, plan: Plan) -> AbstractContextManager[None]:
    return nullcontext() if plan.is_dry else records.sweep("a migration")


def _total(records: Records, plan: Plan) -> int:
    total = _wanted(records, plan.classifier) if records.has_manifests else records.count()
    return total if plan.limit is None else min(total, plan.limit)


def _wanted(records: Records, classifier: Classifier) -> int:
    return sum(
        count
        for manifest, count in records.counts().items()
        if manifest is not None and classifier.is_wanted(manifest)
    )


def _rewriter(records: Records, plan: Plan) -> Rewriter:
    is_shared = plan.executor is not None and plan.classifier.registry is default_registry
    rewriter = plan.rewriter
    if is_shared:
        rewriter = attrs.evolve(rewriter, needed=Knowledge.of_this_process())
    return attrs.evolve(rewriter, is_tracked=records.has_manifests)


def _pass(records: Records, plan: Plan, state: Migration) -> Iterator[Migration]:
    left = None if plan.limit is None else plan.limit - state.seen
    batches = records.batches(plan.classifier.is_wanted, plan.size, left)
    tasks = ((batch, Task(batch.columns, batch.examine)) for batch in batches)
    for batch, result in each_result(tasks, plan.rewriter.rewrite, plan.executor):
        _fail_too_long(plan.longest, batch, result)
        state = _written(records, plan, state, batch, result)
        if not records.has_manifests:
            state = _with_current(state)
        yield state


def _with_current(state: Migration) -> Migration:
    """Count what was current; what an earlier pass has migrated is so only now."""
    current = state.seen - state.migrated - state.failed - state.conflicts
    return attrs.evolve(state, current=max(current, state.current))


def _fail_too_long(longest: int, batch: Batch, result: Result) -> None:
    """Let those fail that are too long, or whose originals would be."""
    for place, pair in enumerate(zip(batch.pickles, result.pickles, strict=True)):
        size = 0 if place in result.failures else max(map(len, pair))
        if size > longest:
            reason = (
                f"it has {size:,} bytes, and no more than {longest:,} can be kept of one record"
            )
            result.failures[place] = UpgradeFailure(None, None, None, reason)


def _written(
    records: Records, plan: Plan, state: Migration, batch: Batch, result: Result
) -> Migration:
    """Write a batch, and add it to the state."""
    places = sorted(result.failures)
    failures = [_failure(batch.keys[place], result.failures[place]) for place in places]
    changes = _changes(batch, result, is_all=records.has_manifests)
    missed: set[Key] = set()
    if failures and not plan.is_dry:
        missed = records.add_failures(batch.only(places), failures)
        failures = [failure for failure in failures if failure.key not in missed]
    changed = {*changes.batch.keys}
    if changes.manifests and not plan.is_dry:
        conflicts = records.swap(*attrs.astuple(changes, recurse=False))
        changed -= conflicts
        missed |= conflicts
    seen = state.seen + len(batch) - _seen_again(records, plan, batch)
    plan.overtaken.note(missed, changed | {failure.key for failure in failures})
    return attrs.evolve(
        state,
        total=max(state.total, seen),
        seen=seen,
        migrated=state.migrated + len(changed),
        conflicts=len(plan.overtaken.keys),
        failed=state.failed + len(failures),
        failures=(*state.failures, *failures)[:_REPORTED_MAX],
        at=batch.keys[-1],
    )


def _failure(key: Key, failure: UpgradeFailure) -> Failure:
    """Leave out a version that SQLite cannot keep as a number; the reason has it."""
    columns = attrs.asdict(failure)
    if abs(failure.version or 0) >= _VERSION_LIMIT:
        columns["version"] = None
    return Failure(key, **columns)


def _seen_again(records: Records, plan: Plan, batch: Batch) -> int:
    """Count what an earlier pass has seen, where a pass is not over all."""
    return sum(key in plan.overtaken.keys for key in batch.keys) if records.has_manifests else 0


@attrs.frozen
class _Changes:
    batch: Batch
    pickles: list[bytes]
    manifests: list[Manifest]
    prepared: Any = None


def _changes(batch: Batch, result: Result, *, is_all: bool) -> _Changes:
    """Return what is to be written: not what failed, nor, unless *is_all*, what is unchanged."""
    if is_all and not result.failures:
        return _Changes(batch, result.pickles, result.manifests, result.prepared)
    changed = [
        place
        for place, before in enumerate(batch.pickles)
        if place not in result.failures and (is_all or result.pickles[place] != before)
    ]
    pickles = [result.pickles[place] for place in changed]
    manifests = [result.manifests[place] for place in changed]
    return _Changes(batch.only(changed), pickles, manifests)
