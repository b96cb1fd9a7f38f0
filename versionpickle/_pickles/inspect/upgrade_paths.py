"""Find the steps that old objects would take to today's classes, without upgrading them."""

from __future__ import annotations

import sys

import attrs

from versionpickle._wire.refs import public
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import MissingStepError, StampError, UpgradeError
from versionpickle.migrations import Converted, Declaration, Registry, Retired


@public("versionpickle")
@attrs.frozen
class FoundClass:
    """One class of which a pickle holds objects, at one version."""

    ref: str
    """Its ref, or stable name."""

    version: int | None
    """The version in its stamp; None where it has none."""

    current: int | None
    """Today's version; None where the class is not declared."""

    count: int
    fields: tuple[str, ...]
    """The names in the stamp, or in the states of unstamped objects."""

    steps: tuple[str, ...]
    """The steps that a load would run."""

    problem: str = ""
    """Why a load would fail, as far as the stamp shows."""


@attrs.frozen
class UpgradePaths:
    """Report what would become of the objects that a pickle holds."""

    _registry: Registry

    def stamped(self, claim: Claim, count: int) -> FoundClass:
        meaning = self._registry.named(claim.ref) or self._registry.resolve(claim.ref)
        steps, problem, current = self._way(claim.ref, claim.version, meaning)
        return FoundClass(claim.ref, claim.version, current, count, claim.names, steps, problem)

    def unstamped(self, ref: str, count: int, fields: tuple[str, ...] = ()) -> FoundClass:
        meaning = self._registry.resolve(ref)
        if isinstance(meaning, Converted):
            steps, problem, _ = self._way_out(meaning.ref, 1)
            return FoundClass(ref, None, None, count, fields, steps, problem)
        if not isinstance(meaning, Declaration):
            return FoundClass(ref, None, None, count, fields, ())
        if not isinstance(meaning.unstamped, int):  # a function of the state returns the version
            return FoundClass(ref, None, meaning.version, count, fields, ())
        steps, problem, current = self._way(ref, meaning.unstamped, meaning)
        return FoundClass(ref, None, current, count, fields, steps, problem)

    def _way(
        self, ref: str, version: int, meaning: object
    ) -> tuple[tuple[str, ...], str, int | None]:
        """Return the steps to today, what prevents them, and today's version."""
        if isinstance(meaning, Retired):
            return (), "retired: it loads as a placeholder", None
        if isinstance(meaning, Converted):
            return self._way_out(meaning.ref, version)
        if not isinstance(meaning, Declaration):
            return (), "nobody declared it here; import the module that does", None
        return *self._steps(ref, version, meaning), meaning.version

    def _steps(self, ref: str, version: int, goal: Declaration) -> tuple[tuple[str, ...], str]:
        try:
            target = self._registry.target(ref)
            steps = self._registry.path(target, version, goal, importing=False)
        except MissingStepError as exc:
            if goal.steps_module not in {None, *sys.modules}:
                return (), f"its steps are in {goal.steps_module}, which is not imported yet"
            return (), str(exc)
        except (UpgradeError, StampError) as exc:
            return (), str(exc)
        return tuple(map(str, steps)), ""

    def _way_out(self, ref: str, version: int) -> tuple[tuple[str, ...], str, None]:
        try:
            return tuple(map(str, self._registry.exit_steps(ref, version))), "", None
        except MissingStepError as exc:
            return (), str(exc), None
