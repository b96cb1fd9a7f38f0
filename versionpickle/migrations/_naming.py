"""Operations that name what was stored without names: positions, arguments, items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs

from ._fields import FieldNames, OperationError, StateOps
from ._operations import Operation, name_of
from ._parts import ARGUMENTS, ITEMS, KEYWORDS, PARTS, STATE


def with_parts(
    state: Any,
    arguments: tuple[Any, ...] = (),
    keywords: Mapping[str, Any] | None = None,
    items: list[Any] | dict[Any, Any] | None = None,
) -> Any:
    """
    Return *state* with what was stored besides it, each under a key of its own.

    It stays as it is if there is nothing else.
    """
    parts = {ARGUMENTS: arguments, KEYWORDS: dict(keywords or {}), ITEMS: items}
    parts = {key: part for key, part in parts.items() if part}
    if not parts:
        return state
    if not isinstance(state, dict):
        return parts if state is None else {STATE: state, **parts}
    for key in state.keys() & PARTS:
        raise OperationError(f"the state has a field {key!r}, a name kept for the {PARTS[key]}")
    return {**state, **parts}


@attrs.frozen(eq=False)
class NamePositions:
    """Comes first in its step: what it names is not a state of fields yet."""

    names: tuple[str, ...]

    def named(self, state: Any) -> dict[str, Any]:
        if isinstance(state, dict) and STATE in state:
            others = {key: part for key, part in state.items() if key != STATE}
            return {**self.named(state[STATE]), **others}
        if not isinstance(state, tuple | list) or len(state) != len(self.names):
            size = f" of {len(state)}" if isinstance(state, tuple | list) else ""
            raise OperationError(
                f"the state is a {type(state).__name__}{size}, not a tuple or list of "
                f"{len(self.names)}"
            )
        return dict(zip(self.names, state, strict=True))

    def run(self, fields: StateOps) -> None:
        raise OperationError(
            f"the values already have names; {self!r} must be the first operation of its step, "
            "and is for a state that was stored as a bare tuple or list"
        )

    def inverse(self) -> Operation:
        _refuse_undoing(self)

    def before(self, names: FieldNames) -> None:
        names.want(self, *self.names)

    def __repr__(self) -> str:
        return f"name_positions({', '.join(map(repr, self.names))})"


@attrs.frozen(eq=False)
class NameArguments:
    """Binds the arguments to the names as a call would bind them to parameters."""

    names: tuple[str, ...]

    def run(self, fields: StateOps) -> None:
        fields.put_missing(KEYWORDS, lambda: fields.call(dict))
        arguments, keywords = fields.take(ARGUMENTS), fields.take(KEYWORDS)
        bound = fields.call(self._bound, arguments, keywords)
        for name, value in zip(self.names, fields.parts(bound, len(self.names)), strict=True):
            fields.refuse(name)
            fields.put(name, value)

    def _bound(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
        rest = self.names[len(arguments) :]
        if len(arguments) > len(self.names) or {*rest} != {*keywords}:
            by_name = f" and {', '.join(f'{name}=' for name in keywords)}" if keywords else ""
            raise OperationError(
                f"the object was made from {len(arguments)} positional arguments{by_name}, which "
                f"do not fit {self!r}; name them as they were stored, or write the step as a "
                f"function that takes them out of state[{ARGUMENTS!r}]"
            )
        return [*arguments, *(keywords[name] for name in rest)]

    def inverse(self) -> Operation:
        _refuse_undoing(self)

    def before(self, names: FieldNames) -> None:
        names.give(self, *self.names)

    def __repr__(self) -> str:
        return f"name_arguments({', '.join(map(repr, self.names))})"


@attrs.frozen(eq=False)
class NameItems:
    name: str
    factory: Callable[[Any], Any] | None = None

    def run(self, fields: StateOps) -> None:
        fields.put_missing(ITEMS, lambda: fields.call(list))  # pickle writes no empty ones
        items = fields.take(ITEMS)
        fields.refuse(self.name)
        fields.put(self.name, fields.call(self.factory, items) if self.factory else items)

    def inverse(self) -> Operation:
        _refuse_undoing(self)

    def before(self, names: FieldNames) -> None:
        names.give(self, self.name)

    def __repr__(self) -> str:
        factory = "" if self.factory is None else f", {name_of(self.factory)}"
        return f"name_items({self.name!r}{factory})"


def _refuse_undoing(operation: Operation) -> NoReturn:
    raise OperationError(
        f"{operation!r} cannot be undone, because an older version is written by its fields "
        "alone; write the step as a function, and decorate its inverse with @step.down"
    )
