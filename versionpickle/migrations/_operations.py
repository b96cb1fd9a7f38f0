"""The declarative operations that a step is made of: what each does, and undoes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from versionpickle._wire.refs import public

from ._fields import FieldNames, OperationError, StateOps
from ._nested import put_into, take_out


# Nobody compares operations, and attrs would take a tenth of our import to make them comparable.


@public("versionpickle.migrations")
class Operation(Protocol):
    """Change a state."""

    def run(self, fields: StateOps) -> None:
        """Change the fields in place, or write the code that will."""

    def inverse(self) -> Operation:
        """Return the operation that leads back; raise OperationError where none can."""

    def before(self, names: FieldNames) -> None:
        """Lead the names of the fields that there are after it back to those before."""


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
            return self  # nobody can tell whether the field was there
        return Remove((self.name,), restore=self)

    def before(self, names: FieldNames) -> None:
        if self.exist_ok:
            names.want(self, self.name)
        else:
            names.give(self, self.name)

    def __repr__(self) -> str:
        exist_ok = ", exist_ok=True" if self.exist_ok else ""
        return f"add({self.name!r}, {self.made_of()}{exist_ok})"

    def made_of(self) -> str:
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
            raise OperationError(
                f"{self!r} does not say what to put back; give it restore= or restore_factory="
            )
        return self.restore

    def before(self, names: FieldNames) -> None:
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
        return Convert(self.name, _known(self, self.back), self.function)

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
        return Merge(self.into, self.name, _known(self, self.back), self.function)

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
        return Split(self.into, self.names, _known(self, self.back), self.function)

    def before(self, names: FieldNames) -> None:
        names.give(self, self.into)
        names.take(self, *self.names)

    def __repr__(self) -> str:
        function = f"{name_of(self.function)}{_shown_back(self.back)}"
        return f"merge({self.names!r}, {self.into!r}, {function})"


@attrs.frozen(eq=False)
class Move:
    """Of the two places, one is a field and the other a place within a field."""

    old: str
    new: str

    def run(self, fields: StateOps) -> None:
        if "." in self.old:
            field, *way = self.old.split(".")
            held = fields.value(field)
            fields.refuse(self.new)
            made = fields.call(take_out, held, fields.constant(way), fields.constant(field))
            left, value = fields.parts(made, 2)
            fields.put(field, left)
            fields.put(self.new, value)
        else:
            field, *way = self.new.split(".")
            value, held = fields.take(self.old), fields.value(field)
            rest = fields.constant(way), fields.constant(field)
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
        return self  # fields have names: nobody can tell in which order they stood

    def before(self, names: FieldNames) -> None:
        names.want(self, *self.names)

    def __repr__(self) -> str:
        return f"reorder({', '.join(map(repr, self.names))})"


@attrs.frozen(eq=False)
class NamePositions:
    """Comes first in its step: what it names is no state of fields yet."""

    names: tuple[str, ...]

    def named(self, state: Any) -> dict[str, Any]:
        if not isinstance(state, tuple | list) or len(state) != len(self.names):
            size = f" of {len(state)}" if isinstance(state, tuple | list) else ""
            raise OperationError(
                f"the state is a {type(state).__name__}{size}, and no tuple or list of "
                f"{len(self.names)}"
            )
        return dict(zip(self.names, state, strict=True))

    def run(self, fields: StateOps) -> None:
        raise OperationError(
            f"the values have names already: {self!r} stands first in its step, and is for a "
            "state that was stored as a bare tuple or list"
        )

    def inverse(self) -> Operation:
        raise OperationError(
            f"{self!r} cannot be undone: names do not go away again; write the step as a "
            "function, and put @step.down on its inverse"
        )

    def before(self, names: FieldNames) -> None:
        names.want(self, *self.names)

    def __repr__(self) -> str:
        return f"name_positions({', '.join(map(repr, self.names))})"


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


def _known(operation: Operation, back: Callable[..., Any] | None) -> Callable[..., Any]:
    if back is None:
        raise OperationError(
            f"{operation!r} does not say what leads back; give it back=, a function"
        )
    return back


def _shown_back(back: Callable[..., Any] | None) -> str:
    return "" if back is None else f", back={name_of(back)}"


def name_of(function: object) -> str:
    """Return what a message calls this function, or what stands in the place of one."""
    return getattr(function, "__qualname__", None) or repr(function)
