"""One step between two versions of a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from versionpickle._wire.refs import public

from ._endings import Become, Ending, Replace
from ._fields import OperationError, State, SymbolicOps, as_dict, is_slots_pair
from ._naming import NamePositions
from ._operations import AddMissing, Operation


@public("versionpickle.migrations")
@attrs.frozen
class Step:
    """Change the state of a class from one version to a later one."""

    ref: str
    version: int
    to: int
    operations: tuple[Operation, ...] = ()
    function: Callable[[Any], Any] | None = None
    back: Callable[[Any], Any] | None = None
    """What undoes *function*."""

    is_arrival: bool = False
    """Whether its ending has been followed: it is the first step in a chain of the new class."""

    ending: Become | Replace | None = attrs.field(init=False, eq=False)
    """The operation that leads out of the class, if the step ends with one."""

    @ending.default
    def _ending(self) -> Become | Replace | None:
        last = self.operations[-1] if self.operations else None
        return last if isinstance(last, Become | Replace) and not self.is_arrival else None

    def arrival(self) -> Step:
        """Return this step as the class it leads to sees it: it changes nothing more."""
        return attrs.evolve(self, operations=self.operations[-1:], is_arrival=True)

    def check(self) -> None:
        """Raise OperationError where an operation follows an ending."""
        for operation in self.operations[:-1]:
            if isinstance(operation, Ending):
                raise OperationError(f"{operation!r} must be the last operation of a step")

    def __str__(self) -> str:
        if self.function is None:
            contents = ", ".join(map(repr, self.operations))
        else:
            contents = getattr(self.function, "__qualname__", repr(self.function))
        step = f"step {self.version} -> {self.to} of {self.ref}"
        return f"{step} ({contents})" if contents else step

    def apply(self, state: object, unset: set[str], *, any_state: bool) -> object:
        if self.function is not None:
            return _checked_result(self.function(state), unset, any_state=any_state)
        return _applied(self.operations, state, unset)

    def undo(self, state: object, unset: set[str], *, any_state: bool) -> object:
        """Return the state as it was before this step; raise OperationError if it cannot be."""
        if self.back is not None:
            return _checked_result(self.back(state), unset, any_state=any_state)
        return _applied(self._inverses(), state, unset)

    def check_undo(self) -> None:
        """Raise OperationError if this step has no inverse."""
        if self.back is None:
            self._inverses()

    def _inverses(self) -> tuple[Operation, ...]:
        if self.function is not None:
            name = getattr(self.function, "__name__", "")
            raise OperationError(
                "it is a function without an inverse; write one, and decorate it with "
                f"@{name if name.isidentifier() else 'step'}.down"
            )
        return tuple(operation.inverse() for operation in reversed(self.operations))

    def compile(self, symbols: SymbolicOps) -> SymbolicOps:
        """Write code that does what `apply` does; return the symbols of the state after it."""
        if self.function is not None:
            return symbols.returned_by(self.function)
        for operation in self.operations:
            if isinstance(operation, AddMissing):
                symbols = symbols.returned_by(operation.filled)
            else:
                operation.run(symbols)
        return symbols


def _applied(operations: tuple[Operation, ...], state: object, unset: set[str]) -> object:
    if operations and isinstance(operations[0], NamePositions):
        state = operations[0].named(state)
        operations = operations[1:]
    if all(isinstance(operation, Ending) for operation in operations):
        return state  # of any type: only the ending looks at it
    if not isinstance(state, dict):
        raise OperationError(
            f"the state was stored as a {type(state).__name__}, which has no field names; begin "
            "this step with name_positions(...), or write it as a function that returns a dict"
        )
    fields = State(state, unset)
    for operation in operations:
        operation.run(fields)
    return state


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
    """Return the dict that a step returned in another form; raise if it is none."""
    return as_dict(_checked_result(result, set(), any_state=False))
