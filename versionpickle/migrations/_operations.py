"""The declarative operations of steps, each with its inverse."""

from __future__ import annotations

import functools

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from versionpickle._wire.refs import public

from ._fields import FieldNames, OperationError, State, StateOps, as_dict
from ._nested import put_into, take_out


# Operations are never compared, and comparison methods would add a tenth to our import time.


@public("versionpickle.migrations")
class Operation(Protocol):
    """Change a state."""

    def run(self, fields: StateOps) -> None:
        """Change the fields in place, or write the code that will."""

    def inverse(self) -> Operation:
        """Return the operation that undoes it; raise OperationError if there is none."""

    def before(self, names: FieldNames) -> None:
        """Change the names of the fields after it to those before it."""


@attrs.frozen(eq=False)
class Rename:
    old: str
    new: str

    def run(self, fields: StateOps) -> None:
        fields.rename(self.old, self.new)

    def inverse(self) -> Operation:
        return Rename(self.new, self.old)

    def before(self, names: FieldNames) -> None:
        names.give(self, self.new)
        names.take(self, self.old)

    def __repr__(self) -> str:
        return f"rename({self.old!r}, {self.new!r})"


@attrs.frozen(eq=False)
class Add:
    name: str
    value: Any = None
    factory: Callable[[], Any] | None = None
    compute: Callable[[dict[str, Any]], Any] | None = None
    exist_ok: bool = False

    def run(self, fields: StateOps) -> None:
        if self.exist_ok:
            fields.put_missing(self.name, lambda: self._made(fields))
        else:
            fields.refuse(self.name)
            fields.put(self.name, self._made(fields))

    def _made(self, fields: StateOps) -> Any:
        if self.compute is not None:
            return fields.call(self.compute, fields.everything())
        if self.factory is not None:
            return fields.call(self.factory)
        return fields.constant(self.value)

    def inverse(self) -> Operation:
        if self.exist_ok:
            return self  # it is unknown whether the field was there
        return Remove((self.name,), restore=self)

    def before(self, names: FieldNames) -> None:
        if self.exist_ok:
            names.want(self, self.name)
        else:
            names.give(self, self.name)

    def __repr__(self) -> str:
        exist_ok = ", exist_ok=True" if self.exist_ok else ""
        return f"add({self.name!r}, {self.argument()}{exist_ok})"

    def argument(self) -> str:
        if self.compute is not None:
            return f"compute={name_of(self.compute)}"
        return repr(self.value) if self.factory is None else f"factory={name_of(self.factory)}"


@attrs.frozen(eq=False)
class Remove:
    names: tuple[str, ...]
    missing_ok: bool = False
    restore: Add | None = None

    def run(self, fields: StateOps) -> None:
        for name in self.names:
            if not self.missing_ok:
                fields.demand(name)
            fields.remove(name)

    def inverse(self) -> Operation:
        if self.restore is None:
            raise OperationError(f"{self!r} has no inverse; pass restore= or restore_factory=")
        return self.restore

    def before(self, names: FieldNames) -> None:
        names.take(self, *self.names)

    def __repr__(self) -> str:
        arguments = [repr(name) for name in self.names]
        if self.missing_ok:
            arguments.append("missing_ok=True")
        if self.restore is not None and self.restore.compute is None:
            argument = self.restore.argument()
            is_value = self.restore.factory is None
            arguments.append(f"restore={argument}" if is_value else f"restore_{argument}")
        return f"remove({', '.join(arguments)})"


@attrs.frozen(eq=False)
class Convert:
    name: str
    function: Callable[[Any], Any]
    back: Callable[[Any], Any] | None = None

    def run(self, fields: StateOps) -> None:
        fields.demand(self.name)
        if fields.has_value(self.name):
            fields.put(self.name, fields.call(self.function, fields.value(self.name)))

    def inverse(self) -> Operation:
        return Convert(self.name, _inverse_of(self, self.back), self.function)

    def before(self, names: FieldNames) -> None:
        names.want(self, self.name)

    def __repr__(self) -> str:
        return f"convert({self.name!r}, {name_of(self.function)}{_shown_back(self.back)})"


@attrs.frozen(eq=False)
class Split:
    name: str
    into: tuple[str, ...]
    function: Callable[[Any], Any]
    back: Callable[..., Any] | None = None

    def run(self, fields: StateOps) -> None:
        made = fields.call(self.function, fields.take(self.name))
        for name, value in zip(self.into, fields.parts(made, len(self.into)), strict=True):
            fields.refuse(name)
            fields.put(name, value)

    def inverse(self) -> Operation:
        return Merge(self.into, self.name, _inverse_of(self, self.back), self.function)

    def before(self, names: FieldNames) -> None:
        names.give(self, *self.into)
        names.take(self, self.name)

    def __repr__(self) -> str:
        function = f"{name_of(self.function)}{_shown_back(self.back)}"
        return f"split({self.name!r}, {self.into!r}, {function})"


