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
@click.option(
    "--encoding",
    default="latin1",
    show_default=True,
    metavar="NAME",
    help="Decode the strings of Python 2 by this.",
)
def inspect(
    files: tuple[Path, ...], as_json: bool, modules: tuple[str, ...], encoding: str
) -> None:
    """
    Show what is in pickle FILES, without building any of it.

    Of each file: its classes with versions, counts and fields, the steps that a load
    would run, what the default load would refuse and the line that admits it, and
    what is odd. A file that is no pickle makes the exit status 1.
    """
    import_modules(modules)
    found = [_looked_at(file, encoding) for file in files]
    if as_json:
        click.echo(json.dumps([_as_dict(file, report) for file, report in found], indent=2))
    else:
        out = console()
        for file, report in found:
            _show(out, file, report)
    sys.exit(any(isinstance(report, str) for _, report in found))


def _looked_at(file: Path, encoding: str) -> tuple[Path, Report | str]:
    try:
        return file, report_of(file.read_bytes(), encoding=encoding)
    except (VersionPickleError, OSError, LookupError) as exc:
        return file, exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc)


def _as_dict(file: Path, report: Report | str) -> dict[str, Any]:
    if isinstance(report, str):
        return {"file": str(file), "error": report}
    return {"file": str(file), **attrs.asdict(report)}


def _show(out: Console, file: Path, report: Report | str) -> None:
    if isinstance(report, str):
        out.print(Text(f"{file}: {report}", style="red"))
        return
    out.print(Text(f"{file}: protocol {report.protocol}, {report.size:,} bytes", style="bold"))
    if report.classes:
        out.print(_table(report.classes))
    for found in report.classes:
        for step in found.steps:
            out.print(Text(f"  {step}"))
        if found.problem:
            out.print(Text(f"  {found.ref}: {found.problem}"))
    for name in report.names:
        out.print(Text(f"  names {name}"))
    for ref, cure in report.refused:
        out.print(Text(f"  refused {ref}: {cure}", style="yellow"))
    for note in report.notes:
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
