"""Names that a module has for what a step needs, and the imports of those that it lacks."""

from __future__ import annotations

import ast
import builtins
import importlib

from collections.abc import Iterator
from types import ModuleType
from typing import Any

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
    ['\nfrom decimal import Decimal']
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
        lines = []
        for module in sorted({module for module, _ in self._new}):
            names = sorted(
                name if name == alias else f"{name} as {alias}"
                for (where, name), alias in self._new.items()
                if where == module
            )
            extended = _extended(self._source, module, names)
            yield from extended
            if not extended:
                lines.append(f"from {module} import {', '.join(names)}")
        if lines:
            yield _after_imports(self._source, lines)


def _way(value: Any, module: str) -> list[str] | None:
    """Return the names that lead from a package to one of its modules."""
    if not isinstance(value, ModuleType):
        return None
    package = f"{value.__name__}."
    return module.removeprefix(package).split(".") if module.startswith(package) else None


def _extended(source: SourceText, module: str, names: list[str]) -> list[Edit]:
    """Return the edits that add *names* to an import that is there."""
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
    """Return the edit that puts *name* where it belongs in the order of the alphabet."""
    before = [alias for alias in statement.names if alias.name < name]
    alias = before[-1] if before else statement.names[0]
    indent = source.before_on_line(alias)
    separator = ", " if indent.strip() else f",\n{indent}"
    if before:
        at, code = source.end(alias), f"{separator}{name}"
    else:
        at, code = source.start(alias), f"{name}{separator}"
    return Edit(at, at, code)


def _after_imports(source: SourceText, lines: list[str]) -> Edit:
    code = "\n".join(lines)
    if not source.tree.body:
        end = len(source.text)
        return Edit(end, end, f"{code}\n")
    first = source.tree.body[0]
    imports = [
        one for one in _before_classes(source) if isinstance(one, ast.Import | ast.ImportFrom)
    ]
    if imports:
        at = source.end_of_line(last_on_line(source.tree, imports[-1]))
        return Edit(at, at, f"\n{code}")
    if _is_docstring(first):
        at = source.end_of_line(last_on_line(source.tree, first))
        return Edit(at, at, f"\n\n{code}")
    return Edit(source.start(first), source.start(first), f"{code}\n\n")


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
