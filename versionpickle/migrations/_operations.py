"""The declarative operations that a step is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import attrs


if TYPE_CHECKING:
    from versionpickle._source import Source


class OperationError(Exception):
    """Say why an operation cannot be applied to a state."""


class Operation(Protocol):
    """Change a state: once as it is read, or compiled for many."""

    def apply(self, state: State) -> None:
        """Change *state* in place."""

    def compile(self, symbols: Symbols) -> None:
        """Do to the expressions of a state what `apply` does to its values."""


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


@attrs.frozen
class Rename:
    old: str
    new: str

    def apply(self, state: State) -> None:
        state.rename(self.old, self.new)

    def compile(self, symbols: Symbols) -> None:
        symbols.rename(self.old, self.new)

    def __repr__(self) -> str:
        return f"rename({self.old!r}, {self.new!r})"


@attrs.frozen
class Add:
    name: str
    value: Any = None
    factory: Callable[[], Any] | None = None

    def apply(self, state: State) -> None:
        state.refuse(self.name)
        state.values[self.name] = self.value if self.factory is None else self.factory()

    def compile(self, symbols: Symbols) -> None:
        symbols.refuse(self.name)
        if self.factory is None:
            made = symbols.source.constant(self.value)
        else:
            made = symbols.source.compute(f"{symbols.source.constant(self.factory)}()")
        symbols.values[self.name] = made

    def __repr__(self) -> str:
        if self.factory is None:
            return f"add({self.name!r}, {self.value!r})"
        return f"add({self.name!r}, factory={_name_of(self.factory)})"


@attrs.frozen
class Remove:
    names: tuple[str, ...]
    missing_ok: bool = False

    def apply(self, state: State) -> None:
        self._take_from(state)

    def compile(self, symbols: Symbols) -> None:
        self._take_from(symbols)

    def _take_from(self, fields: Fields) -> None:
        for name in self.names:
            if not self.missing_ok:
                fields.demand(name)
            fields.remove(name)

    def __repr__(self) -> str:
        arguments = [repr(name) for name in self.names]
        if self.missing_ok:
            arguments.append("missing_ok=True")
        return f"remove({', '.join(arguments)})"


@attrs.frozen
class Convert:
    name: str
    function: Callable[[Any], Any]

    def apply(self, state: State) -> None:
        state.demand(self.name)
        if self.name in state.values:
            state.values[self.name] = self.function(state.values[self.name])

    def compile(self, symbols: Symbols) -> None:
        symbols.demand(self.name)
        function = symbols.source.constant(self.function)
        value = symbols.values[self.name]
        symbols.values[self.name] = symbols.source.compute(f"{function}({value})")

    def __repr__(self) -> str:
        return f"convert({self.name!r}, {_name_of(self.function)})"


def rename(old: str, new: str) -> Operation:
    """
    Give the field *old* the name *new*.

    >>> from versionpickle.migrations import rename
    >>> rename("total", "amount")
    rename('total', 'amount')
    """
    return Rename(_checked(old), _checked(new))


def add(name: str, value: Any = None, *, factory: Callable[[], Any] | None = None) -> Operation:
    """
    Add a field with one *value*, or with what *factory* returns.

    All upgraded objects share *value*, so a list, dict, set or bytearray is
    refused: give its *factory*.

    >>> from versionpickle.migrations import add
    >>> add("currency", "USD"), add("tags", factory=list)
    (add('currency', 'USD'), add('tags', factory=list))
    """
    if isinstance(value, list | dict | set | bytearray):
        kind = type(value).__name__
        raise TypeError(
            f"add({name!r}, {value!r}) would give the same {kind} to every object; "
            f"use add({name!r}, factory={kind}), or a lambda that makes it"
        )
    if factory is not None and value is not None:
        raise TypeError(f"add({name!r}) takes a value or a factory, not both")
    if factory is not None and not callable(factory):
        raise TypeError(f"add({name!r}) takes a factory that can be called, not {factory!r}")
    return Add(_checked(name), value, factory)


def remove(*names: str, missing_ok: bool = False) -> Operation:
    """
    Drop fields.

    One that is not there is an error, unless *missing_ok* is true.

    >>> from versionpickle.migrations import remove
    >>> remove("cache")
    remove('cache')
    """
    if not names:
        raise TypeError("remove() needs the name of a field")
    return Remove(tuple(_checked(name) for name in names), missing_ok)


def convert(name: str, function: Callable[[Any], Any]) -> Operation:
    """
    Replace a field's value by what *function* makes of it.

    >>> from versionpickle.migrations import convert
    >>> convert("amount", float)
    convert('amount', float)
    """
    if not callable(function):
        raise TypeError(f"convert({name!r}) takes a function of the value, not {function!r}")
    return Convert(_checked(name), function)


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"a field is named by a text such as 'amount', not {name!r}")
    return name


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
