"""The command that writes pickle files anew with the classes of today."""

from __future__ import annotations

import sys

from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from versionpickle._classes.adopt import named
from versionpickle._pickles.inspect.upgrade_paths import FoundClass
from versionpickle._pickles.rewrite.rewrite import Settings, Upgrade
from versionpickle._project.in_place import Plan, files_in, upgrade_file

from .modules import accept_option, allow_option, import_all, import_option
from .output import Text, console, shown, tells_errors


@click.command(
    epilog="Example: versionpickle upgrade --dry-run --recursive orders",
)
@click.argument(
    "paths", nargs=-1, required=True, metavar="FILES...", type=click.Path(path_type=Path)
)
@click.option("--dry-run", is_flag=True, help="Only tell what would happen; all is tried.")
@click.option(
    "--backup",
    default="",
    metavar="SUFFIX",
    help="Keep the old bytes beside each file, under its name with .bak or so behind it.",
)
@import_option
@allow_option
@accept_option
@click.option(
    "--protocol",
    type=click.IntRange(0, 5),
    help="Write this protocol, and not the one that each pickle has.",
)
@click.option("--recursive", is_flag=True, help="Take all *.pickle and *.pkl in folders.")
@tells_errors
def upgrade(
    paths: tuple[Path, ...],
    *,
    dry_run: bool,
    backup: str,
    modules: tuple[str, ...],
    allow: tuple[str, ...],
    accept_differences: bool,
    protocol: int | None,
    recursive: bool,
) -> None:
    """
    Write pickle files anew with the classes of today.

    What is written is loaded again and compared before it takes the place of the old
    file, in one step. A file in which nothing is old stays as it is, to the byte. One
    that cannot be upgraded stays as well, and makes the exit status 1.
    """
    _check_suffix(backup)
    allowed = tuple(ref for ref, _ in named(allow))
    settings = Settings(protocol, allowed, accept_differences=accept_differences)
    samples = import_all(modules)
    plan = Plan(settings, backup, dry_run, samples)
    files = list(files_in(paths, recursive=recursive, samples=samples))
    out = console()
    told = _Told(out, plan.is_dry)
    try:
        for file in _with_progress(files, out):
            told.add(file, upgrade_file(file, plan))
    except KeyboardInterrupt:
        told.stop(len(files))
        sys.exit(130)
    told.end()
    sys.exit(bool(told.failed))


def _check_suffix(backup: str) -> None:
    if "/" in backup or "\\" in backup:
        raise click.BadParameter(f"{backup!r} is no end of a file's name: say --backup .bak")


def _with_progress(files: list[Path], out: Console) -> Iterator[Path]:
    """Yield the files, with a bar where somebody waits for many; *out* says more meanwhile."""
    if len(files) < _MANY or not sys.stderr.isatty():
        yield from files
        return
    shared = out if sys.stdout.isatty() else Console(stderr=True)
    with Progress(console=shared, transient=True, redirect_stdout=False) as bar:
        yield from bar.track(files, description="upgrading")


_MANY = 10


@attrs.define
class _Told:
    """What was said of the files so far."""

    out: Console
    is_dry: bool
    upgraded: int = 0
    current: int = 0
    failed: list[tuple[Path, Upgrade]] = attrs.field(factory=list)

    def add(self, file: Path, done: Upgrade) -> None:
        if done.failure is not None:
            self.failed.append((file, done))
        elif done.stale:
            self.upgraded += 1
            self._show(file, done)
        else:
            self.current += 1

    def _show(self, file: Path, done: Upgrade) -> None:
        verb = "would be upgraded" if self.is_dry else "upgraded"
        self.out.print(Text(f"{file}: {verb}", "bold"))
        for found in done.stale:
            self.out.print(Text(f"  {_way_of(found)}"))
            for step in found.steps if self.is_dry else ():
                self.out.print(Text(f"    {step}", "dim"))

    def end(self) -> None:
        if self.failed:
            self.out.print(_table(self.failed))
        verb = "would be upgraded" if self.is_dry else "upgraded"
        sums = [f"{self.upgraded} {verb}", f"{self.current} current"]
        if self.failed:
            sums.append(f"{len(self.failed)} failed and left as before")
        self.out.print(Text(", ".join(sums), "red" if self.failed else "green"))

    def stop(self, count: int) -> None:
        self.end()
        done = self.upgraded + self.current + len(self.failed)
        left = "all files are whole; run it again for the others"
        self.out.print(Text(f"stopped after {done} of {count} files: {left}", "yellow"))


def _way_of(found: FoundClass) -> str:
    """Return a class with its version, and today's."""
    version = "unstamped" if found.version is None else f"version {found.version}"
    if found.current is None:
        return f"{found.ref} {version}, which has another name or class today"
    objects = "1 object" if found.count == 1 else f"{found.count:,} objects"
    return f"{found.ref} {version} -> {found.current}, {objects}"


def _table(failed: list[tuple[Path, Upgrade]]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("file", "class", "version", "step", "reason"):
        table.add_column(heading, overflow="fold")
    for file, done in failed:
        failure = done.failure
        assert failure is not None
        version = "" if failure.version is None else str(failure.version)
        cells = (str(file), failure.ref or "", version, failure.step or "", failure.reason)
        table.add_row(*map(shown, cells))
    return table
