"""The command `history`: show a class version by version."""

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
from .output import Text, console, format_option, project, reports_errors


@click.command(epilog="Example: versionpickle history shop.models:Order")
@class_argument("wanted")
@format_option("json")
@reports_errors
def history(wanted: str, form: str) -> None:
    """
    Show the history of a CLASS, version by version.

    CLASS is a ref such as shop.models:Order, the bare class name, its stable name, or a
    former name. For each version: what changed, the step to the next version,
    its samples, and whether it can still be read.
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
    for info in found.versions:
        out.print(Text(f"version {info.version}", "bold") + _marks(info))
        for change in info.changes:
            out.print(Text(f"  {change}"))
        for step in info.steps:
            out.print(Text(f"  {_step(step)}", "cyan"))
        if info.samples:
            out.print(Text(f"  samples: {', '.join(info.samples)}", "dim"))


def _marks(info: VersionInfo) -> RichText:
    marks = list(_mark_texts(info))
    return Text(f": {', '.join(marks)}" if marks else "", "green" if info.is_today else "yellow")


def _mark_texts(info: VersionInfo) -> Iterator[str]:
    if info.is_today:
        yield "today"
    if not info.is_read:
        yield "no longer read"
    if not info.is_recorded:
        yield "not recorded"


def _step(step: OutgoingStep) -> str:
    place = f", {step.place}" if step.place else ""
    under = f", as {step.under}" if step.under else ""
    return f"step to {step.to}: {step.what}{place}{under}"
