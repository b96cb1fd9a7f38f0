"""Find versioned classes in modules that nothing imports and so nothing checks."""

from __future__ import annotations

import ast
import sys

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from .configuration import source_folders
from .find import packages_of
from .project import Project


Place: TypeAlias = tuple[str, str, str, int]
"""Module, qualname, file and line of a class."""


def unlisted(project: Project) -> Iterator[Place]:
    """Yield the classes in sources of the project whose modules are not imported."""
    names = {instrumentation.cls.__name__ for instrumentation in project.classes.values()}
    for folder in source_folders(project.known):
        for file in _sources(folder, packages_of(project)):
            module = _module(folder, file)
            if module not in sys.modules and not _is_imported(file):
                shown = str(file.relative_to(project.known.root))
                for name, line in _versioned_in(file, names):
                    yield module, name, shown, line


def _sources(folder: Path, packages: set[str]) -> Iterator[Path]:
    """Yield the modules in a folder, and those in its packages, apart from tests."""
    for entry in sorted(folder.iterdir()):
        if entry.suffix == ".py" and not _is_apart(entry.stem):
            yield entry
        elif _is_package(entry, packages):
            yield from _sources(entry, {child.name for child in entry.iterdir()})


def _is_package(entry: Path, packages: set[str]) -> bool:
    is_own = entry.name in packages or (entry / "__init__.py").exists()
    return is_own and entry.is_dir() and entry.name.isidentifier() and not _is_apart(entry.name)


_APART = {"tests", "test", "docs", "examples", "benchmarks", "scripts", "build", "dist"}


def _is_apart(name: str) -> bool:
    is_tool = name in {"setup", "conftest", "noxfile", "__main__"}
    return is_tool or name in _APART or name.startswith(("test_", "_build"))


def _module(folder: Path, file: Path) -> str:
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_imported(file: Path) -> bool:
    """Whether a module was imported from this file, under whatever name."""
    return str(file) in {getattr(module, "__file__", None) for module in [*sys.modules.values()]}


def _versioned_in(file: Path, names: set[str]) -> Iterator[tuple[str, int]]:
    """Yield the names and lines of the versioned classes in a source, without running it."""
    data = file.read_bytes()
    if b"class " not in data or not (b"versionpickle" in data or _any_in(names, data)):
        return
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return  # it could not be imported either
    words = {"versioned", "Versioned", *names}
    known = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in words
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            _last_name(one) in {"versioned", "Versioned", *known}
            for one in (*node.decorator_list, *node.bases)
        ):
            yield node.name, node.lineno


def _any_in(names: set[str], data: bytes) -> bool:
    return any(name.encode() in data for name in names)


def _last_name(node: ast.expr) -> str:
    """Return the last name of ``versioned``, ``vp.versioned`` or ``versioned(version=2)``."""
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
