"""The command `migrate`: rewrite the stale records of a store."""

from __future__ import annotations

import os
import shlex
import signal
import sys

from collections.abc import Iterator
from typing import Any

import attrs
import click

from versionpickle.stores._existing import ExistingStore
from versionpickle.stores._sweeps.migration import Migration

from .modules import accept_option, allow_option, import_option
from .output import Text, console, counted, reports_errors
from .places import Opening, bar, encoding_option, limits_option, store_argument, table_of


@click.command(epilog="Example: versionpickle migrate --dry-run orders.db")
@store_argument()
@click.option("--dry-run", is_flag=True, help="Try everything and report it, but write nothing.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many records.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=max((os.cpu_count() or 1) - 1, 0),
    show_default="all processors but one",
    help="How many processes do the work, beside this one.",
)
@import_option
@allow_option
@accept_option
@encoding_option
@limits_option
@reports_errors
def migrate(
    store: str,
    *,
    dry_run: bool,
    limit: int | None,
    workers: int,
    accept_differences: bool,
    limits: bool,
    **opening: Any,
) -> None:
    """
    Rewrite what is stale in a STORE, while it is in use.

    STORE is what 'versionpickle survey' takes. The modules of the project in this folder are
    imported. Batches of records are upgraded and written in one transaction each; what others
    write meanwhile is kept as they wrote it. Ctrl-C stops after the batch, and a second run
    goes on from there. What cannot be upgraded is kept as it is, and makes the exit status 1.
    The originals are kept: 'versionpickle rollback' puts them back, 'versionpickle forget'
    deletes them.
    """
    how = Opening(**opening, project=True, is_limited=limits)
    with how.existing(store) as opened:
        workers = workers if len(opened) > _MANY else 0
        steps = opened.migrating(
            dry_run=dry_run,
            limit=limit,
            workers=workers,
            accept_differences=accept_differences,
        )
        state, is_stopped = _watched(steps)
        _report(state, opened, store)
    if is_stopped:
        left = "all records are whole; run the same command again for the others"
        console().print(Text(f"stopped after {state.seen} of {state.total}: {left}", "yellow"))
        sys.exit(130)
    sys.exit(bool(state.failed))


_MANY = 10_000
"""Records for which it pays to start processes."""


def _watched(steps: Iterator[Migration]) -> tuple[Migration, bool]:
    """Go through all batches, or until Ctrl-C; a second one ends it at once."""
    pressed: list[int] = []

    def note(number: int, _: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    state = Migration(0)
    before = signal.signal(signal.SIGINT, note)
    try:
        state = next(steps, state)  # which starts the workers, before there are threads
        with bar("migrating", state.total) as show:
            show(state.seen, state)
            while not pressed and (reached := next(steps, None)) is not None:
                state = reached
                show(state.seen, state)
    finally:
        signal.signal(signal.SIGINT, before)
    return state, bool(pressed) and state.seen < state.total


def _report(state: Migration, opened: ExistingStore, store: str) -> None:
    out = console()
    if state.failures:
        rows = map(attrs.astuple, state.failures)
        out.print(table_of(("key", "class", "version", "step", "reason"), rows))
        if state.failed > len(state.failures):
            out.print(Text(f"... and {state.failed - len(state.failures)} more"))
    out.print(Text(str(state), "red" if state.failed else "green"))
    if state.migrated and not state.is_dry:
        kept = counted(range(opened.originals()), "original is", "originals are")
        place = shlex.quote(store)
        back, drop = f"versionpickle rollback {place}", f"versionpickle forget {place}"
        out.print(Text(f"{kept} kept: put back with {back}, delete with {drop}", "dim"))
