"""The command `inspect`: show the contents of pickle files."""

from __future__ import annotations

import json
import sys

from pathlib import Path
from typing import Any

import attrs
import click

from rich.console import Console
from rich.table import Table

from versionpickle._pickles.inspect.report import Report
from versionpickle._pickles.inspect.report import inspect as report_of
from versionpickle._pickles.inspect.upgrade_paths import FoundClass
from versionpickle.exceptions import VersionPickleError

from .modules import import_modules
from .output import Text, console


@click.command(
    epilog="Example: versionpickle inspect --import shop.models orders/*.pickle",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list for all files.")
@click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="Import this module of yours first, so that its classes are known.",
)
def inspect(files: tuple[Path, ...], as_json: bool, modules: tuple[str, ...]) -> None:
    """
    Show what is in pickle FILES, without building any of it.

    Of each file: its classes with versions, counts and fields, the steps that a load
    would run, what the default load would refuse and the line that admits it, and
    what is odd. A file that is no pickle makes the exit status 1.
    """
    import_modules(modules)
    found = [_looked_at(file) for file in files]
    if as_json:
        click.echo(json.dumps([_as_dict(file, told) for file, told in found], indent=2))
    else:
        out = console()
        for file, told in found:
            _show(out, file, told)
    sys.exit(any(isinstance(told, str) for _, told in found))


def _looked_at(file: Path) -> tuple[Path, Report | str]:
    try:
        return file, report_of(file.read_bytes())
    except (VersionPickleError, OSError) as exc:
        return file, exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc)


def _as_dict(file: Path, told: Report | str) -> dict[str, Any]:
    if isinstance(told, str):
        return {"file": str(file), "error": told}
    return {"file": str(file), **attrs.asdict(told)}


def _show(out: Console, file: Path, told: Report | str) -> None:
    if isinstance(told, str):
        out.print(Text(f"{file}: {told}", style="red"))
        return
    out.print(Text(f"{file}: protocol {told.protocol}, {told.size:,} bytes", style="bold"))
    if told.classes:
        out.print(_table(told.classes))
    for found in told.classes:
        for step in found.steps:
            out.print(Text(f"  {step}"))
        if found.problem:
            out.print(Text(f"  {found.ref}: {found.problem}"))
    for name in told.names:
        out.print(Text(f"  names {name}"))
    for ref, cure in told.refused:
        out.print(Text(f"  refused {ref}: {cure}", style="yellow"))
    for note in told.notes:
        out.print(Text(f"  note: {note}", style="yellow"))


def _table(classes: tuple[FoundClass, ...]) -> Table:
    table = Table(box=None, pad_edge=True, show_edge=False)
    for heading in ("class", "version", "today's", "objects", "fields"):
        table.add_column(
            heading, justify="right" if heading in _NUMBERS else "left", overflow="fold"
        )
    for found in classes:
        table.add_row(
            Text(found.ref),
            "unstamped" if found.version is None else str(found.version),
            "?" if found.current is None else str(found.current),
            f"{found.count:,}",
            Text(", ".join(found.fields)),
        )
    return table


_NUMBERS = {"version", "today's", "objects"}
