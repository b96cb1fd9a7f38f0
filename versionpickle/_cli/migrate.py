"""The command that writes anew what is stale in a store."""

from __future__ import annotations

import os
import shlex
import signal
import sys

from collections.abc import Iterator

import attrs
import click

from versionpickle.stores._existing import ExistingStore
from versionpickle.stores._sweeps.migration import Migration

from .modules import accept_option, allow_option, import_option
from .output import Text, console, counted, tells_errors
from .places import Opening, bar, store_argument, table_of


@click.command(epilog="Example: versionpickle migrate --dry-run orders.db")
@store_argument()
@click.option("--dry-run", is_flag=True, help="Only tell what would happen; all is tried.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many records.")
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
@tells_errors
def migrate(
    store: str,
    *,
    dry_run: bool,
    limit: int | None,
    workers: int,
    modules: tuple[str, ...],
    allow: tuple[str, ...],
    accept_differences: bool,
) -> None:
    """
    Write anew what is stale in a STORE, while it is in use.

    STORE is what 'versionpickle survey' takes. Batches of records are upgraded and written in
    one transaction each; what others write meanwhile stays as they wrote it. Ctrl-C stops after
    the batch, and a second run goes on from there. What cannot be upgraded stays as it
    is, and makes the exit status 1. The originals are kept: 'versionpickle rollback' puts
    them back, 'versionpickle forget' drops them.
    """
    with Opening(modules, allow).existing(store) as opened:
        workers = workers if len(opened) > _MANY else 0
        steps = opened.migrating(
            dry_run=dry_run,
            limit=limit,
            workers=workers,
            accept_differences=accept_differences,
        )
        done, is_stopped = _watched(steps)
        _tell(done, opened, store)
    if is_stopped:
        left = "all records are whole; run the same command again for the others"
        console().print(Text(f"stopped after {done.seen} of {done.total}: {left}", "yellow"))
        sys.exit(130)
    sys.exit(bool(done.failed))


_MANY = 10_000
"""Records for which it pays to start processes."""


def _watched(steps: Iterator[Migration]) -> tuple[Migration, bool]:
    """Go through all batches, or until somebody presses Ctrl-C; a second time ends it at once."""
    pressed: list[int] = []

    def note(number: int, _: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    done = Migration(0)
    before = signal.signal(signal.SIGINT, note)
    try:
        done = next(steps, done)  # which starts the workers, before there are threads
        with bar("migrating", done.total) as show:
            show(done.seen, done)
            while not pressed and (reached := next(steps, None)) is not None:
                done = reached
                show(done.seen, done)
    finally:
        signal.signal(signal.SIGINT, before)
    return done, bool(pressed) and done.seen < done.total


def _tell(done: Migration, opened: ExistingStore, store: str) -> None:
    out = console()
    if done.failures:
        rows = (attrs.astuple(one) for one in done.failures)
        out.print(table_of(("key", "class", "version", "step", "reason"), rows))
        if done.failed > len(done.failures):
            out.print(Text(f"... and {done.failed - len(done.failures)} more"))
    out.print(Text(str(done), "red" if done.failed else "green"))
    if done.migrated and not done.is_dry:
        kept = counted(range(opened.originals()), "original is", "originals are")
        place = shlex.quote(store)
        back, drop = f"versionpickle rollback {place}", f"versionpickle forget {place}"
        out.print(Text(f"{kept} kept: put back with {back}, drop with {drop}", "dim"))
