"""The names that a step needs in its module, and imports for those that are missing."""

from __future__ import annotations

import ast
import builtins
import importlib
import itertools
import sys

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import attrs

from .declarations import Space
from .source_text import Edit, SourceText, last_on_line


WIDTH = 88
"""Columns of the lines that are written."""


class Scope:
    r"""
    Know how a module calls things.

    >>> from pathlib import Path
    >>> import versionpickle as vp
    >>> scope = Scope(SourceText(Path("m.py"), "import versionpickle as vp\n"), {"vp": vp})
    >>> scope.name_of("versionpickle.migrations", "add"), scope.name_of("decimal", "Decimal")
    ('vp.migrations.add', 'Decimal')
    >>> [edit.text for edit in scope.edits()]
    ['from decimal import Decimal\n\n']
    """

    def __init__(self, source: SourceText, space: Space) -> None:
        self._source = source
        self._space = space
        self._new: dict[tuple[str, str], str] = {}

    def name_of(self, module: str, name: str) -> str:
        """Return the code that means what *module* calls *name*, imported if need be."""
        if (module, name) in self._new:
            return self._new[module, name]
        known = self._known(module, name)
        return known if known is not None else self._import(module, name)

    def knows(self, name: str) -> bool:
        return name in self._space or hasattr(builtins, name) or name in self._new.values()

    def _known(self, module: str, name: str) -> str | None:
        target = getattr(importlib.import_module(module), name)
        if self._space.get(name, getattr(builtins, name, None)) is target:
            return name
        for known, value in self._space.items():
            if value is target:
                return known
        for known, value in self._space.items():
            if isinstance(value, ModuleType) and vars(value).get(name) is target:
                return f"{known}.{name}"
            way = _way(value, module)
            if way is not None:
                return ".".join([known, *way, name])
        return None

    def _import(self, module: str, name: str) -> str:
        alias = name
        while self.knows(alias):
            alias += "_"
        self._new[module, name] = alias
        return alias

    def edits(self) -> Iterator[Edit]:
        """Yield the edits that import what was asked for."""
        new = []
        for module in sorted({module for module, _ in self._new}):
            names = sorted(
                name if name == alias else f"{name} as {alias}"
                for (where, name), alias in self._new.items()
                if where == module
            )
            extended = _extended(self._source, module, names)
            yield from extended
            if not extended:
                line = f"from {module} import {', '.join(names)}"
                new.append(NewImport(_place(self._source, module, is_from=True), line))
        yield from placed(self._source, sorted(new))


def _way(value: Any, module: str) -> list[str] | None:
    """Return the names that lead from a package to one of its modules."""
    if not isinstance(value, ModuleType):
        return None
    package = f"{value.__name__}."
    return module.removeprefix(package).split(".") if module.startswith(package) else None


def _extended(source: SourceText, module: str, names: list[str]) -> list[Edit]:
    """Return the edits that add *names* to an existing import."""
    for statement in source.tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == module:
            if statement.level or statement.names[0].name == "*":
                continue
            edits = [_inserted(source, statement, name) for name in names]
            added = sum(len(edit.text) for edit in edits)
            fits = statement.end_col_offset + added <= WIDTH  # type: ignore[operator] # parsed code has it
            if fits or statement.lineno != statement.end_lineno:
                return edits
    return []


def _inserted(source: SourceText, statement: ast.ImportFrom, name: str) -> Edit:
    """Return the edit that inserts *name* in alphabetical order."""
    before = [alias for alias in statement.names if alias.name < name]
    alias = before[-1] if before else statement.names[0]
    indent = source.before_on_line(alias)
    separator = ", " if indent.strip() else f",\n{indent}"
    if before:
        at, code = source.end(alias), f"{separator}{name}"
    else:
        at, code = source.start(alias), f"{name}{separator}"
    return Edit(at, at, code)


Order: TypeAlias = tuple[int, bool, str]
"""The section of an import, whether it begins with *from*, and the module."""


@attrs.frozen(order=True)
class NewImport:
    """A line that imports from a module, and its place in the order of imports."""

    order: Order
    line: str


def _place(source: SourceText, module: str, *, is_from: bool) -> Order:
    """Return the place of an import, as isort and ruff sort them."""
    top = module.partition(".")[0]
    if module.startswith("."):
        section = 3
    elif top in sys.stdlib_module_names:
        section = 0
    else:
        file = getattr(sys.modules.get(top), "__file__", None)
        is_own = file is not None and source.file.is_relative_to(Path(file).parent)
        section = 2 if is_own else 1
    return section, is_from, module.lower()


def placed(source: SourceText, new: list[NewImport]) -> Iterator[Edit]:
    """Yield the edits that insert new imports in order, or after the last if there is none."""
    if not new:
        return
    there = [(order, one) for one in _before_classes(source) for order in _orders(source, one)]
    if not there:
        yield _first_imports(source, _in_sections(new))
        return
    orders = [order for order, _ in there]
    is_sorted = orders == sorted(orders)
    for place, group in itertools.groupby(new, lambda one: _index(orders, one, is_sorted)):
        yield _between(source, there, place, [*group])


def _orders(source: SourceText, statement: ast.stmt) -> Iterator[Order]:
    if isinstance(statement, ast.ImportFrom):
        name = "." * statement.level + (statement.module or "")
        if name != "__future__":
            yield _place(source, name, is_from=True)
    elif isinstance(statement, ast.Import):
        yield _place(source, statement.names[0].name, is_from=False)


def _index(orders: list[Order], new: NewImport, is_sorted: bool) -> int:
    """Return how many of the imports stay before a new one."""
    return sum(order <= new.order for order in orders) if is_sorted else len(orders)


def _between(
    source: SourceText, there: list[tuple[Order, ast.stmt]], place: int, new: list[NewImport]
) -> Edit:
    """Put new imports next to one of their section, if there is one."""
    code = _in_sections(new)
    following = there[place : place + 1]
    if following and (place == 0 or following[0][0][0] == new[-1].order[0]):
        order, statement = following[0]
        gap = "\n" if order[0] == new[-1].order[0] else "\n\n"
        return Edit(source.start(statement), source.start(statement), f"{code}{gap}")
    order, statement = there[place - 1]
    at = source.end_of_line(last_on_line(source.tree, statement))
    gap = "\n" if order[0] == new[0].order[0] else "\n\n"
    return Edit(at, at, f"{gap}{code}")


def _in_sections(new: list[NewImport]) -> str:
    groups = itertools.groupby(new, lambda one: one.order[0])
    return "\n\n".join("\n".join(one.line for one in group) for _, group in groups)


def _first_imports(source: SourceText, code: str) -> Edit:
    if not source.tree.body:
        end = len(source.text)
        return Edit(end, end, f"{code}\n")
    head = [*itertools.takewhile(_is_head, source.tree.body)]
    if head:
        at = source.end_of_line(last_on_line(source.tree, head[-1]))
        return Edit(at, at, f"\n\n{code}")
    start = source.start(source.tree.body[0])
    return Edit(start, start, f"{code}\n\n")


def _is_head(statement: ast.stmt) -> bool:
    """Whether a statement must be before all imports: a docstring, or one of __future__."""
    is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    return is_future or _is_docstring(statement)


def _before_classes(source: SourceText) -> Iterator[ast.stmt]:
    for statement in source.tree.body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return
        yield statement


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
