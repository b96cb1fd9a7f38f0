"""The command `doctor`: look for known problems."""

from __future__ import annotations

import json
import sys

from pathlib import Path

import attrs
import click

from versionpickle._project.doctor import Diagnosis, examine

from .output import Text, console, format_option, reports_errors


@click.command(epilog="Example: versionpickle doctor")
@format_option("json")
@reports_errors
def doctor(form: str) -> None:
    """
    Look for known problems in the interpreter, its packages, and the project.

    Writes nothing, and imports the project's modules. The exit status is 1 if there is a
    problem, and 0 if there are only notes.
    """
    results = examine(Path.cwd())
    if form == "json":
        click.echo(json.dumps([attrs.asdict(result) for result in results], indent=2))
    else:
        _show(results)
    sys.exit(any(result.level == "problem" for result in results))


def _show(results: list[Diagnosis]) -> None:
    out = console()
    for result in results:
        out.print(Text(f"{result.level:8}", _STYLES[result.level]) + Text(result.message))
        if result.cure:
            out.print(Text(f"{'':8}{result.cure}", "dim"))


_STYLES = {"ok": "green", "note": "yellow", "problem": "red"}
