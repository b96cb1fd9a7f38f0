"""The command that tells what a class was, version by version."""

from __future__ import annotations

import json

from collections.abc import Iterator

import attrs
import click

from rich.console import Console
from rich.text import Text as RichText

from versionpickle._project.find import find
from versionpickle._project.history import History, OutgoingStep, VersionInfo
from versionpickle._project.history import history as history_of

from .classes import class_argument
from .output import Text, console, format_option, project, tells_errors


@click.command(epilog="Example: versionpickle history shop.models:Order")
@class_argument("wanted")
@format_option("json")
@tells_errors
def history(wanted: str, form: str) -> None:
    """
    Tell what a CLASS was, version by version.

    CLASS is a ref such as shop.models:Order, the name of the class alone, its stable
    name, or what it was called before. Of each version: what changed, the step that
    leaves it, its samples, and whether it is still read.
    """
    known = project()
    found = history_of(known, find(known, wanted))
    if form == "json":
        click.echo(json.dumps(attrs.asdict(found), indent=2))
    else:
        _show(console(), found)


def _show(out: Console, found: History) -> None:
    name = f"  (name {found.name!r})" if found.name else ""
    gone = "  gone" if found.today is None else ""
    out.print(Text(found.ref, "bold") + Text(name) + Text(gone, "red"))
    for ref, version in found.formerly:
        unstamped = "" if version is None else f", whose unstamped pickles are version {version}"
        out.print(Text(f"formerly {ref}{unstamped}", "dim"))
    for era in found.eras:
        out.print(Text(f"version {era.version}", "bold") + _marks(era))
        for change in era.changes:
            out.print(Text(f"  {change}"))
        for step in era.steps:
            out.print(Text(f"  {_step(step)}", "cyan"))
        if era.samples:
            out.print(Text(f"  samples: {', '.join(era.samples)}", "dim"))


def _marks(era: VersionInfo) -> RichText:
    marks = list(_said_of(era))
    return Text(f": {', '.join(marks)}" if marks else "", "green" if era.is_today else "yellow")


def _said_of(era: VersionInfo) -> Iterator[str]:
    if era.is_today:
        yield "today"
    if not era.is_read:
        yield "no longer read"
    if not era.is_recorded:
        yield "not recorded"


def _step(step: OutgoingStep) -> str:
    place = f", {step.place}" if step.place else ""
    under = f", as {step.under}" if step.under else ""
    return f"step to {step.to}: {step.what}{place}{under}"