@attrs.frozen(eq=False)
class Merge:
    names: tuple[str, ...]
    into: str
    function: Callable[..., Any]
    back: Callable[[Any], Any] | None = None

    def run(self, fields: StateOps) -> None:
        values = [fields.take(name) for name in self.names]
        fields.refuse(self.into)
        fields.put(self.into, fields.call(self.function, *values))

    def inverse(self) -> Operation:
        return Split(self.into, self.names, _inverse_of(self, self.back), self.function)

    def before(self, names: FieldNames) -> None:
        names.give(self, self.into)
        names.take(self, *self.names)

    def __repr__(self) -> str:
        function = f"{name_of(self.function)}{_shown_back(self.back)}"
        return f"merge({self.names!r}, {self.into!r}, {function})"


@attrs.frozen(eq=False)
class Move:
    """One of the two places is a field, the other a place within a field."""

    old: str
    new: str

    def run(self, fields: StateOps) -> None:
        if "." in self.old:
            field, *path = self.old.split(".")
            held = fields.value(field)
            fields.refuse(self.new)
            made = fields.call(take_out, held, fields.constant(path), fields.constant(field))
            left, value = fields.parts(made, 2)
            fields.put(field, left)
            fields.put(self.new, value)
        else:
            field, *path = self.new.split(".")
            value, held = fields.take(self.old), fields.value(field)
            rest = fields.constant(path), fields.constant(field)
            fields.put(field, fields.call(put_into, held, value, *rest))

    def inverse(self) -> Operation:
        return Move(self.new, self.old)

    def before(self, names: FieldNames) -> None:
        if "." in self.old:
            names.give(self, self.new)
            names.want(self, self.old.partition(".")[0])
        else:
            names.want(self, self.new.partition(".")[0])
            names.take(self, self.old)

    def __repr__(self) -> str:
        return f"move({self.old!r}, {self.new!r})"


@attrs.frozen(eq=False)
class Reorder:
    names: tuple[str, ...]

    def run(self, fields: StateOps) -> None:
        fields.reorder(self.names)

    def inverse(self) -> Operation:
        return self  # fields have names: their former order is unknown

    def before(self, names: FieldNames) -> None:
        names.want(self, *self.names)

    def __repr__(self) -> str:
        return f"reorder({', '.join(map(repr, self.names))})"


@attrs.frozen(eq=False)
class AddMissing:
    """Adds fields whose names only its factory knows, so compiled code takes it as a function."""

    factory: Callable[[], Any]

    def run(self, fields: StateOps) -> None:
        for name, value in as_dict(object.__getstate__(self.factory())).items():
            fields.put_missing(name, functools.partial(fields.constant, value))

    def filled(self, state: dict[str, Any]) -> dict[str, Any]:
        self.run(State(state, set()))
        return state

    def inverse(self) -> Operation:
        raise OperationError(
            f"{self!r} cannot be undone, because it does not name the fields that it adds; name "
            "each with add(name, ..., exist_ok=True)"
        )

    def before(self, names: FieldNames) -> None:
        names.let_miss()

    def __repr__(self) -> str:
        return f"add_missing({name_of(self.factory)})"


@attrs.frozen(eq=False)
class Require:
    name: str
    check: Callable[[Any], Any]
    message: str

    def run(self, fields: StateOps) -> None:
        fields.call(self._check, fields.value(self.name))

    def _check(self, value: Any) -> None:
        if not self.check(value):
            raise OperationError(f"the field {self.name!r}: {self.message}")

    def inverse(self) -> Operation:
        return self

    def before(self, names: FieldNames) -> None:
        names.want(self, self.name)

    def __repr__(self) -> str:
        return f"require({self.name!r}, {name_of(self.check)}, {self.message!r})"


def _inverse_of(operation: Operation, back: Callable[..., Any] | None) -> Callable[..., Any]:
    if back is None:
        raise OperationError(f"{operation!r} has no inverse; pass back=, a function")
    return back


def _shown_back(back: Callable[..., Any] | None) -> str:
    return "" if back is None else f", back={name_of(back)}"


def name_of(function: object) -> str:
    """Return the name of a function for a message, or the repr of anything else."""
    return getattr(function, "__qualname__", None) or repr(function)
