"""The table ``[tool.versionpickle]`` in a project's ``pyproject.toml``."""

from __future__ import annotations

import importlib
import sys
import tomllib

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from versionpickle.exceptions import ProjectError


FILE = "pyproject.toml"


@attrs.frozen
class Configuration:
    """Where the classes, schemas and samples of a project are."""

    root: Path
    modules: tuple[str, ...]
    schemas: Path
    samples: Path

    @property
    def file(self) -> Path:
        return self.root / FILE


def configuration(start: Path) -> Configuration:
    """Read the configuration of the project that *start* is in."""
    known = found_configuration(start)
    if known is None:
        raise ProjectError(
            str(start / FILE),
            "no [tool.versionpickle] here or in a folder above",
            "run 'versionpickle init' in the root of the project",
        )
    return known


def found_configuration(start: Path) -> Configuration | None:
    """Read it as `configuration`; return None where *start* is in no project."""
    for folder in (start.resolve(), *start.resolve().parents):
        file = folder / FILE
        if file.is_file():
            settings = _table(file)
            if settings is not None:
                return _checked(file, settings)
    return None


def _table(file: Path) -> Any:
    try:
        return tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("versionpickle")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ProjectError(str(file), f"this is not valid TOML ({exc})", "fix it") from None


def _checked(file: Path, settings: Any) -> Configuration:
    known = {"modules", "schemas", "samples"}
    unknown = sorted(settings.keys() - known) if isinstance(settings, dict) else [repr(settings)]
    if unknown:
        problem = f"[tool.versionpickle] has unknown settings: {', '.join(unknown)}"
        raise ProjectError(str(file), problem, f"it takes {', '.join(sorted(known))}")
    modules = settings.get("modules", [])
    if not modules or not _are_names(modules):
        raise ProjectError(
            str(file), f"modules = {modules!r} names no modules", 'write modules = ["shop.models"]'
        )
    folders = {name: settings.get(name, default) for name, default in _FOLDERS.items()}
    for name, folder in folders.items():
        if not isinstance(folder, str):
            problem = f"{name} = {folder!r} is no folder"
            raise ProjectError(str(file), problem, f'write {name} = "{_FOLDERS[name]}"')
    root = file.parent
    return Configuration(root, (*modules,), root / folders["schemas"], root / folders["samples"])


_FOLDERS = {"schemas": "schemas", "samples": "schemas/samples"}


def _are_names(modules: object) -> bool:
    return isinstance(modules, list) and all(isinstance(name, str) and name for name in modules)


def import_modules(known: Configuration) -> None:
    """Import the modules that hold the classes, from the project's root or its ``src``."""
    for folder in (known.root / "src", known.root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    for module in known.modules:
        _import(known.file, module)


def _import(file: Path, module: str) -> None:
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as exc:
        problem = f"the module {module!r} cannot be imported ({type(exc).__name__}: {exc})"
        raise ProjectError(str(file), problem, "fix it, or change modules = [...]") from exc


def table(modules: Iterable[str]) -> str:
    """Return the table of a new configuration."""
    listed = ", ".join(f'"{module}"' for module in modules)
    return f"[tool.versionpickle]\nmodules = [{listed}]\n"
