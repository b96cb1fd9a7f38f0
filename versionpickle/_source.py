"""Write a function as source, with constants by name, and compile it."""

from __future__ import annotations

import linecache

from collections.abc import Callable
from typing import Any


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
        self._names: dict[str, Any] = {}
        self._made = 0
        self.doing = 0
        """The number of the step whose expressions are being computed."""

    def line(self, text: str, *, indent: int = 1) -> None:
        self._lines.append("    " * indent + text)

    def constant(self, value: object) -> str:
        """Return a name that means *value*."""
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def compute(self, expression: str) -> str:
        """Compute *expression* here, and return the name of the result."""
        name = f"r{self._made}"
        self._made += 1
        self.line(f"doing = {self.doing}", indent=2)
        self.line(f"{name} = {expression}", indent=2)
        return name

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"

    def compile(self, label: str) -> Callable[..., Any]:
        text = str(self)
        filename = f"<versionpickle {label}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        names = dict(self._names)
        exec(compile(text, filename, "exec"), names)  # noqa: S102 - names come from our own fields, checked to be identifiers
        function: Callable[..., Any] = names[text[4 : text.index("(")]]
        return function
