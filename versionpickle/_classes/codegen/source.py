"""Write a function as source, with constants by name, and compile it."""

from __future__ import annotations

import linecache
import textwrap

from collections.abc import Callable, Iterable
from typing import Any

from versionpickle._wire.refs import shortened


class Source:
    """
    Gather the lines of one function and the constants that they name.

    The source stays readable in tracebacks and debuggers.

    >>> source = Source("answer()")
    >>> source.line(f"return {source.constant(42)}")
    >>> source.compile("example")()
    42
    """

    def __init__(self, signature: str) -> None:
        self._lines = [f"def {signature}:"]
        self._doing: list[object] = [None]
        """What each line is about."""

        self._names: dict[str, Any] = {}
        self._made = 0
        self.doing: object = None
        """What the lines that come are about."""

        self.base = 0
        """How far they are indented."""

    def line(self, text: str, *, indent: int = 1, doing: object = None) -> None:
        self._lines.append("    " * (self.base + indent) + text)
        self._doing.append(doing or self.doing)

    def lines(self, lines: Iterable[tuple[str, object]], *, indent: int = 1) -> None:
        """Add lines, each with what it is about."""
        for text, doing in lines:
            self.line(text, indent=indent, doing=doing)

    def block(self, text: str, *, indent: int = 1) -> None:
        """Add several lines, indented as they are among themselves."""
        for line in textwrap.dedent(text).strip("\n").splitlines():
            self.line(line, indent=indent)

    def done_by(self, exc: Exception) -> object:
        """Return what the line is about that raised *exc*; for its ``except``."""
        assert exc.__traceback__ is not None
        return self._doing[exc.__traceback__.tb_lineno - 1]

    def constant(self, value: object) -> str:
        """Return a name that means *value*."""
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def constants(self, *values: object) -> list[str]:
        """Return names that mean these values."""
        return [self.constant(value) for value in values]

    def new_name(self) -> str:
        self._made += 1
        return f"r{self._made - 1}"

    def compute(self, expression: str) -> str:
        """Compute *expression* here, and return the name of the result."""
        name = self.new_name()
        self.line(f"{name} = {expression}", indent=2)
        return name

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"

    def explained(self) -> str:
        """Return the source, and what the names of constants mean."""
        meanings = (f"# {name} is {_shown(value)}" for name, value in self._names.items())
        return "\n".join([str(self), *meanings]) + "\n"

    def compile(self, label: str) -> Callable[..., Any]:
        text = str(self)
        filename = f"<versionpickle {label}>"
        if len(text) <= _SHOWN_MAX:  # a traceback shows its lines, as long as the program runs
            linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        names = dict(self._names)
        exec(compile(text, filename, "exec"), names)  # noqa: S102 - names come from our own fields, checked to be identifiers
        function: Callable[..., Any] = names[text[4 : text.index("(")]]
        return function


_SHOWN_MAX = 2**18


def _shown(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else shortened(value)
