"""The declarative operations that a step is made of: what each does, and undoes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from ._state import Fields, Names, OperationError, State, Symbols


class Operation(Protocol):
    """Change a state: once as it is read, or compiled for many."""

    def apply(self, state: State) -> None:
        """Change *state* in place."""

    def compile(self, symbols: Symbols) -> None:
        """Do to the expressions of a state what `apply` does to its values."""

    def inverse(self) -> Operation:
        """Return the operation that leads back; raise OperationError where none can."""

    def before(self, names: Names) -> None:
        """Lead the names of the fields that there are after it back to those before."""


@attrs.frozen
class Rename:
    old: str
    new: str

    def apply(self, state: State) -> None:
        state.rename(self.old, self.new)

    def compile(self, symbols: Symbols) -> None:
        symbols.rename(self.old, self.new)

    def inverse(self) -> Operation:
        return Rename(self.new, self.old)

    def before(self, names: Names) -> None:
        names.give(self, self.new)
        names.take(self, self.old)

    def __repr__(self) -> str:
        return f"rename({self.old!r}, {self.new!r})"


@attrs.frozen
class Add:
    name: str
    value: Any = None
    factory: Callable[[], Any] | None = None
    compute: Callable[[dict[str, Any]], Any] | None = None

    def apply(self, state: State) -> None:
        state.refuse(self.name)
        if self.compute is not None:
            made = self.compute(dict(state.values))
        else:
            made = self.value if self.factory is None else self.factory()
        state.values[self.name] = made

    def compile(self, symbols: Symbols) -> None:
        symbols.refuse(self.name)
        source = symbols.source
        if self.compute is not None:
            values = ", ".join(f"{name!r}: {value}" for name, value in symbols.values.items())
            made = source.compute(f"{source.constant(self.compute)}({{{values}}})")
        elif self.factory is not None:
            made = source.compute(f"{source.constant(self.factory)}()")
        else:
            made = source.constant(self.value)
        symbols.values[self.name] = made

    def inverse(self) -> Operation:
        return Remove((self.name,), restore=self)

    def before(self, names: Names) -> None:
        names.give(self, self.name)

    def __repr__(self) -> str:
        return f"add({self.name!r}, {self.made_of()})"

    def made_of(self) -> str:
        if self.compute is not None:
            return f"compute={name_of(self.compute)}"
        return repr(self.value) if self.factory is None else f"factory={name_of(self.factory)}"


@attrs.frozen
class Remove:
    names: tuple[str, ...]
    missing_ok: bool = False
    restore: Add | None = None

    def apply(self, state: State) -> None:
        self._take_from(state)

    def compile(self, symbols: Symbols) -> None:
        self._take_from(symbols)

    def _take_from(self, fields: Fields) -> None:
        for name in self.names:
            if not self.missing_ok:
                fields.demand(name)
            fields.remove(name)

    def inverse(self) -> Operation:
        if self.restore is None:
            raise OperationError(
                f"{self!r} cannot be undone: it does not say what to put back; "
                f"give it restore= or restore_factory="
            )
        return self.restore

    def before(self, names: Names) -> None:
        names.take(self, *self.names)

    def __repr__(self) -> str:
        arguments = [repr(name) for name in self.names]
        if self.missing_ok:
            arguments.append("missing_ok=True")
        if self.restore is not None and self.restore.compute is None:
            made_of = self.restore.made_of()
            is_value = self.restore.factory is None
            arguments.append(f"restore={made_of}" if is_value else f"restore_{made_of}")
        return f"remove({', '.join(arguments)})"


@attrs.frozen
class Convert:
    name: str
    function: Callable[[Any], Any]
    back: Callable[[Any], Any] | None = None

    def apply(self, state: State) -> None:
        state.demand(self.name)
        if self.name in state.values:
            state.values[self.name] = self.function(state.values[self.name])

    def compile(self, symbols: Symbols) -> None:
        symbols.demand(self.name)
        function = symbols.source.constant(self.function)
        value = symbols.values[self.name]
        symbols.values[self.name] = symbols.source.compute(f"{function}({value})")

    def inverse(self) -> Operation:
        return Convert(self.name, _known(self, self.back), self.function)

    def before(self, names: Names) -> None:
        names.want(self, self.name)

    def __repr__(self) -> str:
        return f"convert({self.name!r}, {name_of(self.function)}{_shown_back(self.back)})"


@attrs.frozen
class Split:
    name: str
    into: tuple[str, ...]
    function: Callable[[Any], Any]
    back: Callable[..., Any] | None = None

    def apply(self, state: State) -> None:
        values = (*self.function(state.take(self.name)),)
        if len(values) != len(self.into):
            self._refuse(values)
        for name, value in zip(self.into, values, strict=True):
            state.refuse(name)
            state.values[name] = value

    def compile(self, symbols: Symbols) -> None:
        source = symbols.source
        function = source.constant(self.function)
        made = source.compute(f"(*{function}({symbols.take(self.name)}),)")
        source.line(f"if len({made}) != {len(self.into)}:", indent=2)
        source.line(f"{source.constant(self._refuse)}({made})", indent=3)
        for number, name in enumerate(self.into):
            symbols.refuse(name)
            symbols.values[name] = f"{made}[{number}]"

    def _refuse(self, values: tuple[Any, ...]) -> None:
        raise OperationError(
            f"{name_of(self.function)} gave {len(values)} values for the fields {self.into}"
        )

    def inverse(self) -> Operation:
        return Merge(self.into, self.name, _known(self, self.back), self.function)

    def before(self, names: Names) -> None:
        names.give(self, *self.into)
        names.take(self, self.name)

    def __repr__(self) -> str:
        function = f"{name_of(self.function)}{_shown_back(self.back)}"
        return f"split({self.name!r}, {self.into!r}, {function})"


@attrs.frozen
class Merge:
    names: tuple[str, ...]
    into: str
    function: Callable[..., Any]
    back: Callable[[Any], Any] | None = None

    def apply(self, state: State) -> None:
        values = [state.take(name) for name in self.names]
        state.refuse(self.into)
        state.values[self.into] = self.function(*values)

    def compile(self, symbols: Symbols) -> None:
        function = symbols.source.constant(self.function)
        values = ", ".join([symbols.take(name) for name in self.names])
        symbols.refuse(self.into)
        symbols.values[self.into] = symbols.source.compute(f"{function}({values})")

    def inverse(self) -> Operation:
        return Split(self.into, self.names, _known(self, self.back), self.function)

    def before(self, names: Names) -> None:
        names.give(self, self.into)
        names.take(self, *self.names)

    def __repr__(self) -> str:
        function = f"{name_of(self.function)}{_shown_back(self.back)}"
        return f"merge({self.names!r}, {self.into!r}, {function})"


@attrs.frozen
class Move:
    """Of the two places, one is a field and the other a place within a field."""

    old: str
    new: str

    def apply(self, state: State) -> None:
        field, _, key = self.old.partition(".")
        if key:
            held = state.value(field)
            state.refuse(self.new)
            state.values[field], state.values[self.new] = taken(held, key, field)
        else:
            holder, _, key = self.new.partition(".")
            value = state.take(field)
            state.values[holder] = put(state.value(holder), key, value, holder)

    def compile(self, symbols: Symbols) -> None:
        source = symbols.source
        field, _, key = self.old.partition(".")
        if key:
            held = symbols.value(field)
            symbols.refuse(self.new)
            made = source.compute(f"{source.constant(taken)}({held}, {key!r}, {field!r})")
            symbols.values[field], symbols.values[self.new] = f"{made}[0]", f"{made}[1]"
        else:
            holder, _, key = self.new.partition(".")
            value = symbols.take(field)
            held = symbols.value(holder)
            call = f"{source.constant(put)}({held}, {key!r}, {value}, {holder!r})"
            symbols.values[holder] = source.compute(call)

    def inverse(self) -> Operation:
        return Move(self.new, self.old)

    def before(self, names: Names) -> None:
        holder, _, key = self.old.partition(".")
        if key:
            names.give(self, self.new)
            names.want(self, holder)
        else:
            names.want(self, self.new.partition(".")[0])
            names.take(self, self.old)

    def __repr__(self) -> str:
        return f"move({self.old!r}, {self.new!r})"


def taken(held: Any, key: str, field: str) -> tuple[Any, Any]:
    """Return what is left of a mapping without *key*, and what stood there."""
    if not isinstance(held, Mapping) or key not in held:
        raise OperationError(f"the field {field!r} holds no mapping with {key!r}")
    return {name: value for name, value in held.items() if name != key}, held[key]


def put(held: Any, key: str, value: Any, field: str) -> dict[Any, Any]:
    """Return a mapping that also holds *value*: the old one may be shared."""
    if not isinstance(held, Mapping) or key in held:
        raise OperationError(f"the field {field!r} holds no mapping that wants {key!r}")
    return {**held, key: value}


@attrs.frozen
class Reorder:
    names: tuple[str, ...]

    def apply(self, state: State) -> None:
        state.reorder(self.names)

    def compile(self, symbols: Symbols) -> None:
        symbols.reorder(self.names)

    def inverse(self) -> Operation:
        return self  # fields have names: nobody can tell in which order they stood

    def before(self, names: Names) -> None:
        names.want(self, *self.names)

    def __repr__(self) -> str:
        return f"reorder({', '.join(map(repr, self.names))})"


@attrs.frozen
class NamePositions:
    """Comes first in its step: what it names is no state of fields yet."""

    names: tuple[str, ...]

    def named(self, state: Any) -> dict[str, Any]:
        if not isinstance(state, tuple | list) or len(state) != len(self.names):
            size = f" of {len(state)}" if isinstance(state, tuple | list) else ""
            raise OperationError(
                f"the state is a {type(state).__name__}{size}, and {len(self.names)} values "
                "were to get names"
            )
        return dict(zip(self.names, state, strict=True))

    def apply(self, state: State) -> None:
        raise OperationError("the values have names already; let it be the first of its step")

    def compile(self, symbols: Symbols) -> None:
        raise OperationError("the values have names already, in the stamp")

    def inverse(self) -> Operation:
        raise OperationError(f"{self!r} cannot be undone: names do not go away again")

    def before(self, names: Names) -> None:
        names.want(self, *self.names)

    def __repr__(self) -> str:
        return f"name_positions({', '.join(map(repr, self.names))})"


@attrs.frozen
class Require:
    name: str
    check: Callable[[Any], Any]
    message: str

    def apply(self, state: State) -> None:
        self._check(state.value(self.name))

    def compile(self, symbols: Symbols) -> None:
        check = symbols.source.constant(self._check)
        symbols.source.compute(f"{check}({symbols.value(self.name)})")

    def _check(self, value: Any) -> None:
        if not self.check(value):
            raise OperationError(f"the field {self.name!r}: {self.message}")

    def inverse(self) -> Operation:
        return self

    def before(self, names: Names) -> None:
        names.want(self, self.name)

    def __repr__(self) -> str:
        return f"require({self.name!r}, {name_of(self.check)}, {self.message!r})"


def _known(operation: Operation, back: Callable[..., Any] | None) -> Callable[..., Any]:
    if back is None:
        raise OperationError(f"{operation!r} cannot be undone: give it back=, the function back")
    return back


def _shown_back(back: Callable[..., Any] | None) -> str:
    return "" if back is None else f", back={name_of(back)}"


def name_of(function: Callable[..., Any]) -> str:
    """Return what a message calls this function."""
    return getattr(function, "__qualname__", None) or repr(function)
