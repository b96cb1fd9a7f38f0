"""The table ``[tool.versionpickle]`` in a project's ``pyproject.toml``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import stat
import sys
import tomllib

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
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
    sample_modules: tuple[str, ...] = ()
    """Modules with functions that make samples, such as tests."""

    plain_pickle: bool = True
    """Whether plain pickle reads the data as well, and not `versionpickle.loads` alone."""

    @property
    def file(self) -> Path:
        return self.root / FILE

    @property
    def line_length(self) -> int:
        """The length of lines that the project's formatter allows."""
        tools = tomllib.loads(self.file.read_text("utf-8")).get("tool", {})
        own = self.root / "ruff.toml"
        ruff = tomllib.loads(own.read_text("utf-8")) if own.is_file() else tools.get("ruff", {})
        known = (ruff.get("line-length"), tools.get("black", {}).get("line-length"))
        return next((one for one in known if isinstance(one, int)), 88)


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
    """
    Read it as `configuration`; return None if *start* is in no project.

    What it names is imported, so a file or folder of another user is refused, for root as well,
    unless the environment variable VERSIONPICKLE_PROJECT names the folder.
    """
    named = os.environ.get("VERSIONPICKLE_PROJECT")
    for folder in (start.resolve(), *start.resolve().parents):
        file = folder / FILE
        if file.is_file():
            settings = _table(file)
            if settings is not None:
                if named is None or Path(named).resolve() != folder:
                    _check_owner(file)
                return _checked(file, settings)
    return None


def _check_owner(file: Path) -> None:
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    folder = file.parent.stat()
    owners = {file.lstat().st_uid, file.stat().st_uid, folder.st_uid}
    is_open = file.stat().st_uid != user and folder.st_mode & stat.S_IWOTH
    if is_open or not owners <= {user, 0}:
        problem = "it, or its folder, belongs to another user, and it names modules to import"
        cure = f"if you trust them, set VERSIONPICKLE_PROJECT={file.parent}"
        raise ProjectError(str(file), problem, cure)


def _table(file: Path) -> Any:
    try:
        return tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("versionpickle")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ProjectError(str(file), f"this is not valid TOML ({exc})", "fix it") from None


def _checked(file: Path, settings: Any) -> Configuration:
    known = {"modules", "plain-pickle", "sample-modules", *_FOLDERS}
    unknown = sorted(settings.keys() - known) if isinstance(settings, dict) else [repr(settings)]
    if unknown:
        problem = f"[tool.versionpickle] has unknown settings: {', '.join(unknown)}"
        raise ProjectError(str(file), problem, f"it takes {', '.join(sorted(known))}")
    modules = settings.get("modules", [])
    if not modules or not _are_names(modules):
        problem = f"modules = {modules!r} names no modules"
        raise ProjectError(str(file), problem, 'write modules = ["shop.models"]')
    of_samples = settings.get("sample-modules", [])
    if not _are_names(of_samples):
        problem = f"sample-modules = {of_samples!r} names no modules"
        raise ProjectError(str(file), problem, 'write sample-modules = ["tests.samples"]')
    folders = {name: settings.get(name, default) for name, default in _FOLDERS.items()}
    for name, folder in folders.items():
        if not isinstance(folder, str):
            problem = f"{name} = {folder!r} is no folder"
            raise ProjectError(str(file), problem, f'write {name} = "{_FOLDERS[name]}"')
    plain = settings.get("plain-pickle", True)
    if not isinstance(plain, bool):
        raise ProjectError(str(file), f"plain-pickle = {plain!r} is not a boolean", "write false")
    root = file.parent
    schemas, samples = root / folders["schemas"], root / folders["samples"]
    return Configuration(root, (*modules,), schemas, samples, (*of_samples,), plain)


_FOLDERS = {"schemas": "schemas", "samples": "schemas/samples"}


def _are_names(modules: object) -> bool:
    return isinstance(modules, list) and all(isinstance(name, str) and name for name in modules)


def source_folders(known: Configuration) -> list[Path]:
    """Return the folders that modules are imported from: the project's root and its ``src``."""
    return [folder for folder in (known.root, known.root / "src") if folder.is_dir()]


def import_modules(known: Configuration) -> None:
    """Import the modules that hold the classes, and those that hold functions for samples."""
    for folder in reversed(source_folders(known)):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    for name in (*known.modules, *known.sample_modules):
        for module in _matching(known.file, name):
            _import(known.file, module)


def _matching(file: Path, name: str) -> Iterator[str]:
    """Yield a module; or a package and all modules in it, if the name ends in ``.*``."""
    if not name.endswith(".*"):
        yield name
        return
    package = name.removesuffix(".*")
    yield package
    folders = getattr(_import(file, package), "__path__", None)
    if folders is None:
        problem = f"{package} is a module, not a package, so there is no {name}"
        raise ProjectError(str(file), problem, f'write "{package}"')
    for found in pkgutil.iter_modules(folders, f"{package}."):
        if found.name.rpartition(".")[2] != "__main__":
            yield from _matching(file, f"{found.name}.*" if found.ispkg else found.name)


def _import(file: Path, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as exc:
        problem = f"the module {module!r} cannot be imported ({type(exc).__name__}: {exc})"
        raise ProjectError(str(file), problem, "fix it, or change modules = [...]") from exc


def module_name(root: Path, given: str) -> str:
    """
    Return the name of a module that may be given as a path; a package means all modules in it.

    >>> here = Path("/nowhere")
    >>> module_name(here, "src/shop/models.py"), module_name(here, "shop.models")
    ('shop.models', 'shop.models')
    """
    name = given
    if given.endswith(".py") or "/" in given or os.sep in given:
        path = Path(os.path.relpath(root / given, root)).with_suffix("")
        name = ".".join(path.parts[path.parts[0] == "src" :]).removesuffix(".__init__")
    inner = Path(*name.split("."))
    folders = (root, root / "src")
    is_package = any((folder / inner).is_dir() for folder in folders)
    is_module = any((folder / inner).with_suffix(".py").is_file() for folder in folders)
    return f"{name}.*" if is_package and not is_module else name


def table(modules: Iterable[str]) -> str:
    """Return the table of a new configuration."""
    listed = ", ".join(f'"{module}"' for module in modules)
    return f"[tool.versionpickle]\nmodules = [{listed}]\n"
