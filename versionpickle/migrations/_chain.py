"""Chains of steps, from a stored version of a class to today's."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from versionpickle._wire.refs import checked_version, public, ref_of
from versionpickle.exceptions import DeclarationError, FieldsError, StepError

from ._endings import Become, Replace
from ._fields import FieldNames, OperationError, SymbolicOps, as_dict, described
from ._naming import NameArguments, NameItems
from ._parts import PARTS
from ._registry import Registry, checked_registry, registry_of
from ._step import Step


@public("versionpickle.migrations")
@attrs.frozen
class Chain:
    """
    Upgrade a stored state to today's, step by step.

    *any_state* is true for a class whose own ``__setstate__`` decides what a
    state is; the steps of any other class return dicts.
    """

    ref: str
    version: int
    current: int
    steps: tuple[Step, ...]
    any_state: bool = False
    source: str = attrs.field(default="", eq=False, repr=False)
    """The function that was generated for it, if `chain` returned it."""

    @property
    def ending(self) -> Become | Replace | None:
        """The operation by which the chain leads out of the class."""
        return self.steps[-1].ending if self.steps else None

    @property
    def led_by(self) -> str | None:
        """The step that led to the class from another, if one did."""
        return str(self.steps[0]) if self.steps and self.steps[0].is_arrival else None

    def run(self, state: object, unset: set[str]) -> object:
        """
        Return today's state; *unset* names the fields that hold nothing, and changes.
        """
        for step in self.steps:
            try:
                state = step.apply(as_dict(state), unset, any_state=self.any_state)
            except Exception as exc:
                raise self.failed(step, exc) from exc
        if self.ending is None:
            self.check_parts(state)
        return state

    def check_parts(self, state: object) -> None:
        """Refuse a state with arguments or items that no step has used."""
        leftover = tuple(part for part in PARTS if isinstance(state, dict) and part in state)
        if leftover:
            raise FieldsError(self.ref, self.version, self.current, (), leftover, self.led_by)

    @property
    def names_arguments(self) -> bool:
        """Whether a step makes fields of the constructor arguments."""
        return self._has(NameArguments)

    @property
    def names_items(self) -> bool:
        """Whether a step makes a field of the items."""
        return self._has(NameItems)

    def _has(self, kind: type) -> bool:
        return any(
            isinstance(operation, kind) for step in self.steps for operation in step.operations
        )

    def undo(self, state: object, unset: set[str]) -> object:
        """Return the state as it was at the beginning; *unset* as for `run`."""
        for step in reversed(self.steps):
            try:
                state = step.undo(as_dict(state), unset, any_state=self.any_state)
            except Exception as exc:
                raise self.failed(f"undoing {step}", exc) from exc
        return state

    def check_undo(self) -> None:
        """Raise StepError if some step has no inverse."""
        for step in reversed(self.steps):
            try:
                step.check_undo()
            except OperationError as exc:
                raise self.failed(f"undoing {step}", exc) from None

    def compile(self, symbols: SymbolicOps) -> SymbolicOps:
        for step in self.steps:
            symbols.begin(step)
            try:
                symbols = step.compile(symbols)
            except OperationError as exc:
                raise self.failed(step, exc) from None
        return symbols

    def fields_before(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Return the fields that there were before the chain; *fields* are there after it."""
        names = FieldNames(fields)
        for step in reversed(self.steps):
            if step.function is not None:
                problem = OperationError(
                    "it is a function, so the fields that it takes are unknown; pass chain() the "
                    "names of the stored fields as fields="
                )
                raise self.failed(step, problem)
            for operation in reversed(step.operations):
                operation.before(names)
        return (*names.known,)

    def failed(self, step: object, exc: Exception) -> StepError:
        problem = str(exc) if isinstance(exc, OperationError) else described(exc)
        return StepError(self.ref, self.version, self.current, str(step), problem)


def chain(
    target: type | str,
    version: int,
    *,
    fields: Iterable[str] | None = None,
    registry: Registry | None = None,
) -> Chain:
    """
    Return the chain that an object of *version* takes, with its generated source.

    That is the function from the old values to a filled object; it is empty for classes
    whose upgrades are not compiled.
    *fields* are those that were stored; leave them out if all steps are operations, or
    if such an object has been loaded before.
    Raises an UpgradeError if the chain has a hole, or ends in other fields than those of
    the class.

    >>> import attrs
    >>> from versionpickle import migration, versioned
    >>> from versionpickle.migrations import chain, rename
    >>> @versioned(version=2)
    ... @attrs.define
    ... class Order:
    ...     amount: int
    >>> migration(Order, 1, rename("total", "amount"))
    >>> print(chain(Order, 1).source)
    def upgrade(self, state):
    ...
        _, v0, = state
    ...
        self.amount = v0
    ...
    """
    known = checked_registry(registry or registry_of(target))
    ref = ref_of(target) if isinstance(target, type) else target
    declaration = known.named(ref) or known.declaration(ref)
    if declaration is None:
        problem = f"nothing in the {known.name or 'given'} registry has this name"
        raise DeclarationError(ref, problem, "put @versioned(version=...) on the class first")
    stored = None if fields is None else tuple(fields)
    explained: Chain = declaration.instrumentation.explained(checked_version(version, ref), stored)
    return explained
