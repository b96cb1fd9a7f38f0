"""Stores, as commands name them."""

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

from versionpickle._classes.adopt import named
from versionpickle.exceptions import NotAStoreError
from versionpickle.stores._existing import ExistingStore
from versionpickle.stores._external.address import is_address
from versionpickle.stores._opening import open, open_existing  # noqa: A004 - as versionpickle.open

from .modules import import_all
from .output import shown


_F = TypeVar("_F", bound=Callable[..., Any])


def store_argument(name: str = "store") -> Callable[[_F], _F]:
    return click.argument(name, metavar=name.upper())


@attrs.frozen
class Opening:
    """How a command opens stores."""

    modules: Iterable[str] = ()
    allow: Iterable[str] = ()

    def existing(self, place: str) -> ExistingStore:
        """Open what is there."""
        import_all(self.modules)
        if not is_address(place) and not Path(place).exists():
            raise NotAStoreError(place, "there is no such file", "look at its name")
        return self.any(place)

    def any(self, place: str) -> ExistingStore:
        """Open what is there, or make a store."""
        allow = tuple(ref for ref, _ in named(self.allow))
        return (open_existing if is_address(place) else open)(place, allow=allow)


def table_of(headings: tuple[str, ...], rows: Iterable[Iterable[object]]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in headings:
        is_number = heading in {"records", "version", "today's"}
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else shown(str(cell)) for cell in row))
    return table


@contextlib.contextmanager
def bar(doing: str, total: int | None = None) -> Iterator[Callable[[int, object], None]]:
    """Show how far it is, with the rate and the time left, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda done, told: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total, told="", rate="")

        def show(done: int, told: object) -> None:
            speed = progress.tasks[0].speed
            rate = f"{speed:,.0f}/s" if speed else ""
            progress.update(task, completed=done, told=shown(str(told)), rate=rate)

        yield show
