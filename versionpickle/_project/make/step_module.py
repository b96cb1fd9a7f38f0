"""Find or create the module that holds the steps of a class."""

from __future__ import annotations

import importlib

from collections.abc import Iterator
from pathlib import Path

from versionpickle._classes.instrument import Instrumentation
from versionpickle.exceptions import ProjectError

from .declarations import Place, Space, module_source
from .source_text import SourceText


def step_module(
    root: Path, instrumentation: Instrumentation, place: Place
) -> tuple[SourceText, Space, list[Path]]:
    """
    Return the source of the module, what its names mean, and files of packages that it lacks.

    That is the module of the class, or the one that ``migrations=`` names.
    """
    name = instrumentation.declaration.steps_module
    if name is None or name == place.space["__name__"]:
        return place.source, place.space, []
    if _is_there(name, instrumentation.declaration.ref):
        source, space = module_source(name, root, instrumentation.declaration.ref)
        return source, space, []
    return _new_module(root, name, place)


def _is_there(name: str, ref: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            return False
        raise _broken(name, ref, exc) from exc
    except Exception as exc:
        raise _broken(name, ref, exc) from exc
    return True


def _broken(name: str, ref: str, exc: Exception) -> ProjectError:
    problem = f"its migrations={name!r} cannot be imported ({type(exc).__name__}: {exc})"
    return ProjectError(ref, problem, "fix that module first")


def _new_module(root: Path, name: str, place: Place) -> tuple[SourceText, Space, list[Path]]:
    folder, parts = _above(root, name, place)
    file = folder.joinpath(*parts).with_suffix(".py")
    text = '"""Steps that lead old data to today\'s classes."""\n'
    return SourceText(file, text), {}, [*_packages(folder, parts[:-1])]


def _above(root: Path, name: str, place: Place) -> tuple[Path, list[str]]:
    """Return the folder of the innermost existing package, and the rest of *name*."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            package = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        if hasattr(package, "__path__"):
            return Path(package.__path__[0]), parts[count:]
    sources = root / "src"
    return sources if place.source.file.is_relative_to(sources) else root, parts


def _packages(folder: Path, parts: list[str]) -> Iterator[Path]:
    for part in parts:
        folder /= part
        yield folder / "__init__.py"
