"""The command that copies pickles from one place to another."""

from __future__ import annotations

import sys

import attrs
import click

from .output import Text, console, reports_errors
from .places import Opening, bar, store_argument, table_of


@click.command(epilog="Example: versionpickle copy 'shelve:orders' orders.db")
@store_argument("source")
@store_argument("target")
@click.option("--overwrite", is_flag=True, help="Replace what stands under the same keys.")
@reports_errors
def copy(source: str, target: str, *, overwrite: bool) -> None:
    """
    Copy all pickles from SOURCE to TARGET, as they are.

    Both are what 'versionpickle survey' takes; a TARGET that is not there becomes a store.
    What stands there under the same key stays, and makes the exit status 1, as
    damaged pickles do, which are left out.
    """
    opening = Opening()
    with (
        opening.existing(source) as one,
        opening.any(target) as other,
        bar("copying", len(one)) as show,
    ):
        done = one.copy_to(
            other, overwrite=overwrite, progress=lambda state: show(state.copied, state)
        )
    out = console()
    if done.damages:
        out.print(table_of(("key", "problem"), map(attrs.astuple, done.damages)))
    is_whole = not (done.kept or done.damaged)
    out.print(Text(str(done), "green" if is_whole else "red"))
    sys.exit(not is_whole)
