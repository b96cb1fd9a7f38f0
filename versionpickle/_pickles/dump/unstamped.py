"""Write objects as plain pickle would, for programs without versionpickle."""

from __future__ import annotations

import dataclasses
import enum

from typing import Any, Final

from versionpickle._classes.instrument import Instrumentation
from versionpickle._wire.stamp import Stamp
from versionpickle.exceptions import DowngradeError
from versionpickle.migrations import Chain, Declaration
from versionpickle.migrations._fields import is_slots_pair


UNSTAMPED: Final = "unstamped"
"""What `versions=` calls this."""


class UnstampedObjects:
    """Reduce the objects of one class to what they were before it had a version."""

    def __init__(self, instrumentation: Instrumentation, chain: Chain) -> None:
        self._instrumentation = instrumentation
        self._chain = chain
        layout = instrumentation.codec.layout
        is_whole = (
            layout.kind == "model"
            or layout.reduces_itself
            or instrumentation.declaration.has_factory
        )
        if chain.steps and (is_whole or issubclass(instrumentation.cls, enum.Enum)):
            raise _refused(
                instrumentation.declaration,
                "its objects are stored as a whole, and no step leads back",
            )

    def reduce(self, obj: Any) -> Any:
        reduced: Any = self._instrumentation.plain.reduce(obj, 4)
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs, setter = (*reduced, *[None] * 4)[:6]
        state = self._as_decorated(obj, state)
        if self._chain.steps and self._instrumentation.codec.immutable:
            args = self._older_arguments(args)
        elif self._chain.steps:
            state = self._older_state(state)
        return function, args, state, items, pairs, setter

    def _as_decorated(self, obj: Any, state: Any) -> Any:
        """Return the state that attrs or dataclasses would store, had they not found ours."""
        own = vars(type(obj))
        if not is_slots_pair(state) or "__slots__" not in own:
            return state
        attributes, slots = state
        if "__attrs_attrs__" in own:
            return {**(attributes or {}), **slots}
        parameters = own.get("__dataclass_params__")
        if parameters is not None and parameters.frozen:
            return [getattr(obj, field.name) for field in dataclasses.fields(obj)]
        return state

    def _older_arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        cls, *values = args
        names = self._instrumentation.codec.layout.names
        undone: Any = self._chain.undo(dict(zip(names, values, strict=True)), set())
        return cls, *undone.values()

    def _older_state(self, state: Any) -> Any:
        undone: Any = self._chain.undo(state, set())
        has_slots = is_slots_pair(state) and not self._instrumentation.codec.layout.has_dict
        return (None, undone) if has_slots and isinstance(undone, dict) else undone


def only_unstamped_version(declaration: Declaration) -> int:
    """Return the one version of all unstamped objects of a class, for a dump of such objects."""
    if isinstance(declaration.unstamped, int):
        return declaration.unstamped
    if declaration.version == 1:
        return 1
    raise _refused(declaration, "unstamped= is a function, and leads to no one version")


def refuse_stamp(stamp: Stamp) -> Any:
    """Refuse to write a stamp, which only a program with versionpickle can read."""
    raise DowngradeError(
        "an object of it cannot be written without a stamp", stamp.claim.ref, UNSTAMPED
    )


def _refused(declaration: Declaration, problem: str) -> DowngradeError:
    return DowngradeError(problem, declaration.ref, UNSTAMPED)
