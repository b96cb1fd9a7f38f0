"""Arguments that name a class of the project, and their completion in a shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from versionpickle._project.configuration import configuration
from versionpickle._project.schemas import read_schemas
from versionpickle.exceptions import ProjectError


_F = TypeVar("_F", bound=Callable[..., Any])


def class_argument(name: str, **settings: Any) -> Callable[[_F], _F]:
    """Take the name of a class, and let the shell complete it."""
    metavar = "[CLASS]..." if settings.get("nargs") == -1 else "CLASS"
    return click.argument(name, metavar=metavar, shell_complete=completed, **settings)


def completed(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Return the recorded classes that begin so: reading schemas is cheap, importing is not."""
    try:
        schemas = read_schemas(configuration(Path.cwd()).schemas)
    except (ProjectError, OSError):  # completion prints no errors
        return []
    names = {name for one in schemas.values() for name in (one.key, one.ref, *_short(one.ref))}
    return sorted(name for name in names if name.startswith(begun))


def _short(ref: str) -> tuple[str]:
    return (ref.partition(":")[2],)
