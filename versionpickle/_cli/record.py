"""The commands that record: once for the first time, and again for each new version."""

from __future__ import annotations

import sys

from pathlib import Path

import click

from versionpickle._pickles.files import write_file
from versionpickle._project.configuration import FILE, configuration, table
from versionpickle._project.findings import findings
from versionpickle._project.project import Project, load_project
from versionpickle.exceptions import ProjectError

from .output import Text, console, counted, project, reports_errors


@click.command(epilog="Example: versionpickle record")
@reports_errors
def record() -> None:
    """
    Record the schema of each class, and samples of its current version.

    Samples are what functions marked with @versionpickle.testing.sample return, or
    objects made from the types of the fields. A sample that is there is never written
    again. A class that has changed without a new version is left as it is, and makes the
    exit status 1. Commit what this writes.
    """
    sys.exit(_record(project()))


@click.command(epilog="Example: versionpickle init shop.models shop.events")
@click.argument("modules", nargs=-1, required=True)
@reports_errors
def init(modules: tuple[str, ...]) -> None:
    """
    Put a project under guard: write the configuration, and the first record.

    MODULES are those that declare the versioned classes.
    """
    file = Path(FILE)
    _refuse_second(file)
    before = file.read_bytes() if file.exists() else None
    write_file(file, (before + b"\n" if before else b"") + table(modules).encode())
    try:
        found = load_project(Path.cwd())
    except BaseException:
        file.unlink() if before is None else write_file(file, before)
        raise
    console().print(Text(f"wrote [tool.versionpickle] into {FILE}"))
    sys.exit(_record(found))


def _refuse_second(file: Path) -> None:
    if not file.exists():
        return
    try:
        known = configuration(Path.cwd())
    except ProjectError:
        return
    if known.root == Path.cwd().resolve():
        problem = "there is a [tool.versionpickle] already"
        raise ProjectError(str(file), problem, "change that, and run 'versionpickle record'")


def _record(found: Project) -> bool:
    """Record what can be; tell whether some classes were left as they are."""
    out = console()
    recordable = found.recordable()
    failed = []
    for key in recordable:
        try:
            for path in found.record(key):
                out.print(Text(f"wrote {path.relative_to(found.known.root)}"))
        except ProjectError as exc:
            failed.append(exc)
    for one in failed:
        out.print(Text(str(one), "red"))
    for key in sorted(found.classes.keys() - {*recordable}):
        ref = found.classes[key].declaration.ref
        out.print(Text(f"{ref} is left as it is, for it has changed at the same version", "red"))
    done = recordable[len(failed) :]
    out.print(Text(f"{counted(done, 'class', 'classes')} recorded", "green"))
    left = findings(found)
    if left:
        told = counted(left, "finding is", "findings are")
        out.print(Text(f"{told} left: run 'versionpickle check'", "red"))
    return bool(failed) or len(recordable) < len(found.classes)
