"""The commands `rollback` and `forget`: restore or delete the originals of a migration."""

from __future__ import annotations

import sys

import click

from .output import Text, console, counted, reports_errors
from .places import Opening, store_argument


@click.command(epilog="Example: versionpickle rollback orders.db")
@store_argument()
@reports_errors
def rollback(store: str) -> None:
    """
    Put back the records of a STORE as they were before migrations.

    STORE is what 'versionpickle survey' takes. A record that has been written or deleted
    since is not changed, and makes the exit status 1. Nothing is imported.
    """
    with Opening().existing(store) as opened:
        back, conflicts = opened.rollback()
    out = console()
    out.print(Text(f"{counted(range(back), 'record', 'records')} put back", "green"))
    if conflicts:
        kept = "not put back, because they have been written or deleted since"
        out.print(Text(f"{conflicts} {kept}", "red"))
    sys.exit(bool(conflicts))


@click.command(epilog="Example: versionpickle forget orders.db")
@store_argument()
@reports_errors
def forget(store: str) -> None:
    """
    Delete the originals that 'versionpickle rollback' would put back in a STORE.

    STORE is what 'versionpickle survey' takes. Nothing is imported.
    """
    with Opening().existing(store) as opened:
        count = opened.forget_originals()
    console().print(Text(f"{counted(range(count), 'original', 'originals')} deleted", "green"))
