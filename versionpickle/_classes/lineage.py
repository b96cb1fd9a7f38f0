"""The versioned base classes of a class, and the chain of steps through all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import attrs

from versionpickle._wire.refs import MARK, is_version, ref_of
from versionpickle._wire.stamp import Bases, Claim
from versionpickle.exceptions import DeclarationError, StepError, UnknownClassError
from versionpickle.migrations import Chain, Declaration, Registry, Step
from versionpickle.migrations._fields import OperationError, as_dict, described


Lineage: TypeAlias = tuple[Declaration, ...]
"""The declarations of the versioned classes in an MRO, bases first, the class itself last."""


def lineage_of(cls: type, declaration: Declaration, registry: Registry) -> Lineage:
    """Return the lineage of *cls*, which *declaration* declares."""

    def declared() -> Iterator[Declaration]:
        for base in reversed(cls.__mro__[1:]):
            known = _declared(base, registry)
            # A named tuple bears the name of the class that is derived from it.
            if known is not None and known is not declaration:
                yield known

    return (*declared(), declaration)


def _declared(base: type, registry: Registry) -> Declaration | None:
    instrumentation = vars(base).get(MARK)
    if instrumentation is not None and instrumentation.registry is registry:
        known: Declaration = instrumentation.declaration
        return known
    return None if base is object else registry.declared(ref_of(base))


def base_is_gone(name: str, version: int, problem: str) -> UnknownClassError:
    """Return the error of data whose class had an undeclared base."""
    error = UnknownClassError(name, version, problem)
    error.cure = (
        "import the module that declares it before loading, or declare the base that took its "
        f"place with formerly=({name!r},), or call retire({name!r}) if its fields need no step"
    )
    return error


class Chains:
    """
    Find the steps that lead to one class, those of its bases first.

    *any_state* is true for a class whose states need not be dicts.
    """

    def __init__(
        self, cls: type, declaration: Declaration, registry: Registry, *, any_state: bool
    ) -> None:
        self._cls = cls
        self._declaration = declaration
        self._registry = registry
        self._any_state = any_state
        self._known: dict[Bases, Chain] = {}

    def lineage(self) -> Lineage:
        return lineage_of(self._cls, self._declaration, self._registry)

    def today(self) -> Chain:
        """Return the chain of what is stored today: no step at all."""
        declaration = self._declaration
        return Chain(declaration.ref, declaration.version, declaration.version, ())

    def of(self, claim: Claim) -> Chain:
        """Return the steps from *claim* to today."""
        lineage = self.lineage()
        given: dict[Declaration | None, tuple[str, int]] = {
            self._known_base(lineage, name, number, claim): (name, number)
            for name, number in claim.bases
        }
        given[self._declaration] = (claim.ref, claim.version)
        starts = [given.get(base) or _unstamped_start(base, claim) for base in lineage]
        return self._join(lineage, tuple(starts))

    def _known_base(
        self, lineage: Lineage, name: str, version: int, claim: Claim
    ) -> Declaration | None:
        """Return a base that the class had; None if it is retired, which asks for no step."""
        base = self._registry.declaration(name)
        if base is None and not self._registry.is_retired(name):
            problem = f"nobody declared it, and it is a base of {claim.ref}"
            raise base_is_gone(name, version, problem)
        is_left = base is None or base not in lineage
        if is_left and claim.version == self._declaration.version:
            current = self._declaration.version
            left = OperationError(
                f"it was a subclass of {name}, and no longer is: the class was changed without a "
                f"new version; raise version= to {current + 1} and register a step that removes "
                f"or keeps the fields of {name}"
            )
            raise self.today().failed("finding its bases", left)
        return base

    def of_unstamped(self, state: Any, found_as: str | None) -> Chain:
        """Return the steps of a *state* that was stored without a stamp, under a former name."""
        lineage = self.lineage()
        starts = [(base.ref, version_of_unstamped(base, state)) for base in lineage]
        if found_as is not None:
            former = self._declaration.formerly.get(found_as)
            starts[-1] = (found_as, former or starts[-1][1])
        return self._join(lineage, tuple(starts))

    def has_fixed_start(self) -> bool:
        """Whether all states without a stamp are of the same versions."""
        return all(isinstance(base.unstamped, int) for base in self.lineage())

    def arriving(self, ref: str, version: int, bases: Bases, arrival: Step, state: Any) -> Chain:
        """Return the steps of a state that comes, by *arrival*, from a class with these bases."""
        lineage = self.lineage()
        left = {self._registry.declaration(name) for name, _ in bases}
        starts = [
            (base.ref, base.version if base in left else version_of_unstamped(base, state))
            for base in lineage
        ]
        starts[-1] = (ref, version)
        chain = self._join(lineage, tuple(starts))
        return attrs.evolve(chain, steps=(arrival, *chain.steps))

    def join(self, starts: Bases) -> Chain:
        """Return the steps of the whole lineage, from these names and versions on."""
        return self._join(self.lineage(), starts)

    def _join(self, lineage: Lineage, starts: Bases) -> Chain:
        if starts not in self._known:
            chain = self.joined(lineage, starts)
            self._registry.use(chain.steps)
            self._known[starts] = chain
        return self._known[starts]

    def joined(self, lineage: Lineage, starts: Bases) -> Chain:
        """Return the same without using it: more steps may still be added."""
        steps: list[Step] = []
        for declaration, (name, number) in zip(lineage, starts, strict=True):
            if declaration is self._declaration and number in declaration.factories:
                continue  # a function makes the objects of this version
            ref = declaration.ref if name == declaration.name else self._registry.target(name)
            steps += self._registry.path(ref, number, declaration)
            if declaration is not self._declaration and steps and steps[-1].ending is not None:
                raise self._left_by_base(steps[-1])
        ref, current = self._declaration.ref, self._declaration.version
        return Chain(ref, starts[-1][1], current, tuple(steps), self._any_state)

    def _left_by_base(self, step: Step) -> DeclarationError:
        return DeclarationError(
            self._declaration.ref,
            f"its base takes the {step}, and an object of a subclass cannot follow",
            f"raise the version of {self._declaration.ref} and give it a become() of its own, "
            "with bases that need no such step",
        )


def _unstamped_start(declaration: Declaration, claim: Claim) -> tuple[str, int]:
    """Return the version of a base that a stamp does not mention, by the names of its fields."""
    return declaration.ref, version_of_unstamped(declaration, dict.fromkeys(claim.names))


def version_of_unstamped(declaration: Declaration, state: Any) -> int:
    """Return the version of a state that was stored without a stamp."""
    if isinstance(declaration.unstamped, int):
        return declaration.unstamped
    try:
        version = declaration.unstamped(as_dict(state))
    except Exception as exc:
        raise _no_version(declaration, described(exc)) from exc
    if not is_version(version) or version > declaration.version:
        raise _no_version(
            declaration,
            f"it returned {version!r}, and the versions of the class are 1 to "
            f"{declaration.version}",
        )
    return version


def _no_version(declaration: Declaration, problem: str) -> StepError:
    return StepError(declaration.ref, 1, declaration.version, "its unstamped= function", problem)
