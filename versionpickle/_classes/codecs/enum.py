"""The codec of enums: members are stored by name, so a new value does not change them."""

from __future__ import annotations

import enum
import functools
import operator

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from versionpickle._classes.codegen.methods import SetState
from versionpickle._wire import calls
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import StampError, StepError
from versionpickle.migrations import Chain, Step
from versionpickle.migrations._fields import OperationError, StateOps
from versionpickle.migrations._operations import Rename

from .base import WholeCodec


if TYPE_CHECKING:
    from .construction import StampConstruction


class EnumCodec(WholeCodec):
    """
    Store the names of members; a step gets and returns ``{"name": ...}``.

    Flags that have no name of their own are stored as the names of their parts,
    with the bits that have none as an int, and what `_missing_` made up by its value.
    """

    def _reduce(self, obj: Any, protocol: int) -> Any:
        return calls.member, (self._stamp, self._stored(obj))

    def _stored(self, obj: Any) -> Any:
        members: Any = self.cls.__members__  # type: ignore[attr-defined] # mypy does not know that it is an enum
        if obj.name in members:
            return obj.name
        if not isinstance(obj, enum.Flag):
            return {"value": obj.value}
        parts = [member for member in members.values() if member.value and member in obj]
        rest = functools.reduce(lambda bits, part: bits & ~part.value, parts, obj.value)
        return (*(part.name for part in parts), *([rest] if rest else []))

    stores_whole = staticmethod(calls.member)

    def older_make(
        self, construction: StampConstruction, claim: Claim, chain: Chain, fill: SetState
    ) -> Callable[..., Any]:
        def make(*args: Any, **kwargs: Any) -> Any:
            raise chain.failed("finding a member", OperationError(_NO_MEMBER))

        return make

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        chain = _of_members(chain)

        def named(name: str) -> Any:
            return self._named(name, chain)

        def member(_: Any, state: Any) -> Any:
            stored = state[1]
            if type(stored) is str:
                return named(stored)
            if type(stored) is dict and stored.keys() == {"value"}:
                return self._of_value(stored["value"], chain)
            if type(stored) is not tuple or {type(part) for part in stored} - {str, int}:
                raise StampError(claim.ref, f"{shortened(stored)} names no member")
            return self._of_value(_bits(stored, named), chain)

        return member

    def member(self, name: str, chain: Chain) -> Any:
        """Return the member that was stored by its name, without a stamp."""
        return self._named(name, _of_members(chain))

    def _named(self, name: str, chain: Chain) -> Any:
        try:
            state: Any = chain.run({"name": name}, set())
        except StepError as exc:
            problem = OperationError(f"{exc.problem}; {_STEPS_OF_MEMBERS}")
            raise chain.failed(exc.step, problem) from exc.__cause__
        try:
            return self.cls[state["name"]]  # type: ignore[index] # as above
        except KeyError:
            problem = OperationError(
                "the enum has no member of that name; rename it in a step to a new "
                "version: rename('OLD', 'NEW')"
            )
            raise chain.failed(f"finding the member {shortened(state)}", problem) from None

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        raise chain.failed("finding a member", OperationError(_NO_MEMBER))

    def _of_value(self, value: Any, chain: Chain) -> Any:
        try:
            return self.cls(value)
        except ValueError as exc:
            raise chain.failed(
                f"finding the member of the value {shortened(value)}", exc
            ) from None


def _of_members(chain: Chain) -> Chain:
    """Return a chain in which ``rename`` gives members other names."""
    return attrs.evolve(chain, steps=tuple(map(_of_member, chain.steps)))


def _of_member(step: Step) -> Step:
    operations = tuple(
        _RenameMember(operation.old, operation.new) if type(operation) is Rename else operation
        for operation in step.operations
    )
    return attrs.evolve(step, operations=operations)


class _RenameMember(Rename):
    """Rename one member of an enum."""

    def run(self, fields: StateOps) -> None:
        fields.put("name", fields.call(self._renamed, fields.take("name")))

    def _renamed(self, name: str) -> str:
        return self.new if name == self.old else name


_STEPS_OF_MEMBERS = (
    "a step of an enum gets {'name': ...}: use rename('OLD', 'NEW') for one member, "
    "convert('name', ...) for all, or a function"
)

_NO_MEMBER = (
    "it was stored as an object, and its class is an enum today; let a step end in replace(), "
    "with a function that returns the member"
)


def _bits(parts: tuple[Any, ...], named: Callable[[str], Any]) -> int:
    values = (part if type(part) is int else named(part).value for part in parts)
    return functools.reduce(operator.or_, values, 0)
