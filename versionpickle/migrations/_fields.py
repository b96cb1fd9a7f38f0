"""The state of one object while operations change it, and the names of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from ._parts import PARTS


class OperationError(Exception):
    """An operation cannot be applied to a state."""


class FieldNames:
    """
    The names of the fields that a state must or may have, traced back through operations.

    *problems* collects what does not fit: the field, and what is wrong with it.
    """

    def __init__(self, names: Iterable[str], may: Iterable[str] = ()) -> None:
        self.known = dict.fromkeys((*names, *may))
        self._may = {*may}
        """Those that may be missing."""

        self.problems: list[tuple[str, str]] = []

    def give(self, operation: object, *names: str) -> None:
        """Note that *operation* adds these: something needs them, and they were not there."""
        self.want(operation, *names)
        for name in names:
            self.known.pop(name, None)

    def want(self, operation: object, *names: str) -> None:
        """Note that these are there after *operation*."""
        for name in names:
            if name not in self.known:
                problem = f"{operation!r} leaves a field {name!r} that nothing uses"
                self.problems.append((name, problem))

    def let_miss(self) -> None:
        """Note that none of those that are there now must have been there before."""
        self._may.update(self.known)

    def take(self, operation: object, *names: str) -> None:
        """Note that *operation* removes these: they were there before."""
        for name in names:
            if name in self.known and name not in self._may:
                problem = (
                    f"{operation!r} removes the field {name!r}, which a later step or the class "
                    "needs"
                )
                self.problems.append((name, problem))
            self.known[name] = None


class StateOps(Protocol):
    """
    The fields of a state while operations change them: their values, or code that computes them.

    An operation does not know which, so it does the same to both.
    """

    def demand(self, name: str) -> None:
        """Refuse a state that lacks this field."""

    def refuse(self, name: str) -> None:
        """Refuse a state that has this field."""

    def has_value(self, name: str) -> bool:
        """Whether a field that is there has a value."""

    def value(self, name: str) -> Any:
        """Return the value of a field."""

    def take(self, name: str) -> Any:
        """Remove a field, and return its value."""

    def put(self, name: str, value: Any) -> None:
        """Set a field to this value."""

    def put_missing(self, name: str, make: Callable[[], Any]) -> None:
        """Set a field to what *make* returns, if it is not there."""

    def rename(self, old: str, new: str) -> None:
        """Rename a field; it comes last."""

    def remove(self, name: str) -> None:
        """Drop a field, if it is there."""

    def reorder(self, names: tuple[str, ...]) -> None:
        """Put these fields first."""

    def everything(self) -> Any:
        """Return a dict of all fields that have a value."""

    def constant(self, value: Any) -> Any:
        """Return this very value."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *function* returns for these values."""

    def parts(self, made: Any, count: int) -> Any:
        """Return the items of a value, which must have exactly *count*."""


class SymbolicOps(StateOps, Protocol):
    """The fields of a state in a function that is being written."""

    def begin(self, step: object) -> None:
        """Note that this step does what follows."""

    def handed_over(self) -> str:
        """Return a dict of all fields, which a function may change."""
        raise NotImplementedError

    def returned_by(self, function: Callable[[Any], Any]) -> SymbolicOps:
        """Return the fields after a step that is a function."""
        raise NotImplementedError


class State:
    """
    Hold the values of one object's fields.

    A state is a mapping of names; a name can also be there without a value,
    which is how an unset slot travels through a chain.
    """

    def __init__(self, values: dict[str, Any], unset: set[str]) -> None:
        self.values = values
        self.unset = unset

    def __contains__(self, name: str) -> bool:
        return name in self.values or name in self.unset

    def __iter__(self) -> Iterator[str]:
        yield from self.values
        yield from self.unset

    def demand(self, name: str) -> None:
        if name not in self:
            listed = ", ".join(map(repr, self)) or "none at all"
            if name in PARTS:
                raise OperationError(f"no {PARTS[name]} were stored, only the fields {listed}")
            raise OperationError(f"there is no field {name!r}, only {listed}")

    def refuse(self, name: str) -> None:
        if name in self:
            raise OperationError(f"there is a field {name!r} already")

    def has_value(self, name: str) -> bool:
        return name in self.values

    def value(self, name: str) -> Any:
        self.demand(name)
        if name in self.unset:
            raise OperationError(f"the field {name!r} has no value")
        return self.values[name]

    def take(self, name: str) -> Any:
        value = self.value(name)
        self.remove(name)
        return value

    def put(self, name: str, value: Any) -> None:
        self.values[name] = value

    def put_missing(self, name: str, make: Callable[[], Any]) -> None:
        if name not in self:
            self.put(name, make())

    def rename(self, old: str, new: str) -> None:
        self.demand(old)
        self.refuse(new)
        if old in self.values:
            self.values[new] = self.values.pop(old)
        else:
            self.unset.remove(old)
            self.unset.add(new)

    def remove(self, name: str) -> None:
        self.values.pop(name, None)
        self.unset.discard(name)

    def reorder(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.demand(name)
        first = {name: self.values[name] for name in names if name in self.values}
        rest = {name: value for name, value in self.values.items() if name not in first}
        self.values.clear()
        self.values.update({**first, **rest})

    def everything(self) -> dict[str, Any]:
        return dict(self.values)

    def constant(self, value: Any) -> Any:
        return value

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def parts(self, made: Any, count: int) -> Any:
        items = [*made]
        if len(items) != count:
            raise miscounted(items, count)
        return items


def miscounted(items: Any, count: int) -> OperationError:
    """Return the error for a function that did not return *count* values."""
    return OperationError(f"the function returned {len(items)} values for {count} fields")


def is_slots_pair(state: object) -> bool:
    """Whether *state* is pickle's own (dict or None, dict of slots)."""
    return (
        isinstance(state, tuple)
        and len(state) == 2
        and (state[0] is None or isinstance(state[0], dict))
        and isinstance(state[1], dict)
    )


def as_dict(state: Any) -> Any:
    """Return a dict of the fields in *state*, or *state* itself if it has no field names."""
    if state is None:
        return {}
    if is_slots_pair(state):
        attributes, slots = state
        if not slots.keys() & (attributes or {}):  # with a name in both, it is no such pair
            return {**(attributes or {}), **slots}
    return dict(state) if isinstance(state, dict) else state


def described(exc: Exception) -> str:
    """Return the text of an error that a function of the user raised."""
    return f"{type(exc).__name__}: {exc}".removesuffix(": ")
