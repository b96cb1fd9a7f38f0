"""How the objects of a store are loaded and dumped."""

from __future__ import annotations

import functools

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from versionpickle._classes.names import named
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.load.fast import fast_loads
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.tracking import (
    Notes,
    dumps_noted,
    dumps_noted_of,
    manifest_of_tracked,
)
from versionpickle.exceptions import ForbiddenError, UnpicklableError, VersionPickleError
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
        self.registry = checked_registry(loading.registry)
        self.versions = versions
        loading.load(b"N.")  # raises what is wrong with them
        self._manifests: dict[Notes, Manifest] = {}

    def load(self, data: bytes, key: Key | None = None) -> Any:
        """Return the object of a record; an error names the key, if it is given."""
        if self.loading.is_plain:
            try:
                return (self.registry.fast_loads or fast_loads(self.registry))(data)
            except Exception:  # noqa: BLE001, S110 - it is tried again with more care
                pass
        try:
            return self.loading.load(data)
        except VersionPickleError as exc:
            exc.key = key
            raise

    def dump(self, obj: object, key: Key) -> tuple[bytes, Manifest]:
        """Return what is to be stored under a key."""
        try:
            data, notes = dumps_noted(obj, registry=self.loading.registry, versions=self.versions)
            manifest = self._manifests.get(notes) or self._checked_manifest(notes, data)
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
            pickles, notes_of_all = dumps_noted_of(
                objs(), much=MUCH, registry=self.loading.registry, versions=self.versions
            )
        except VersionPickleError:
            for key, obj in taken[-1:]:
                self.dump(obj, key)
            raise
        keys = [key for key, _ in taken]
        known = self._manifests.get
        manifests = [
            known(notes) or self._manifest_of(key, notes, data)
            for key, notes, data in zip(keys, notes_of_all, pickles, strict=True)
        ]
        return keys, pickles, manifests

    def _manifest_of(self, key: Key, notes: Notes, data: bytes) -> Manifest:
        try:
            return self._manifests.get(notes) or self._checked_manifest(notes, data)
        except VersionPickleError as exc:
            exc.key = key
            raise

    def _checked_manifest(self, notes: Notes, data: bytes) -> Manifest:
        """Return the manifest of a pickle that our own loads will not refuse."""
        refs = (one for one in notes if isinstance(one, str))
        if not all(self._finder.admits(*ref.split(":", 1)) for ref in refs):
            self._check_load(data)
        if len(self._manifests) >= _MANIFESTS_MAX:
            self._manifests.clear()
        manifest = self._manifests[notes] = manifest_of_tracked(notes, self.registry)
        return manifest

    def _check_load(self, data: bytes) -> None:
        try:
            self.loading.load(data)
        except ForbiddenError as exc:
            names = ", ".join(exc.refs)
            problem = "the store could not read it again, because its loads refuse that"
            cure = f"open the store with allow=[{', '.join(map(repr, exc.refs))}], or declare it"
            raise UnpicklableError(problem, names, cure) from None
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
