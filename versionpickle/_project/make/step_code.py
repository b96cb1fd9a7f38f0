"""Generate the code of a step, and find its place in a module."""

from __future__ import annotations

import ast
import re

from collections.abc import Iterable

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle.migrations import migration

from .declarations import Space, meaning, means_class
from .imports import WIDTH
from .source_text import Edit, SourceText, last_on_line


@attrs.frozen
class StepCode:
    """
    The code of a step: a call with operations, or a function to fill in.

    >>> print(StepCode("migration", "Order", 2, ('rename("a", "b")',)))
    migration(Order, 2, rename("a", "b"))
    >>> print(StepCode("migration", "CardOrder", 2))
    @migration(CardOrder, 2)
    def card_order_2_to_3(state: dict[str, Any]) -> dict[str, Any]:
        return state
    """

    migration: str
    target: str
    version: int
    operations: tuple[str, ...] = ()
    indent: str = "    "
    width: int = WIDTH
    any_type: str = "Any"

    def __str__(self) -> str:
        if self.operations:
            return self._call()
        state = f"dict[str, {self.any_type}]"
        return (
            f"@{self.migration}({self.target}, {self.version})\n"
            f"def {self._name}(state: {state}) -> {state}:\n"
            f"{self.indent}return state"
        )

    def _call(self) -> str:
        arguments = [self.target, str(self.version), *self.operations]
        line = f"{self.migration}({', '.join(arguments)})"
        if len(line) <= self.width:
            return line
        lines = (f"{self.indent}{argument}," for argument in arguments)
        return "\n".join([f"{self.migration}(", *lines, ")"])

    @property
    def _name(self) -> str:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"\W+", "_", self.target)).lower()
        return f"{words.strip('_')}_{self.version}_to_{self.version + 1}"


def double_quoted(code: str) -> str:
    r"""
    Return code with double quotes around its strings, if these contain none.

    >>> double_quoted("add('unit', 'a\"b')")
    'add("unit", \'a"b\')'
    """
    return re.sub(r"""'([^'"\\]*)'|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", _requoted, code)


def _requoted(found: re.Match[str]) -> str:
    return found.group() if found.group(1) is None else f'"{found.group(1)}"'


def placed_behind(
    source: SourceText,
    space: Space,
    instrumentation: Instrumentation,
    statement: ast.stmt,
    codes: list[StepCode],
) -> Edit:
    """Return the edit that puts steps after a statement and the steps that follow it."""
    steps = steps_behind(source, space, instrumentation, statement)
    last = last_on_line(source.tree, steps[-1] if steps else statement)
    return _put(source, last, codes, after_call=bool(steps) and _is_call(last))


def placed_at_the_end(source: SourceText, codes: list[StepCode]) -> Edit:
    """Return the edit that puts steps at the end of a module of steps."""
    body = source.tree.body
    if not body:
        code = _joined(codes, after_call=False)
        return Edit(len(source.text), len(source.text), f"{code[1:]}\n")
    return _put(source, body[-1], codes, after_call=_is_call(body[-1]))


def _put(source: SourceText, last: ast.stmt, codes: list[StepCode], *, after_call: bool) -> Edit:
    at = source.end_of_line(last)
    rest = source.text[at:].replace("\r\n", "\n").replace("\r", "\n")
    is_close = after_call and bool(codes[-1].operations)
    is_crowded = not is_close and rest.strip() and not rest.startswith("\n\n")
    after = "\n\n" if is_crowded else "" if rest else "\n"
    return Edit(at, at, f"{_joined(codes, after_call=after_call)}{after}")


def _joined(codes: list[StepCode], *, after_call: bool) -> str:
    """Return steps, each on lines of its own; functions keep a distance."""
    parts = []
    for code in codes:
        is_close = after_call and bool(code.operations)
        parts.append(f"{'' if is_close else chr(10) * 2}\n{code}")
        after_call = bool(code.operations)
    return "".join(parts)


def _is_call(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)


def steps_behind(
    source: SourceText, space: Space, instrumentation: Instrumentation, statement: ast.stmt
) -> list[ast.stmt]:
    """Return the steps of a class after a statement, and their inverses."""
    found: list[ast.stmt] = []
    names: set[str] = set()
    for one in source.tree.body:
        if one.lineno < statement.lineno:
            continue
        called: Iterable[ast.expr] = [one.value] if isinstance(one, ast.Expr) else ()
        if isinstance(one, ast.FunctionDef):
            called = one.decorator_list
        if any(_is_step(call, space, instrumentation) or _is_down(call, names) for call in called):
            found.append(one)
            names.add(getattr(one, "name", ""))
    return found


def target_in(source: SourceText, space: Space, instrumentation: Instrumentation) -> str | None:
    """Return the code for the class in existing steps; None if there are none."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and _is_step(node, space, instrumentation) and node.args:
            return source.of(node.args[0])
    return None


def _is_step(call: ast.expr, space: Space, instrumentation: Instrumentation) -> bool:
    while isinstance(call, ast.Call):
        if meaning(call.func, space) is migration:
            return bool(call.args) and means_class(call.args[0], space, instrumentation)
        call = call.func
    return False


def _is_down(call: ast.expr, names: set[str]) -> bool:
    return (
        isinstance(call, ast.Attribute)
        and call.attr == "down"
        and isinstance(call.value, ast.Name)
        and call.value.id in names
    )
