"""`ExistingStore`: sweeps over pickles that other code keeps."""

from __future__ import annotations

import functools

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from concurrent.futures import Executor
from typing import Any, Self

import attrs

from versionpickle._wire.refs import public
from versionpickle.exceptions import StoreError
from versionpickle.stores._sweeps.copying import Copied, copying
from versionpickle.stores._sweeps.migration import Migration, Plan, migrating
from versionpickle.stores._sweeps.survey import Survey, survey
from versionpickle.stores._sweeps.verification import Verification, verifying
from versionpickle.stores._sweeps.workers import processes

from ._records import Failure, Key, Records, ignore
from ._settings import Settings


@public("versionpickle")
class ExistingStore(Mapping[Key, Any]):
    """
    Objects under keys, wherever their pickles are.

    They can be read, surveyed, migrated and verified.
    """

    def __init__(self, records: Records, settings: Settings) -> None:
        self._records = records
        self._settings = settings

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._records.address!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; whatever was stored is there."""
        self._records.close()

    # What is there

    def __getitem__(self, key: Key) -> Any:
        return self._settings.load(self._records.read(key), key)

    def __contains__(self, key: object) -> bool:
        """Return whether there is a record, be it one that can be loaded or not."""
        try:
            self._records.read(key)
        except KeyError:
            return False
        except (StoreError, OSError):
            return key in set(self)
        return True

    def __iter__(self) -> Iterator[Key]:
        return self._records.keys()

    def __len__(self) -> int:
        return self._records.count()

    def keys(self, *, prefix: str = "") -> KeysView[Key]:
        """Return the keys, in order; with *prefix*, those that begin with it."""
        return _Keys(self, prefix)

    def values(self, *, prefix: str = "") -> ValuesView[Any]:
        """Return the objects, in the order of their keys."""
        return _Values(self, prefix)

    def items(self, *, prefix: str = "") -> ItemsView[Key, Any]:
        """Return keys and objects, in the order of the keys."""
        return _Items(self, prefix)

    def _pairs(self, prefix: str) -> Iterator[tuple[Key, Any]]:
        for record in self._records.scan(prefix):
            data = self._records.read(record.key) if record.problem else record.data
            yield record.key, self._settings.load(data, record.key)

    # Sweeps

    def survey(self, *, progress: Callable[[int], object] = ignore) -> Survey:
        """
        Count the records by what is in them.

        A store knows that without reading a pickle.
        Elsewhere all pickles are read, and none is loaded; *progress* is called after each
        with their number.
        """
        return survey(self._records, self._settings.classifier(), progress)

    def migrate(
        self,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        workers: int = 0,
        executor: Executor | None = None,
        accept_differences: bool = False,
        progress: Callable[[Migration], object] | None = None,
    ) -> Migration:
        """
        Rewrite what is not stored as it would be today.

        It processes the keys in order, in batches, each in one transaction.
        A record that is written meanwhile is kept as it was written.
        One that cannot be upgraded is kept as it is; `parked` has the reason.
        The originals are kept until `forget_originals`; `rollback` puts them back.
        If it is killed, the work of one batch is lost; call it again.
        With *dry_run* it tries everything and writes nothing.
        It stops after *limit* records.
        *workers* processes do the work, or any *executor*; *progress* is called after
        each batch.
        What would load as something else than before is written only where you
        *accept_differences*.
        """
        state = Migration(0, is_dry=dry_run)
        steps = self.migrating(
            dry_run=dry_run,
            limit=limit,
            workers=workers,
            executor=executor,
            accept_differences=accept_differences,
        )
        for state in steps:
            if progress is not None:
                progress(state)
        return state

    def migrating(
        self,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        workers: int = 0,
        executor: Executor | None = None,
        accept_differences: bool = False,
    ) -> Iterator[Migration]:
        """Migrate as `migrate` does, as far as it is iterated; yield after each batch."""
        _check_count("workers", workers)
        _check_count("limit", 0 if limit is None else limit)
        if self._settings.versions:
            problem = "it is opened to write older versions, for older code"
            cure = "migrate it when that code is gone, and it is opened without versions="
            raise StoreError(self._records.address, problem, cure)
        rewriter = attrs.evolve(self._settings.rewriter, accept_differences=accept_differences)
        classifier = self._settings.classifier()
        plan = Plan(rewriter, classifier, limit=limit, is_dry=dry_run, executor=executor)
        with processes(0 if executor else workers, self._settings.loading.registry) as own:
            plan = attrs.evolve(plan, executor=executor or own)
            yield from migrating(self._records, plan)

    def copy_to(
        self,
        target: ExistingStore,
        *,
        overwrite: bool = False,
        progress: Callable[[Copied], object] | None = None,
    ) -> Copied:
        """
        Copy all pickles to another place, as they are.

        If a key is there already, its pickle is kept, unless *overwrite* is true.
        Damaged pickles are left out, and reported.
        """
        state = Copied(0)
        for state in copying(self._records, target._records, overwrite=overwrite):
            if progress is not None:
                progress(state)
        return state

    def parked(self) -> list[Failure]:
        """Return the records that the last migration could not upgrade, and why."""
        return self._records.failures()

    def originals(self) -> int:
        """Return how many records are kept as they were before migrations."""
        return self._records.originals()

    def rollback(self, *, progress: Callable[[int], object] | None = None) -> tuple[int, int]:
        """
        Put back all records as they were before migrations.

        Return how many were put back, and how many were not, because somebody has written
        or deleted them since.
        """
        back = conflicts = 0
        with self._records.sweep("a rollback"):
            for more, others in self._records.put_back():
                back, conflicts = back + more, conflicts + others
                if progress is not None:
                    progress(back + conflicts)
        return back, conflicts

    def forget_originals(self) -> int:
        """Delete what `rollback` would put back; return how many records that were."""
        with self._records.sweep("a deletion of originals"):
            return self._records.forget_originals()

    def verify(
        self, *, load: bool = False, progress: Callable[[Verification], object] | None = None
    ) -> Verification:
        """
        Read everything, and report what is damaged.

        Damaged records of a store are set aside: reading one is an error until it is
        stored again or deleted.
        With *load*, also report the objects that cannot be loaded.
        """
        state = Verification()
        for state in verifying(self._records, self._settings.load if load else None):
            if progress is not None:
                progress(state)
        return state


def _check_count(name: str, count: int) -> None:
    if type(count) is not int:
        raise TypeError(f"{name}= must be an int, not {count!r}")
    if count < 0:
        raise ValueError(f"{name}={count} is negative; pass a number from 0 up")


class _Keys(KeysView[Any]):
    def __init__(self, store: ExistingStore, prefix: str) -> None:
        super().__init__(store)
        if not isinstance(prefix, str):
            raise TypeError(f"a prefix must be a str, not {prefix!r}")
        self._store = store
        self._prefix = prefix

    def __iter__(self) -> Iterator[Any]:
        return self._store._records.keys(self._prefix)

    def __len__(self) -> int:
        return sum(1 for _ in self) if self._prefix else len(self._store)

    def __contains__(self, key: object) -> bool:
        return str(key).startswith(self._prefix) and key in self._store


class _Values(ValuesView[Any]):
    def __init__(self, store: ExistingStore, prefix: str) -> None:
        super().__init__(store)
        self._keys = _Keys(store, prefix)
        self._pairs = functools.partial(store._pairs, prefix)

    def __iter__(self) -> Iterator[Any]:
        return (obj for _, obj in self._pairs())

    def __len__(self) -> int:
        return len(self._keys)


class _Items(ItemsView[Any, Any]):
    def __init__(self, store: ExistingStore, prefix: str) -> None:
        super().__init__(store)
        self._keys = _Keys(store, prefix)
        self._pairs = functools.partial(store._pairs, prefix)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self._pairs()

    def __len__(self) -> int:
        return len(self._keys)
