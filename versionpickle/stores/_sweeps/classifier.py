"""Classify a manifest: current, stale, unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import attrs

from versionpickle._classes.names import named
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.inspect.upgrade_paths import FoundClass, UpgradePaths
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.staleness import is_current, is_renamed, would_be_stamped
from versionpickle._pickles.value_types import is_value_type
from versionpickle._wire.refs import public
from versionpickle._wire.stamp import Claim
from versionpickle.migrations import Registry
from versionpickle.migrations._registry import checked_registry


Status: TypeAlias = Literal["current", "stale", "unknown", "retired"]


@public("versionpickle.sweeping")
@attrs.frozen
class Class:
    """One class at one version, and in how many records it is."""

    ref: str
    """Its ref, or stable name; or the ref of a function that makes objects."""

    version: int | None
    """The version in its stamps; None if it has none."""

    current: int | None
    """Today's version; None if the class is not declared."""

    status: Status
    problem: str
    """Why a load would fail, as far as that is known; or the base that makes it stale."""

    records: int = 0


@attrs.define(eq=False)
class Classifier:
    """Know what manifests mean; one means the same as long as nothing is declared."""

    registry: Registry = attrs.field(default=None, converter=checked_registry)
    allow: tuple[object, ...] = ()
    _classes: dict[Manifest, tuple[Class, ...]] = attrs.field(factory=dict, init=False)
    _wanted: dict[Manifest, bool] = attrs.field(factory=dict, init=False)
    _lazy_finder: Finder | None = attrs.field(default=None, init=False)

    def is_wanted(self, manifest: Manifest) -> bool:
        """Return whether a migration has to look at such records."""
        is_wanted = self._wanted.get(manifest)
        if is_wanted is None:
            is_wanted = self._wanted[manifest] = self._is_wanted(manifest)
        return is_wanted

    def _is_wanted(self, manifest: Manifest) -> bool:
        if manifest.made or manifest.named:
            return self.status(manifest) in {"stale", "unknown"}
        return not all(is_current(claim, self.registry) for claim in manifest.claims)

    def status(self, manifest: Manifest) -> Status:
        """Return the worst status of what is in such records."""
        statuses = {one.status for one in self.classes(manifest)}
        return next((status for status in _WORST if status in statuses), "current")

    def classes(self, manifest: Manifest) -> tuple[Class, ...]:
        classes = self._classes.get(manifest)
        if classes is None:
            classes = self._classes[manifest] = tuple(self._classified(manifest))
        return classes

    def _classified(self, manifest: Manifest) -> Iterator[Class]:
        paths = UpgradePaths(self.registry)
        for claim in manifest.claims:
            yield self._stamped(paths, claim)
        for ref in manifest.made:
            if not is_value_type(*ref.split(":", 1)):
                yield self._made(paths, ref)
        for ref in manifest.named:
            if is_renamed(ref, self.registry):
                yield Class(ref, None, None, "stale", "")

    def _stamped(self, paths: UpgradePaths, claim: Claim) -> Class:
        is_retired = self.registry.is_retired(claim.ref)
        is_stale = not is_current(claim, self.registry)
        found = _class(paths.stamped(claim, 1), is_stale=is_stale, is_retired=is_retired)
        if found.status != "stale" or found.version != found.current:
            return found
        return attrs.evolve(found, problem=self._stale_bases(claim))

    def _stale_bases(self, claim: Claim) -> str:
        """Name the bases that make a class stale whose own version is today's."""
        declared = ((ref, version, self.registry.named(ref)) for ref, version in claim.bases)
        bases = [
            f"its base {ref} is at version {version}, today's is {base.version}"
            for ref, version, base in declared
            if base is not None and base.version != version
        ]
        return ", ".join(bases) or "its bases or its fields are others today"

    def _made(self, paths: UpgradePaths, ref: str) -> Class:
        is_stale = would_be_stamped(ref, self.registry)
        is_retired = self.registry.is_retired(ref)
        if not self._finder.admits(*ref.split(":", 1)):
            problem = "it is neither declared nor allowed, so the default load refuses it"
            return Class(ref, None, None, "unknown", problem)
        return _class(paths.unstamped(ref, 1), is_stale=is_stale, is_retired=is_retired)

    @property
    def _finder(self) -> Finder:
        if self._lazy_finder is None:
            self._lazy_finder = Finder(self.registry, dict(named(self.allow)))
        return self._lazy_finder


_WORST: tuple[Status, ...] = ("unknown", "stale", "retired")


def _class(found: FoundClass, *, is_stale: bool, is_retired: bool) -> Class:
    status: Status = "stale" if is_stale else "current"
    if is_retired:
        status = "retired"
    elif found.problem:
        status = "unknown"
    return Class(found.ref, found.version, found.current, status, found.problem)
