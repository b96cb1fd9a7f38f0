"""The command that looks for what is known to bite."""

from __future__ import annotations

import json
import sys

from pathlib import Path

import attrs
import click

from versionpickle._project.doctor import Row, examined

from .output import Text, console, format_option, tells_errors


@click.command(epilog="Example: versionpickle doctor")
@format_option("json")
@tells_errors
def doctor(form: str) -> None:
    """
    Look for what is known to bite: in the interpreter, its packages, and the project.

    Writes nothing, and imports the project's modules. The exit status is 1 where
    there is a problem, and 0 with notes alone.
    """
    rows = examined(Path.cwd())
    if form == "json":
        click.echo(json.dumps([attrs.asdict(row) for row in rows], indent=2))
    else:
        _show(rows)
    sys.exit(any(row.level == "problem" for row in rows))


def _show(rows: list[Row]) -> None:
    out = console()
    for row in rows:
        out.print(Text(f"{row.level:8}", _STYLES[row.level]) + Text(row.told))
        if row.cure:
            out.print(Text(f"{'':8}{row.cure}", "dim"))


_STYLES = {"ok": "green", "note": "yellow", "problem": "red"}
