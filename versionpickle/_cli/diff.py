"""The command that tells what has changed, and who can read whose data."""

from __future__ import annotations

import json

from typing import Any

import attrs
import click

from versionpickle._project.compatibility import WORDS, Verdict, verdicts
from versionpickle._project.git import schemas_at

from .output import Text, console, counted, format_option, project, tells_errors


@click.command(epilog="Example: versionpickle diff --against v1.2 --format json")
@click.option(
    "--against",
    metavar="COMMIT",
    help="Compare with the schemas of this commit, branch or tag of git.",
)
@format_option("json")
@tells_errors
def diff(against: str | None, form: str) -> None:
    """
    Tell what has changed of which class, and who can read whose data.

    Compares today's classes with what is recorded of them, or was recorded at a COMMIT.
    For each class that is not the same: whether today's code reads what was stored then, and
    whether the code of then, which may still run elsewhere, reads what today's code writes.
    Writes nothing.
    """
    known = project()
    if against is not None:
        known = attrs.evolve(known, schemas=schemas_at(known.known, against))
    found = [*verdicts(known)]
    if form == "json":
        click.echo(json.dumps([*map(_as_dict, found)], indent=2))
    else:
        _show(found, len(known.classes))


def _as_dict(one: Verdict) -> dict[str, Any]:
    return {**attrs.asdict(one), "reads": one.reads}


def _show(found: list[Verdict], count: int) -> None:
    out = console()
    for one in found:
        out.print(Text(one.ref, "bold"))
        for line in one.changes:
            out.print(Text(f"  {line}"))
        for step in one.steps:
            out.print(Text(f"  {step}", "dim"))
        out.print(Text(f"  {WORDS[one.reads]}", _STYLES[one.reads]))
        for problem in one.old_problems:
            out.print(Text(f"    today's code: {problem}"))
        for problem in one.new_problems:
            out.print(Text(f"    yesterday's code: {problem}"))
    classes = counted(range(count), "class", "classes")
    out.print(Text(f"{classes}, {len(found) or 'none'} changed"))


_STYLES = {"both": "green", "backward": "green", "forward": "red", "neither": "red"}
