"""The command that counts what is in a store."""

from __future__ import annotations

import json
import sys

import attrs
import click

from versionpickle.stores._sweeps.survey import Survey

from .modules import allow_option, import_option
from .output import Text, console, format_option, reports_errors
from .places import Opening, bar, store_argument, table_of


@click.command(epilog="Example: versionpickle survey 'dir:orders/*.pickle'")
@store_argument()
@format_option("json")
@import_option
@allow_option
@reports_errors
def survey(store: str, form: str, modules: tuple[str, ...], allow: tuple[str, ...]) -> None:
    """
    Count the records of a STORE, by class and version.

    STORE is the file of a store, or 'dir:FOLDER/*.pickle', 'shelve:FILE', or
    'sqlite:FILE?table=jobs&key=id&value=payload'. A store knows what it holds; elsewhere all
    pickles are read, and none is loaded. Changes nothing. The exit status is 1 where something
    is stale, unknown or damaged.
    """
    opening = Opening(modules, allow)
    with opening.existing(store) as opened, bar("reading", len(opened)) as show:
        found = opened.survey(progress=lambda number: show(number, ""))
    if form == "json":
        click.echo(json.dumps(attrs.asdict(found), indent=2))
    else:
        _show(found)
    sys.exit(found.current < found.records)


def _show(found: Survey) -> None:
    out = console()
    if found.classes:
        rows = (
            (
                one.ref,
                "unstamped" if one.version is None else one.version,
                one.current,
                f"{one.records:,}",
                one.standing,
                one.problem,
            )
            for one in found.classes
        )
        out.print(table_of(("class", "version", "today's", "records", "", ""), rows))
    style = "green" if found.current == found.records else "red"
    out.print(Text(found.sums(), style))
    if found.unknown:
        out.print(Text("say --import MODULE for each module that declares such classes", "dim"))
