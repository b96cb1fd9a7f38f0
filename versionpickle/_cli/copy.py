"""The command `copy`: copy pickles from one place to another."""

from __future__ import annotations

import sys

import attrs
import click

from .output import Text, console, reports_errors
from .places import Opening, bar, store_argument, table_of


@click.command(epilog="Example: versionpickle copy 'shelve:orders' orders.db")
@store_argument("source")
@store_argument("target")
@click.option("--overwrite", is_flag=True, help="Replace what is there under the same keys.")
@reports_errors
def copy(source: str, target: str, *, overwrite: bool) -> None:
    """
    Copy all pickles from SOURCE to TARGET, as they are.

    Both are what 'versionpickle survey' takes; a TARGET that is not there becomes a store.
    If a key is there already, its pickle is kept, and makes the exit status 1, as
    damaged pickles do, which are left out. Nothing is imported.
    """
    opening = Opening()
    with (
        opening.existing(source, read_only=True) as one,
        opening.any(target) as other,
        bar("copying", len(one)) as show,
    ):
        result = one.copy_to(
            other, overwrite=overwrite, progress=lambda state: show(state.copied, state)
        )
    out = console()
    if result.damages:
        out.print(table_of(("key", "problem"), map(attrs.astuple, result.damages)))
    is_whole = not (result.kept or result.damaged)
    out.print(Text(str(result), "green" if is_whole else "red"))
    sys.exit(not is_whole)
