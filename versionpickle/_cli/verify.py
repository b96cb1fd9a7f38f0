"""The command `verify`: read every byte of a store."""

from __future__ import annotations

import sys

from typing import Any

import attrs
import click

from .modules import allow_option, import_option
from .output import Text, console, reports_errors
from .places import (
    Opening,
    bar,
    encoding_option,
    limits_option,
    project_option,
    store_argument,
    table_of,
)


@click.command(epilog="Example: versionpickle verify --load orders.db")
@store_argument()
@click.option(
    "--load", is_flag=True, help="Also load each object, and report those that cannot be loaded."
)
@import_option
@project_option
@allow_option
@encoding_option
@limits_option
@reports_errors
def verify(store: str, *, load: bool, limits: bool, **opening: Any) -> None:
    """
    Read every byte of a STORE, and report what is damaged.

    STORE is what 'versionpickle survey' takes. Damaged records of a store are set
    aside: they are kept, and reading one is an error until it is stored again or
    deleted. Only what you name is imported. The exit status is 1 if something is damaged.
    """
    how = Opening(**opening, is_limited=limits)
    with how.existing(store) as opened, bar("verifying", len(opened)) as show:
        result = opened.verify(load=load, progress=lambda state: show(state.good, state))
    out = console()
    if result.damages:
        out.print(table_of(("key", "problem"), map(attrs.astuple, result.damages)))
    out.print(Text(str(result), "red" if result.damaged else "green"))
    sys.exit(bool(result.damaged))
