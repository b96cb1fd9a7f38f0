"""What a label means to the classes of today."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from versionpickle._classes.adopt import named
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.inspect.upgrade_paths import FoundClass, UpgradePaths
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.staleness import is_current, is_renamed, would_be_stamped
from versionpickle._pickles.value_types import is_value_type
from versionpickle._wire.refs import public
from versionpickle._wire.stamp import Claim
from versionpickle.migrations import Registry, Retired
from versionpickle.migrations._registry import checked_registry


Standing: TypeAlias = Literal["current", "stale", "unknown", "retired"]


@public("versionpickle.sweeping")
@attrs.frozen
class Class:
    """One class at one version, and in how many records it is."""

    ref: str
    """Its ref, or stable name; or the ref of a function that makes objects."""

    version: int | None
    """The version in its stamps; None where it has none."""

    current: int | None
    """Today's version; None where the class is not declared."""

    standing: Standing
    problem: str
    """Why a load would fail, as far as that can be told."""

    records: int = 0


@attrs.define(eq=False)
class Classifier:
    """Know what labels mean; the same label means the same as long as nothing is declared."""

    registry: Registry = attrs.field(default=None, converter=checked_registry)
    allow: tuple[object, ...] = ()
    _finder: Finder = attrs.field(init=False)
    _known: dict[Manifest, tuple[Class, ...]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._finder = Finder(self.registry, dict(named(self.allow)))

    def is_wanted(self, manifest: Manifest) -> bool:
        """Tell whether a migration has to look at such records."""
        return self.standing(manifest) in {"stale", "unknown"}

    def standing(self, manifest: Manifest) -> Standing:
        """Return the worst that can be said of what is in such records."""
        standings = {one.standing for one in self.classes(manifest)}
        return next((one for one in _WORST if one in standings), "current")

    def classes(self, manifest: Manifest) -> tuple[Class, ...]:
        found = self._known.get(manifest)
        if found is None:
            found = self._known[manifest] = self._classes(manifest)
        return found

    def _classes(self, manifest: Manifest) -> tuple[Class, ...]:
        ways = UpgradePaths(self.registry)
        return (
            *(self._stamped(ways, claim) for claim in manifest.claims),
            *(
                self._made(ways, ref)
                for ref in manifest.made
                if not is_value_type(*ref.split(":", 1))
            ),
            *(
                Class(ref, None, None, "stale", "")
                for ref in manifest.named
                if is_renamed(ref, self.registry)
            ),
        )

    def _stamped(self, ways: UpgradePaths, claim: Claim) -> Class:
        is_retired = isinstance(self.registry.resolve(claim.ref), Retired)
        is_stale = not is_current(claim, self.registry)
        return _judged(ways.stamped(claim, 1), is_stale=is_stale, is_retired=is_retired)

    def _made(self, ways: UpgradePaths, ref: str) -> Class:
        is_stale = would_be_stamped(ref, self.registry)
        is_retired = isinstance(self.registry.resolve(ref), Retired)
        found = ways.unstamped(ref, 1)
        if not self._finder.admits(*ref.split(":", 1)):
            problem = "nobody declared or allowed it, so the default load refuses it"
            return Class(ref, None, None, "unknown", problem)
        return _judged(found, is_stale=is_stale, is_retired=is_retired)


_WORST: tuple[Standing, ...] = ("unknown", "stale", "retired")


def _judged(found: FoundClass, *, is_stale: bool, is_retired: bool) -> Class:
    standing: Standing = "stale" if is_stale else "current"
    if is_retired:
        standing = "retired"
    elif found.problem:
        standing = "unknown"
    return Class(found.ref, found.version, found.current, standing, found.problem)
