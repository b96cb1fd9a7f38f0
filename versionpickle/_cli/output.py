"""Print for people in colour, and for programs in plain lines."""

from __future__ import annotations

import functools
import re
import sys

from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from rich.console import Console
from rich.text import Text as RichText

from versionpickle._project.project import Project, load_project
from versionpickle.exceptions import VersionPickleError


_P = ParamSpec("_P")
_R = TypeVar("_R")
_F = TypeVar("_F", bound=Callable[..., Any])

_WIDE = 1_000
"""The width for programs, which need each line unbroken."""


def console() -> Console:
    return console_with(width=None if sys.stdout.isatty() else _WIDE)


def console_with(**options: Any) -> Console:
    """Return a console that shows names and keys as they are: none of them is markup."""
    return Console(markup=False, emoji=False, highlight=False, **options)


def Text(line: str, style: str = "") -> RichText:  # noqa: N802 - as rich's, but of what can be shown
    """Return a line to print, without control characters."""
    return RichText(shown(line), style=style)


def shown(line: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def for_markdown(text: str) -> str:
    r"""
    Escape what has a meaning in Markdown and HTML.

    >>> print(for_markdown("dict[str, int] | None <b>"))
    dict\[str, int\] \| None \<b\>
    """
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", shown(text))


def code_for_markdown(text: str) -> str:
    """Return text as code of Markdown, also in a table."""
    return f"`{shown(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def counted(things: Sized, one: str, many: str) -> str:
    """
    Return how many there are, in words.

    >>> counted([5], "class", "classes"), counted([], "class", "classes")
    ('1 class', 'no classes')
    """
    return f"{len(things) or 'no'} {one if len(things) == 1 else many}"


def format_option(
    *others: str, help: str = "Output for people, or for programs."
) -> Callable[[_F], _F]:
    """Add the option that chooses between text and *others*."""
    forms = click.Choice(["text", *others])
    return click.option("--format", "form", type=forms, default="text", help=help)


def reports_errors(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let *command* end with one sentence and exit status 2 if it cannot run."""

    @functools.wraps(command)
    def reporting(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except VersionPickleError as exc:
            raise _Failed(str(exc)) from exc
        except OSError as exc:
            named = f"{exc.filename}: " if exc.filename else ""
            raise _Failed(f"{named}{exc.strerror or exc}") from exc

    return reporting


class _Failed(click.ClickException):
    exit_code = 2


def project() -> Project:
    """Return the project that the current folder is in."""
    return load_project(Path.cwd())
