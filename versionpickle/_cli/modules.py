"""Import modules before a command runs, so that their classes are known."""

from __future__ import annotations

import importlib
import sys
import sysconfig

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from versionpickle._project.configuration import found_configuration

from .output import project


_F = TypeVar("_F", bound=Callable[..., Any])

import_option: Callable[[_F], _F] = click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="Import this module first, in addition to those of the project.",
)
allow_option: Callable[[_F], _F] = click.option(
    "--allow",
    multiple=True,
    metavar="REF",
    help="Allow pickles to name this class or function, or all of a set such as numpy.",
)
accept_option: Callable[[_F], _F] = click.option(
    "--accept-differences",
    is_flag=True,
    help="Also write what would load as something else than before.",
)


def import_modules(modules: Iterable[str]) -> None:
    """Import what was named, from the current folder as well; without a name, nothing of it."""
    modules = tuple(modules)
    if modules:
        sys.path.insert(_after_the_standard_library(), "")
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as exc:
            raise click.BadParameter(f"{module} cannot be imported: {exc}") from exc


def _after_the_standard_library() -> int:
    """Return the place on the path where a file of the current folder hides no module of it."""
    own = {f"{sysconfig.get_path('stdlib')}{part}" for part in ("", "/lib-dynload")}
    return max((place for place, path in enumerate(sys.path, 1) if path in own), default=0)


def import_all(modules: Iterable[str]) -> Path | None:
    """Import the project's modules and the given ones; return where samples are."""
    known = found_configuration(Path.cwd())
    if known is not None:
        project()
    import_modules(modules)
    return None if known is None else known.samples
