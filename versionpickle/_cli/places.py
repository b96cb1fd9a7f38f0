"""Arguments that name a store, and the options that commands on stores share."""

from __future__ import annotations

import contextlib
import sys

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from versionpickle._classes.names import named
from versionpickle._pickles.untrusted.limits import Limits
from versionpickle.exceptions import NotAStoreError
from versionpickle.stores._existing import ExistingStore
from versionpickle.stores._external.address import is_address
from versionpickle.stores._opening import open, open_existing  # noqa: A004 - as versionpickle.open

from .modules import import_all, import_modules
from .output import Text, console_with, shown


_F = TypeVar("_F", bound=Callable[..., Any])

project_option: Callable[[_F], _F] = click.option(
    "--project", is_flag=True, help="Import the modules of the project in this folder first."
)
encoding_option: Callable[[_F], _F] = click.option(
    "--encoding",
    default="ASCII",
    metavar="NAME",
    help="Decode the strings of Python 2 by this: latin1, utf-8, or bytes to keep them.",
)
limits_option: Callable[[_F], _F] = click.option(
    "--limits", is_flag=True, help="Load within limits, as is right for bytes from others."
)


def store_argument(name: str = "store") -> Callable[[_F], _F]:
    return click.argument(name, metavar=name.upper())


def limits_of(*, is_limited: bool) -> Limits | None:
    return Limits() if is_limited else None


@attrs.frozen
class Opening:
    """How a command opens stores."""

    modules: Iterable[str] = ()
    allow: Iterable[str] = ()
    project: bool = False
    """Whether the modules of the project are imported: they may run anything."""

    encoding: str = "ASCII"
    is_limited: bool = False

    def existing(self, place: str, *, read_only: bool = False) -> ExistingStore:
        """Open what is there."""
        (import_all if self.project else import_modules)(self.modules)
        if not is_address(place) and not Path(place).exists():
            raise NotAStoreError(place, "there is no such file", "check the path")
        return self.any(place, read_only=read_only)

    def any(self, place: str, *, read_only: bool = False) -> ExistingStore:
        """Open what is there, or make a store."""
        allow = tuple(ref for ref, _ in named(self.allow))
        limits = limits_of(is_limited=self.is_limited)
        if is_address(place):
            return open_existing(place, allow=allow, encoding=self.encoding, limits=limits)
        return open(place, allow=allow, limits=limits, read_only=read_only)


def table_of(headings: tuple[str, ...], rows: Iterable[Iterable[object]]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in headings:
        is_number = heading in {"records", "version", "today's"}
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table


@contextlib.contextmanager
def bar(
    doing: str, total: int | None = None, out: Console | None = None
) -> Iterator[Callable[[int, object], None]]:
    """Show the progress with its rate and the time left, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, state: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(
        *columns, console=out or console_with(stderr=True), transient=True, redirect_stdout=False
    ) as progress:
        task = progress.add_task(doing, total=total, state="", rate="")

        def show(done: int, state: object) -> None:
            speed = progress.tasks[0].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            progress.update(task, completed=done, state=shown(str(state)), rate=rate)

        yield show
