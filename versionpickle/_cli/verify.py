"""The command that reads every byte of a store."""

from __future__ import annotations

import sys

import attrs
import click

from .modules import allow_option, import_option
from .output import Text, console, reports_errors
from .places import Opening, bar, store_argument, table_of


@click.command(epilog="Example: versionpickle verify --load orders.db")
@store_argument()
@click.option("--load", is_flag=True, help="Also load each object, and say which cannot be.")
@import_option
@allow_option
@reports_errors
def verify(store: str, *, load: bool, modules: tuple[str, ...], allow: tuple[str, ...]) -> None:
    """
    Read every byte of a STORE, and name what is damaged.

    STORE is what 'versionpickle survey' takes. Damaged records of a store are set
    apart: they stay where they are, and reading one is an error until it is stored again or
    deleted. The exit status is 1 where something is damaged.
    """
    opening = Opening(modules, allow)
    with opening.existing(store) as opened, bar("verifying", len(opened)) as show:
        done = opened.verify(load=load, progress=lambda one: show(one.good, one))
    out = console()
    if done.damages:
        out.print(table_of(("key", "problem"), map(attrs.astuple, done.damages)))
    out.print(Text(str(done), "red" if done.damaged else "green"))
    sys.exit(bool(done.damaged))
