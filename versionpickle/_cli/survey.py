"""The command `survey`: count the contents of a store."""

from __future__ import annotations

import json
import sys

from typing import Any

import attrs
import click

from versionpickle.stores._sweeps.survey import Survey

from .modules import allow_option, import_option
from .output import Text, console, format_option, reports_errors
from .places import (
    Opening,
    bar,
    encoding_option,
    limits_option,
    project_option,
    store_argument,
    table_of,
)


@click.command(epilog="Example: versionpickle survey 'dir:orders/*.pickle'")
@store_argument()
@format_option("json")
@import_option
@project_option
@allow_option
@encoding_option
@limits_option
@reports_errors
def survey(store: str, form: str, *, limits: bool, **opening: Any) -> None:
    """
    Count the records of a STORE, by class and version.

    STORE is the file of a store, or 'dir:FOLDER/*.pickle', 'shelve:FILE', or
    'sqlite:FILE?table=jobs&key=id&value=payload'. A store knows what it holds; elsewhere all
    pickles are read, and none is loaded. Nothing is changed, and only what you name is
    imported. The exit status is 1 if something is stale, unknown or damaged.
    """
    how = Opening(**opening, is_limited=limits)
    with how.existing(store, read_only=True) as opened, bar("reading", len(opened)) as show:
        result = opened.survey(progress=lambda number: show(number, ""))
    if form == "json":
        click.echo(json.dumps(attrs.asdict(result), indent=2))
    else:
        _show(result)
    sys.exit(result.current < result.records)


def _show(result: Survey) -> None:
    out = console()
    if result.classes:
        rows = (
            (
                one.ref,
                "unstamped" if one.version is None else one.version,
                one.current,
                f"{one.records:,}",
                one.status,
                one.problem,
            )
            for one in result.classes
        )
        out.print(table_of(("class", "version", "today's", "records", "", ""), rows))
    style = "green" if result.current == result.records else "red"
    out.print(Text(result.sums(), style))
    if result.unknown:
        out.print(
            Text(
                "pass --import MODULE for each module that declares such classes, or --project",
                "dim",
            )
        )
