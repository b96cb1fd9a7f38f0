"""The state of one object as generated code sees it: expressions instead of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from versionpickle.migrations._fields import State, SymbolicOps, miscounted
from versionpickle.migrations._step import returned

from .source import Source


class _Writer(SymbolicOps):
    """Write what all symbols write in the same way."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def begin(self, step: object) -> None:
        self.source.doing = step

    def returned_by(self, function: Callable[[Any], Any]) -> Returned:
        given = self.handed_over()
        made = self.source.compute(f"{self.source.constant(function)}({given})")
        checked = f"{self.source.constant(returned)}({made})"
        self.source.line(f"if {made} is not {given}:", indent=2)
        self.source.line(f"{made} = {{**{made}}} if type({made}) is dict else {checked}", indent=3)
        return Returned(made, self.source)

    def has_value(self, name: str) -> bool:
        return True  # an object with unset fields is not for generated functions

    def constant(self, value: Any) -> str:
        return self.source.constant(value)

    def call(self, function: Callable[..., Any], *arguments: str) -> str:
        if not arguments and (function is list or function is dict):
            return self.source.compute("[]" if function is list else "{}")  # which is faster
        called = self.source.constant(function)
        return self.source.compute(f"{called}({', '.join(arguments)})")

    def parts(self, made: str, count: int) -> list[str]:
        items = [self.source.new_name() for _ in range(count)]
        self.source.line("try:", indent=2)
        self.source.line(f"{', '.join(items)}, = {made}", indent=3)
        self.source.line("except (TypeError, ValueError) as exc:", indent=2)
        self.source.line(f"raise {self.constant(_miscounted)}({made}, {count}, exc)", indent=3)
        return items


class SymbolicState(_Writer):
    """Hold, by the name of the field, the expressions that will compute the values."""

    def __init__(self, values: dict[str, str], source: Source) -> None:
        super().__init__(source)
        self.values = values
        self._names = State(values, set())  # whose words for what is missing are the same

    def demand(self, name: str) -> None:
        self._names.demand(name)

    def refuse(self, name: str) -> None:
        self._names.refuse(name)

    def value(self, name: str) -> str:
        self.demand(name)
        return self.values[name]

    def take(self, name: str) -> str:
        value = self.value(name)
        self.remove(name)
        return value

    def put(self, name: str, value: str) -> None:
        self.values[name] = value

    def put_missing(self, name: str, make: Callable[[], str]) -> None:
        if name not in self.values:
            self.put(name, make())

    def rename(self, old: str, new: str) -> None:
        self._names.rename(old, new)

    def remove(self, name: str) -> None:
        self._names.remove(name)

    def reorder(self, names: tuple[str, ...]) -> None:
        self._names.reorder(names)

    def everything(self) -> str:
        return f"{{{', '.join(f'{name!r}: {value}' for name, value in self.values.items())}}}"

    def handed_over(self) -> str:
        return self.source.compute(self.everything())


class Returned(_Writer):
    """
    Hold what a step that is a function returned: a dict, of whatever names.

    It is the one that the function was given, or a copy, for the function may return the
    same one each time.
    """

    def __init__(self, made: str, source: Source) -> None:
        super().__init__(source)
        self.made = made

    def demand(self, name: str) -> None:
        self.source.line(f"if {name!r} not in {self.made}:", indent=2)
        self.source.line(f"{self.constant(_demand)}({self.made}, {name!r})", indent=3)

    def refuse(self, name: str) -> None:
        self.source.line(f"if {name!r} in {self.made}:", indent=2)
        self.source.line(f"{self.constant(_refuse)}({self.made}, {name!r})", indent=3)

    def value(self, name: str) -> str:
        return self._read(name, f"{self.made}[{name!r}]")

    def take(self, name: str) -> str:
        return self._read(name, f"{self.made}.pop({name!r})")

    def _read(self, name: str, expression: str) -> str:
        value = self.source.new_name()
        self.source.line("try:", indent=2)
        self.source.line(f"{value} = {expression}", indent=3)
        self.source.line("except KeyError:", indent=2)
        self.source.line(f"{self.constant(_demand)}({self.made}, {name!r})", indent=3)
        return value

    def put(self, name: str, value: str) -> None:
        self.source.line(f"{self.made}[{name!r}] = {value}", indent=2)

    def put_missing(self, name: str, make: Callable[[], str]) -> None:
        self.source.line(f"if {name!r} not in {self.made}:", indent=2)
        self.source.base += 1
        self.put(name, make())
        self.source.base -= 1

    def rename(self, old: str, new: str) -> None:
        self.demand(old)
        self.refuse(new)
        self.source.line(f"{self.made}[{new!r}] = {self.made}.pop({old!r})", indent=2)

    def remove(self, name: str) -> None:
        self.source.line(f"{self.made}.pop({name!r}, None)", indent=2)

    def reorder(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.demand(name)
        first = "".join(f"{name!r}: {self.made}[{name!r}], " for name in names)
        self.source.line(f"{self.made} = {{{first}**{self.made}}}", indent=2)

    def everything(self) -> str:
        return f"{{**{self.made}}}"

    def handed_over(self) -> str:
        return self.made


def _miscounted(made: Any, count: int, exc: Exception) -> Exception:
    """Return what to raise where a value did not give *count* parts."""
    if not hasattr(made, "__len__") or len(made) == count:
        return exc  # which may be what it raised itself
    error = miscounted(made, count)
    error.__cause__ = exc
    return error


def _demand(made: dict[str, Any], name: str) -> None:
    State(made, set()).demand(name)


def _refuse(made: dict[str, Any], name: str) -> None:
    State(made, set()).refuse(name)
