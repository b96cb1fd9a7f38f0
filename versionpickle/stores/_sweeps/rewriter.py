"""The work on one batch, which any process can do: bytes in, bytes out."""

from __future__ import annotations

import pickle

from collections.abc import Callable, Sequence

import attrs

from versionpickle._classes.placeholder import WRITTEN
from versionpickle._pickles.load.fast import fast_loads
from versionpickle._pickles.load.unpickler import loads
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import (
    DifferentError,
    Settings,
    UpgradeFailure,
    failure_of,
    upgrade,
)
from versionpickle._pickles.rewrite.snapshot import is_same, snapshot
from versionpickle._pickles.rewrite.tracking import (
    PROTOCOL,
    Tracked,
    dumps_tracked,
    manifest_of_tracked,
    track_stamps,
    tracked_in,
)
from versionpickle.migrations import Registry, default_registry

from .transport import NO_MANIFEST, Result, Task


@attrs.frozen
class Rewriter:
    """How pickles are to be written anew; it can travel to other processes."""

    allow: tuple[object, ...] = ()
    registry: Registry | None = None
    """None for the default one, the only one that other processes have as well."""

    is_labelled: bool = False
    """Whether the pickles are those of a store, one in each record, and all in its protocol."""

    def done(self, task: Task) -> Result:
        """Write pickles anew, but for those that have problems."""
        pickles = task.columns[1]
        found = task.examine(*task.columns)
        done = Result()
        write = _Rewriting(self, done).write if self.is_labelled else self._writing(done)
        if problems := found.problems:
            for place, data in enumerate(pickles):
                if place in problems:
                    done.fail(data, UpgradeFailure(None, None, None, problems[place]))
                else:
                    write([data])
        else:
            write(pickles)
        if not done.failures:
            done.ready = found.prepare(done.pickles)
        return done

    def _writing(self, done: Result) -> Callable[[Sequence[bytes]], None]:
        settings = Settings(None, self.allow, self.registry)

        def write(pickles: Sequence[bytes]) -> None:
            for data in pickles:
                found = upgrade(data, settings)
                if found.failure is None:
                    done.add(found.data, found.manifest or NO_MANIFEST)
                else:
                    done.fail(data, found.failure)

        return write


class _Rewriting:
    """Write pickles of a store anew; the first of each kind is looked at closely."""

    def __init__(self, work: Rewriter, done: Result) -> None:
        self._work = work
        self._done = done
        self._registry = work.registry or default_registry
        self._trusted: dict[Tracked, Manifest] = {}
        """The labels of what was looked at closely once, and found good."""

    def write(self, pickles: Sequence[bytes]) -> None:
        if self._work.registry is not None:
            for data in pickles:
                self._write(data)
            return
        load, trusted, done = fast_loads(self._registry), self._trusted, self._done
        placeholders = WRITTEN.count
        with track_stamps() as stamps:
            for data in pickles:
                stamps.clear()
                try:
                    written = pickle.dumps(load(data), PROTOCOL)
                    manifest = trusted[tracked_in(written, stamps)]
                except Exception:  # noqa: BLE001 - it takes more care, which tells why
                    manifest = None
                if manifest is None or WRITTEN.count != placeholders:
                    self._write(data)
                    placeholders = WRITTEN.count
                else:
                    done.pickles.append(written)
                    done.manifests.append(manifest)

    def _write(self, data: bytes) -> None:
        try:
            obj = self._load(data)
            written, tracked = dumps_tracked(obj, registry=self._work.registry)
            self._compare(obj, written)
            self._done.add(written, self._manifest(tracked))
        except Exception as exc:  # noqa: BLE001 - whatever stops it, it becomes a row of the report
            self._done.fail(data, failure_of(exc))

    def _manifest(self, tracked: Tracked) -> Manifest:
        manifest = manifest_of_tracked(tracked, self._registry)
        if manifest.is_stale(self._registry):
            raise DifferentError("it is as old as before when it is written anew")
        self._trusted[tracked] = manifest
        return manifest

    def _load(self, data: bytes) -> object:
        return loads(data, registry=self._work.registry, allow=self._work.allow)

    def _compare(self, obj: object, written: bytes) -> None:
        again = self._load(written)
        try:
            is_kept = is_same(snapshot(obj), snapshot(again))
        except RecursionError:  # too deep for a snapshot
            is_kept = dumps_tracked(again, registry=self._work.registry)[0] == written
        if not is_kept:
            raise DifferentError("what would be written loads as something else")
