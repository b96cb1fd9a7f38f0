"""Decide the version of an unstamped state by the fields it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from versionpickle._wire.refs import public


# attrs would make the import slower for these, and they are never compared.


@public("versionpickle.migrations")
class Condition:
    """A question about the fields of a state: whether all are there, or none."""

    def __init__(self, names: tuple[str, ...], *, is_there: bool) -> None:
        self.names = names
        self.is_there = is_there

    def __call__(self, state: Any) -> bool:
        if not isinstance(state, dict):
            return False
        return all((name in state) is self.is_there for name in self.names)

    def __repr__(self) -> str:
        word = "has" if self.is_there else "lacks"
        return f"{word}({', '.join(map(repr, self.names))})"


def has(*names: str) -> Condition:
    """
    Ask whether a state has all of these fields; for ``unstamped=``.

    >>> from versionpickle import versioned
    >>> from versionpickle.migrations import has
    >>> @versioned(version=3, unstamped=has("node"))  # 1 if it has the field, else 2
    ... class Graph:
    ...     pass
    >>> @versioned(version=3, unstamped={1: has("node"), 2: has("_node"), 3: has("_nodes")})
    ... class DiGraph:
    ...     pass
    """
    return Condition(_checked("has", names), is_there=True)


def lacks(*names: str) -> Condition:
    """
    Ask whether a state has none of these fields; for ``unstamped=``.

    >>> from versionpickle.migrations import has, lacks
    >>> {1: has("total"), 2: lacks("currency"), 3: has("currency")}
    {1: has('total'), 2: lacks('currency'), 3: has('currency')}
    """
    return Condition(_checked("lacks", names), is_there=False)


def _checked(word: str, names: tuple[object, ...]) -> tuple[Any, ...]:
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"{word}() takes names of fields such as 'amount', not {names!r}")
    return names


class Generations:
    """The first version whose condition a state fits."""

    def __init__(self, conditions: Mapping[int, Callable[[Any], Any]]) -> None:
        self.conditions = conditions

    def __call__(self, state: Any) -> int:
        for version, condition in self.conditions.items():
            if condition(state):
                return version
        fields = ", ".join(map(repr, state)) if isinstance(state, dict) else type(state).__name__
        raise LookupError(f"no condition of {self!r} fits a state of {fields or 'no fields'}")

    def __repr__(self) -> str:
        return repr(dict(self.conditions))


def decided_by_fields(unstamped: Any) -> Any:
    """Return a function of the state for a condition or a mapping of conditions."""
    if isinstance(unstamped, Condition):
        return Generations({1: unstamped, 2: Condition((), is_there=True)})
    return Generations(dict(unstamped)) if isinstance(unstamped, Mapping) else unstamped
