"""The command `diff`: show what changed, and who can read whose data."""

from __future__ import annotations

import json

from typing import Any

import attrs
import click

from versionpickle._project.compatibility import SENTENCES, Compatibility, compared
from versionpickle._project.git import schemas_at

from .output import (
    Text,
    code_for_markdown,
    console,
    counted,
    for_markdown,
    format_option,
    project,
    reports_errors,
)


@click.command(epilog="Example: versionpickle diff --against v1.2 --format json")
@click.option(
    "--against",
    metavar="COMMIT",
    help="Compare with the schemas of this commit, branch or tag of git.",
)
@format_option("json", "markdown", help="Output for people, for programs, or for a pull request.")
@reports_errors
def diff(against: str | None, form: str) -> None:
    """
    Show what has changed in each class, and who can read whose data.

    Compares today's classes with their recorded schemas, or with those of a COMMIT.
    For each class that differs: whether today's code reads data stored then, and whether
    the code of that time, which may still run elsewhere, reads data written now.
    Writes nothing.
    """
    known = project()
    if against is not None:
        known = attrs.evolve(known, schemas=schemas_at(known.known, against))
    found = [*compared(known)]
    if form == "json":
        click.echo(json.dumps([*map(_as_dict, found)], indent=2))
    elif form == "markdown":
        _show_markdown(found)
    else:
        _show(found, len(known.classes))


def _as_dict(one: Compatibility) -> dict[str, Any]:
    return {**attrs.asdict(one), "reads": one.reads}


def _show(found: list[Compatibility], count: int) -> None:
    out = console()
    for one in found:
        out.print(Text(one.ref, "bold"))
        for line in one.changes:
            out.print(Text(f"  {line}"))
        for step in one.steps:
            out.print(Text(f"  {step}", "dim"))
        out.print(Text(f"  {SENTENCES[one.reads]}", _STYLES[one.reads]))
        for problem in one.old_problems:
            out.print(Text(f"    today's code: {problem}"))
        for problem in one.new_problems:
            out.print(Text(f"    yesterday's code: {problem}"))
    classes = counted(range(count), "class", "classes")
    out.print(Text(f"{classes}, {len(found) or 'none'} changed"))


def _show_markdown(found: list[Compatibility]) -> None:
    click.echo(f"## Stored classes: {len(found) or 'none'} changed\n")
    if found:
        click.echo("| class | version | who reads whose data |\n| --- | --- | --- |")
    for one in found:
        version = f"{one.before or 'new'} → {one.today or 'gone'}"
        click.echo(f"| {code_for_markdown(one.ref)} | {version} | {SENTENCES[one.reads]} |")
    for one in found:
        click.echo(f"\n### {code_for_markdown(one.ref)}\n")
        problems = [f"today's code: {text}" for text in one.old_problems]
        problems += [f"yesterday's code: {text}" for text in one.new_problems]
        for line in (*one.changes, *one.steps, *problems):
            click.echo(f"* {for_markdown(line)}")


_STYLES = {"both": "green", "backward": "green", "forward": "red", "neither": "red"}
