"""How the objects of a store are loaded and dumped."""

from __future__ import annotations

import functools

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from versionpickle._pickles.load.fast import fast_loads
from versionpickle._pickles.load.settings import Policy
from versionpickle._pickles.load.unpickler import load_again, loads
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.tracking import (
    Tracked,
    dumps_tracked,
    dumps_tracked_of,
    manifest_of_tracked,
)
from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import Registry
from versionpickle.migrations._registry import checked_registry
from versionpickle.stores._sweeps.classifier import Classifier
from versionpickle.stores._sweeps.rewriter import Rewriter

from ._records import MUCH, Key


if TYPE_CHECKING:
    from versionpickle._pickles.dump.downgrade import Versions


_LABELS_MAX = 4096


class Settings:
    """How a store loads and dumps."""

    def __init__(
        self,
        *,
        registry: Registry | None,
        allow: Iterable[object],
        missing: Policy,
        future: Policy,
        versions: Versions | None,
    ) -> None:
        self._given = registry
        self.registry = checked_registry(registry)
        self.allow = tuple(allow)
        self._has_settings = bool(self.allow) or not missing == future == "raise"
        self._load_with_settings = functools.partial(
            loads, registry=registry, allow=self.allow, missing=missing, future=future
        )
        self._load_with_settings(b"N.")  # or an error describes what is wrong with them
        self.versions = versions
        self._labels: dict[Tracked, Manifest] = {}

    def load(self, data: bytes, key: Key | None = None) -> Any:
        """Return the object of a record; an error names the key, if it is given."""
        try:
            return self._load(data)
        except VersionPickleError as exc:
            exc.key = key
            raise

    def _load(self, data: bytes) -> Any:
        if self._has_settings:
            return self._load_with_settings(data)
        try:
            return (self.registry.fast_loads or fast_loads(self.registry))(data)
        except Exception as exc:  # noqa: BLE001 - our own reader decides what it means
            return load_again(data, exc, registry=self._given)

    def dump(self, obj: object, key: Key) -> tuple[bytes, Manifest]:
        """Return what is to be stored under a key."""
        try:
            data, tracked = dumps_tracked(obj, registry=self._given, versions=self.versions)
        except VersionPickleError as exc:
            exc.key = key
            raise
        return data, self._manifest(tracked)

    def dump_some(
        self, coming: Iterable[tuple[Key, object]]
    ) -> tuple[list[Key], list[bytes], list[Manifest]]:
        """Return that of as many records as come, column by column; of fewer if they are long."""
        taken: list[tuple[Key, object]] = []

        def objs() -> Iterator[object]:
            for pair in coming:
                _, obj = pair
                taken.append(pair)
                yield obj

        try:
            pickles, found = dumps_tracked_of(
                objs(), much=MUCH, registry=self._given, versions=self.versions
            )
        except VersionPickleError:
            for key, obj in taken[-1:]:
                self.dump(obj, key)
            raise
        known = self._labels.get
        manifests = [known(tracked) or self._manifest(tracked) for tracked in found]
        return [key for key, _ in taken], pickles, manifests

    def _manifest(self, tracked: Tracked) -> Manifest:
        manifest = self._labels.get(tracked)
        if manifest is None:
            if len(self._labels) >= _LABELS_MAX:
                self._labels.clear()
            manifest = self._labels[tracked] = manifest_of_tracked(tracked, self.registry)
        return manifest

    def judge(self) -> Classifier:
        return Classifier(self.registry, self.allow)

    def work(self, *, is_labelled: bool) -> Rewriter:
        return Rewriter(self.allow, self._given, is_labelled=is_labelled)
