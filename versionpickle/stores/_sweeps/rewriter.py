"""Rewrite one batch of pickles, in this process or another."""

from __future__ import annotations

import pickle

from collections.abc import Sequence
from typing import Any

import attrs

from versionpickle._classes.placeholder import WRITTEN
from versionpickle._pickles.load.fast import fast_loads
from versionpickle._pickles.rewrite.comparison import DifferentError, check_kept
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import (
    UpgradeFailure,
    failure_of,
    upgrade,
)
from versionpickle._pickles.rewrite.tracking import (
    PROTOCOL,
    Tracked,
    dumps_tracked,
    manifest_of_tracked,
    track_stamps,
    tracked_in,
)
from versionpickle.migrations import default_registry
from versionpickle.stores._loading import Loading

from .transport import NO_MANIFEST, Result, Task
from .workers import Knowledge


_TRUSTED_MAX = 4096


@attrs.frozen(eq=False)
class Rewriter:
    """How pickles are rewritten; it can be sent to other processes."""

    loading: Loading
    is_tracked: bool = False
    """Whether the pickles are those of a store, one in each record, and all in its protocol."""

    accept_differences: bool = False
    """Whether to write also what loads as something else than before."""

    needed: Knowledge | None = None
    """What another process must know."""

    trusted: dict[Tracked, Manifest] = attrs.field(factory=dict)
    """The manifests of what was compared once, and found good."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Rewriter, (self.loading, self.is_tracked, self.accept_differences, self.needed)

    def rewrite(self, task: Task) -> Result:
        """Rewrite pickles, but for those that have problems."""
        if self.needed is not None:
            self.needed.acquire()
        result = Result()
        findings = task.examine(*task.columns)
        pickles: Sequence[bytes] = task.columns[1]
        write = _Tracked(self, result).write if self.is_tracked else _Untracked(self, result).write
        if problems := findings.problems:
            for place, data in enumerate(pickles):
                if place in problems:
                    result.fail(data, UpgradeFailure(None, None, None, problems[place]))
                else:
                    write([data])
        else:
            write(pickles)
        if not result.failures:
            result.prepared = findings.prepare(result.pickles)
        return result


class _Untracked:
    """Rewrite pickles of unknown content."""

    def __init__(self, rewriter: Rewriter, result: Result) -> None:
        self._settings = attrs.evolve(
            rewriter.loading.for_rewriting(), accept_differences=rewriter.accept_differences
        )
        self._result = result

    def write(self, pickles: Sequence[bytes]) -> None:
        for data in pickles:
            upgraded = upgrade(data, self._settings)
            if upgraded.failure is None:
                self._result.add(upgraded.data, upgraded.manifest or NO_MANIFEST)
            else:
                self._result.fail(data, upgraded.failure)


class _Tracked:
    """Rewrite pickles of a store; the first of each kind is loaded again and compared."""

    def __init__(self, rewriter: Rewriter, result: Result) -> None:
        self._rewriter = rewriter
        self._loading = rewriter.loading
        self._registry = rewriter.loading.registry or default_registry
        self._trusted = rewriter.trusted
        self._result = result

    def write(self, pickles: Sequence[bytes]) -> None:
        if self._loading.registry is not None or not self._loading.is_plain:
            for data in pickles:
                self._write(data)
            return
        load, trusted, result = fast_loads(self._registry), self._trusted, self._result
        placeholders = WRITTEN.count
        with track_stamps() as stamps:
            for data in pickles:
                stamps.clear()
                try:
                    written = pickle.dumps(load(data), PROTOCOL)
                    manifest = trusted[tracked_in(written, stamps)]
                except Exception:  # noqa: BLE001 - it takes more care, which finds the reason
                    manifest = None
                if manifest is None or WRITTEN.count != placeholders:
                    self._write(data)
                    placeholders = WRITTEN.count
                else:
                    result.pickles.append(written)
                    result.manifests.append(manifest)

    def _write(self, data: bytes) -> None:
        try:
            obj = self._loading.load(data)
            written, tracked = dumps_tracked(obj, registry=self._loading.registry)
            self._compare(obj, written)
            self._result.add(written, self._manifest(tracked))
        except Exception as exc:  # noqa: BLE001 - whatever stops it, it becomes a row of the report
            self._result.fail(data, failure_of(exc))

    def _manifest(self, tracked: Tracked) -> Manifest:
        manifest = manifest_of_tracked(tracked, self._registry)
        if manifest.is_stale(self._registry):
            raise DifferentError("it is as old as before after it was rewritten", None)
        if len(self._trusted) >= _TRUSTED_MAX:
            self._trusted.clear()
        self._trusted[tracked] = manifest
        return manifest

    def _compare(self, obj: object, written: bytes) -> None:
        if not self._rewriter.accept_differences:
            check_kept(obj, self._loading.load(written))
