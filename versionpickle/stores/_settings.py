"""How the objects of a store are loaded and dumped."""

from __future__ import annotations

import functools

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from versionpickle._classes.names import named
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.load.admission import check_admitted
from versionpickle._pickles.load.fast import fast_loads
from versionpickle._pickles.load.unpickler import load_again
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.tracking import (
    Tracked,
    dumps_tracked,
    dumps_tracked_of,
    manifest_of_tracked,
)
from versionpickle.exceptions import UnpicklableError, VersionPickleError
from versionpickle.migrations._registry import checked_registry
from versionpickle.stores._sweeps.classifier import Classifier
from versionpickle.stores._sweeps.rewriter import Rewriter

from ._loading import Loading
from ._records import MUCH, Key


if TYPE_CHECKING:
    from versionpickle._pickles.dump.downgrade import Versions


_MANIFESTS_MAX = 4096


class Settings:
    """How a store loads and dumps."""

    def __init__(self, loading: Loading, versions: Versions | None = None) -> None:
        self.loading = loading
        self._is_plain = loading.is_plain
        self.registry = checked_registry(loading.registry)
        self.versions = versions
        loading.load(b"N.")  # raises what is wrong with them
        self._manifests: dict[Tracked, Manifest] = {}

    def load(self, data: bytes, key: Key | None = None) -> Any:
        """Return the object of a record; an error names the key, if it is given."""
        try:
            return self._load(data)
        except VersionPickleError as exc:
            exc.key = key
            raise

    def _load(self, data: bytes) -> Any:
        if not self._is_plain:
            return self.loading.load(data)
        try:
            return (self.registry.fast_loads or fast_loads(self.registry))(data)
        except Exception as exc:  # noqa: BLE001 - our own reader decides what it means
            return load_again(data, exc, registry=self.loading.registry)

    def dump(self, obj: object, key: Key) -> tuple[bytes, Manifest]:
        """Return what is to be stored under a key."""
        try:
            data, tracked = dumps_tracked(
                obj, registry=self.loading.registry, versions=self.versions
            )
            manifest = self._manifests.get(tracked) or self._checked_manifest(tracked, data)
        except VersionPickleError as exc:
            exc.key = key
            raise
        return data, manifest

    def dump_many(
        self, pairs: Iterable[tuple[Key, object]]
    ) -> tuple[list[Key], list[bytes], list[Manifest]]:
        """Return the columns of as many records as there are; of fewer if they are long."""
        taken: list[tuple[Key, object]] = []

        def objs() -> Iterator[object]:
            for pair in pairs:
                taken.append(pair)
                yield pair[1]

        try:
            pickles, tracked_of_all = dumps_tracked_of(
                objs(), much=MUCH, registry=self.loading.registry, versions=self.versions
            )
        except VersionPickleError:
            for key, obj in taken[-1:]:
                self.dump(obj, key)
            raise
        keys = [key for key, _ in taken]
        known = self._manifests.get
        manifests = [
            known(tracked) or self._manifest_of(key, tracked, data)
            for key, tracked, data in zip(keys, tracked_of_all, pickles, strict=True)
        ]
        return keys, pickles, manifests

    def _manifest_of(self, key: Key, tracked: Tracked, data: bytes) -> Manifest:
        try:
            return self._manifests.get(tracked) or self._checked_manifest(tracked, data)
        except VersionPickleError as exc:
            exc.key = key
            raise

    def _checked_manifest(self, tracked: Tracked, data: bytes) -> Manifest:
        """Return the manifest of a pickle that our own loads will not refuse."""
        refs = (one for one in tracked if isinstance(one, str))
        if not all(self._finder.admits(*ref.split(":", 1)) for ref in refs):
            self._check_load(data)
        if len(self._manifests) >= _MANIFESTS_MAX:
            self._manifests.clear()
        manifest = self._manifests[tracked] = manifest_of_tracked(tracked, self.registry)
        return manifest

    def _check_load(self, data: bytes) -> None:
        try:
            check_admitted(data, self.loading.load, "open the store with {}, or declare it")
        except UnpicklableError:
            raise
        except VersionPickleError:  # which a migration() step may still cure
            return

    @functools.cached_property
    def _finder(self) -> Finder:
        return Finder(self.registry, dict(named(self.loading.allow)))

    def classifier(self) -> Classifier:
        return Classifier(self.registry, self.loading.allow)

    @functools.cached_property
    def rewriter(self) -> Rewriter:
        """Trusts what it has once compared, in one sweep after the other."""
        return Rewriter(self.loading.without_placeholders())
