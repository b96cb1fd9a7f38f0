"""The state of one object while operations change it: its values, or their expressions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from versionpickle._source import Source


class OperationError(Exception):
    """Say why an operation cannot be applied to a state."""


class Names:
    """
    The names of the fields that a state must or may have, followed back through operations.

    What does not fit is noted in *problems*: the field, and what is wrong with it.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.known = set(names)
        self.problems: list[tuple[str, str]] = []

    def give(self, operation: object, *names: str) -> None:
        """Note that *operation* makes these: somebody must want them, and they were not before."""
        self.want(operation, *names)
        self.known.difference_update(names)

    def want(self, operation: object, *names: str) -> None:
        """Note that these are there after *operation*."""
        for name in names:
            if name not in self.known:
                problem = f"{operation!r} leaves a field {name!r} that nobody takes"
                self.problems.append((name, problem))

    def take(self, operation: object, *names: str) -> None:
        """Note that *operation* takes these away: they were there before."""
        for name in names:
            if name in self.known:
                problem = f"{operation!r} takes the field {name!r}, which is wanted"
                self.problems.append((name, problem))
            self.known.add(name)


class Fields:
    """
    Hold the fields of one state while operations change them.

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
            raise OperationError(f"there is no field {name!r}, only {self._listed()}")

    def refuse(self, name: str) -> None:
        if name in self:
            raise OperationError(f"there is a field {name!r} already")

    def rename(self, old: str, new: str) -> None:
        self.demand(old)
        self.refuse(new)
        if old in self.values:
            self.values[new] = self.values.pop(old)
        else:
            self.unset.remove(old)
            self.unset.add(new)

    def take(self, name: str) -> Any:
        """Remove a field, and return what it holds."""
        value = self.value(name)
        self.remove(name)
        return value

    def value(self, name: str) -> Any:
        self.demand(name)
        if name in self.unset:
            raise OperationError(f"the field {name!r} holds nothing")
        return self.values[name]

    def reorder(self, names: tuple[str, ...]) -> None:
        """Put these fields first."""
        for name in names:
            self.demand(name)
        first = {name: self.values[name] for name in names if name in self.values}
        rest = {name: value for name, value in self.values.items() if name not in first}
        self.values.clear()
        self.values.update({**first, **rest})

    def remove(self, name: str) -> None:
        self.values.pop(name, None)
        self.unset.discard(name)

    def _listed(self) -> str:
        return ", ".join(repr(name) for name in self) or "none at all"


class State(Fields):
    """Hold the values of one object's fields."""


class Symbols(Fields):
    """Hold, instead of values, the expressions that will compute them."""

    def __init__(self, values: dict[str, str], source: Source) -> None:
        super().__init__(values, set())
        self.source = source
