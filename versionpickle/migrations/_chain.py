"""Steps, and the chains that they form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from versionpickle._wire.refs import public
from versionpickle.exceptions import StepError

from ._edges import Become, Edge, Replace
from ._fields import FieldNames, OperationError, State, SymbolicOps
from ._operations import NamePositions, Operation


@public("versionpickle.migrations")
@attrs.frozen
class Step:
    """Lead the state of a class from one version to a later one."""

    ref: str
    version: int
    to: int
    operations: tuple[Operation, ...] = ()
    function: Callable[[Any], Any] | None = None
    back: Callable[[Any], Any] | None = None
    """What undoes *function*."""

    has_left: bool = False
    """Whether its edge was followed already: it is the first step behind that."""

    @property
    def edge(self) -> Become | Replace | None:
        """What leads out of the class, in a step that ends there."""
        last = self.operations[-1] if self.operations else None
        return last if isinstance(last, Become | Replace) and not self.has_left else None

    def arrival(self) -> Step:
        """Return what this step is to the class where it arrives: it changes nothing more."""
        return attrs.evolve(self, operations=self.operations[-1:], has_left=True)

    def check(self) -> None:
        """Raise OperationError where something stands behind an edge."""
        for operation in self.operations[:-1]:
            if isinstance(operation, Edge):
                raise OperationError(f"{operation!r} must stand last in its step, and does not")

    def __str__(self) -> str:
        if self.function is None:
            made_of = ", ".join(map(repr, self.operations))
        else:
            made_of = getattr(self.function, "__qualname__", repr(self.function))
        return f"step {self.version} -> {self.to} of {self.ref} ({made_of})"

    def apply(self, state: object, unset: set[str], *, any_state: bool) -> object:
        if self.function is not None:
            return _checked_result(self.function(state), unset, any_state=any_state)
        return _applied(self.operations, state, unset)

    def undo(self, state: object, unset: set[str], *, any_state: bool) -> object:
        """Return the state as it was before this step; raise OperationError where none knows."""
        if self.back is not None:
            return _checked_result(self.back(state), unset, any_state=any_state)
        return _applied(self._inverses(), state, unset)

    def check_undo(self) -> None:
        """Raise OperationError where nobody said how to undo this step."""
        if self.back is None:
            self._inverses()

    def _inverses(self) -> tuple[Operation, ...]:
        if self.function is not None:
            name = getattr(self.function, "__name__", "")
            raise OperationError(
                "it is a function, and nobody gave its inverse; write one, and put "
                f"@{name if name.isidentifier() else 'step'}.down on it"
            )
        return tuple(operation.inverse() for operation in reversed(self.operations))

    def compile(self, symbols: SymbolicOps) -> SymbolicOps:
        """Write code that does what `apply` does; return the symbols of the state behind it."""
        if self.function is not None:
            return symbols.returned_by(self.function)
        for operation in self.operations:
            operation.run(symbols)
        return symbols


def _applied(operations: tuple[Operation, ...], state: object, unset: set[str]) -> object:
    if operations and isinstance(operations[0], NamePositions):
        state = operations[0].named(state)
        operations = operations[1:]
    if all(isinstance(operation, Edge) for operation in operations):
        return state  # of whatever kind: it is the edge that is asked
    if not isinstance(state, dict):
        raise OperationError(
            f"the state was stored as a {type(state).__name__}, which has no field names; begin "
            "this step with name_positions(...), or write it as a function that returns a dict"
        )
    fields = State(state, unset)
    for operation in operations:
        operation.run(fields)
    return state


@public("versionpickle.migrations")
@attrs.frozen
class Chain:
    """
    Lead a stored state to today's, step by step.

    *any_state* is true for a class whose own ``__setstate__`` decides what a
    state is; the steps of any other class return dicts.
    """

    ref: str
    version: int
    current: int
    steps: tuple[Step, ...]
    any_state: bool = False
    source: str = attrs.field(default="", eq=False, repr=False)
    """The function that was generated for it, if this was asked for."""

    @property
    def edge(self) -> Become | Replace | None:
        """Where the chain leads out of the class."""
        return self.steps[-1].edge if self.steps else None

    @property
    def led_by(self) -> str | None:
        """The step that led to the class from another, if one did."""
        return str(self.steps[0]) if self.steps and self.steps[0].has_left else None

    def run(self, state: object, unset: set[str]) -> object:
        """
        Return today's state; *unset* names the fields that hold nothing, and changes.
        """
        for step in self.steps:
            try:
                state = step.apply(as_dict(state), unset, any_state=self.any_state)
            except Exception as exc:
                raise self.failed(step, exc) from exc
        return state

    def undo(self, state: object, unset: set[str]) -> object:
        """Return the state as it was at the beginning; *unset* as for `run`."""
        for step in reversed(self.steps):
            try:
                state = step.undo(as_dict(state), unset, any_state=self.any_state)
            except Exception as exc:
                raise self.failed(f"undoing {step}", exc) from exc
        return state

    def check_undo(self) -> None:
        """Raise StepError where `undo` could not work for any state."""
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
                    "it is a function, and nobody knows which fields it takes; give chain() their "
                    "names with fields=, as they were stored"
                )
                raise self.failed(step, problem)
            for operation in reversed(step.operations):
                operation.before(names)
        return (*names.known,)

    def failed(self, step: object, exc: Exception) -> StepError:
        problem = str(exc) if isinstance(exc, OperationError) else told(exc)
        return StepError(self.ref, self.version, self.current, str(step), problem)


def told(exc: Exception) -> str:
    """Return what a message says of an error in a function of the user's."""
    return f"{type(exc).__name__}: {exc}".removesuffix(": ")


def _checked_result(result: object, unset: set[str], *, any_state: bool) -> object:
    if isinstance(result, dict) or is_slots_pair(result):
        unset.difference_update(as_dict(result) if unset else ())
        return result
    if result is None:
        raise OperationError("it returned None; end it with 'return state'")
    if any_state:
        return result
    raise OperationError(f"it returned a {type(result).__name__}; a step returns a dict")


def returned(result: object) -> object:
    """Return the dict that a step returned as something else; raise where it is none."""
    return as_dict(_checked_result(result, set(), any_state=False))


def is_slots_pair(state: object) -> bool:
    """Tell whether *state* is pickle's own (dict or None, dict of slots)."""
    return (
        isinstance(state, tuple)
        and len(state) == 2
        and (state[0] is None or isinstance(state[0], dict))
        and isinstance(state[1], dict)
    )


def as_dict(state: Any) -> Any:
    """Return a dict of the fields in *state*, or *state* where it names none."""
    if state is None:
        return {}
    if is_slots_pair(state):
        attributes, slots = state
        if not slots.keys() & (attributes or {}):  # with a name in both, it is no such pair
            return {**(attributes or {}), **slots}
    return dict(state) if isinstance(state, dict) else state
