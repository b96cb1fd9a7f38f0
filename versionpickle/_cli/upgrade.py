"""The command `upgrade`: rewrite pickle files with the classes of today."""

from __future__ import annotations

import sys

from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from rich.console import Console
from rich.table import Table

from versionpickle._classes.names import named
from versionpickle._pickles.inspect.upgrade_paths import FoundClass
from versionpickle._pickles.rewrite.rewrite import Settings, Upgrade, UpgradeFailure
from versionpickle._project.in_place import UpgradeOptions, files_in, upgrade_file

from .modules import accept_option, allow_option, import_all, import_option
from .output import Text, console, reports_errors
from .places import bar, encoding_option, limits_of, limits_option, table_of


@click.command(
    epilog="Example: versionpickle upgrade --dry-run --recursive orders",
)
@click.argument(
    "paths", nargs=-1, required=True, metavar="FILES...", type=click.Path(path_type=Path)
)
@click.option("--dry-run", is_flag=True, help="Try everything and report it, but write nothing.")
@click.option(
    "--backup",
    default="",
    metavar="SUFFIX",
    help="Keep the old bytes beside each file, under its name followed by this, as .bak.",
)
@import_option
@allow_option
@accept_option
@click.option(
    "--protocol",
    type=click.IntRange(0, 5),
    help="Write this protocol instead of the one that each pickle has.",
)
@click.option("--recursive", is_flag=True, help="Take all *.pickle and *.pkl in folders.")
@encoding_option
@limits_option
@reports_errors
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
    encoding: str,
    limits: bool,
) -> None:
    """
    Rewrite pickle files with the classes of today.

    What is written is loaded again and compared before it replaces the old file
    atomically. A file in which nothing is old is kept as it is, to the byte. One
    that cannot be upgraded is kept as well, and makes the exit status 1.
    """
    _check_suffix(backup)
    settings = Settings(
        protocol,
        tuple(ref for ref, _ in named(allow)),
        encoding=encoding,
        limits=limits_of(is_limited=limits),
        accept_differences=accept_differences,
    )
    samples = import_all(modules)
    plan = UpgradeOptions(settings, backup, dry_run, samples)
    files = list(files_in(paths, recursive=recursive, samples=samples))
    out = console()
    report = _Report(out, plan.is_dry)
    try:
        for file in _with_progress(files, out):
            report.add(file, upgrade_file(file, plan))
    except KeyboardInterrupt:
        report.stop(len(files))
        sys.exit(130)
    report.end()
    sys.exit(bool(report.failed))


def _check_suffix(backup: str) -> None:
    if "/" in backup or "\\" in backup:
        raise click.BadParameter(f"{backup!r} cannot end the name of a file: pass --backup .bak")


def _with_progress(files: list[Path], out: Console) -> Iterator[Path]:
    """Yield the files, with a progress bar for many; *out* is used meanwhile."""
    if len(files) < _MANY:
        yield from files
        return
    with bar("upgrading", len(files), out if sys.stdout.isatty() else None) as show:
        for number, file in enumerate(files):
            show(number, "")
            yield file
        show(len(files), "")


_MANY = 10


@attrs.define
class _Report:
    """What was done with the files so far."""

    out: Console
    is_dry: bool
    upgraded: int = 0
    current: int = 0
    failed: list[tuple[Path, UpgradeFailure]] = attrs.field(factory=list)

    def add(self, file: Path, done: Upgrade) -> None:
        if done.failure is not None:
            self.failed.append((file, done.failure))
        elif done.stale:
            self.upgraded += 1
            self._show(file, done)
        else:
            self.current += 1

    def _show(self, file: Path, done: Upgrade) -> None:
        verb = "would be upgraded" if self.is_dry else "upgraded"
        self.out.print(Text(f"{file}: {verb}", "bold"))
        for found in done.stale:
            self.out.print(Text(f"  {_path_of(found)}"))
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


def _path_of(found: FoundClass) -> str:
    """Return a class with its version, and today's."""
    version = "unstamped" if found.version is None else f"version {found.version}"
    if found.current is None:
        return f"{found.ref} {version}, which has another name or class today"
    objects = "1 object" if found.count == 1 else f"{found.count:,} objects"
    return f"{found.ref} {version} -> {found.current}, {objects}"


def _table(failed: list[tuple[Path, UpgradeFailure]]) -> Table:
    rows = ((file, *attrs.astuple(failure)) for file, failure in failed)
    return table_of(("file", "class", "version", "step", "reason"), rows)
