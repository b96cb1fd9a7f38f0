"""The commands `init` and `record`: record schemas and samples."""

from __future__ import annotations

import sys

from pathlib import Path

import click

from versionpickle._pickles.files import write_file
from versionpickle._project.configuration import FILE, configuration, module_name, table
from versionpickle._project.findings import findings
from versionpickle._project.project import Project, load_project
from versionpickle._project.recording import record as record_class
from versionpickle._project.recording import record_others
from versionpickle.exceptions import ProjectError

from .output import Text, console, counted, project, reports_errors


@click.command(epilog="Example: versionpickle record")
@reports_errors
def record() -> None:
    """
    Record the schema of each class, and samples of its current version.

    Samples are the objects that functions marked with @versionpickle.testing.sample return,
    or objects made from the types of the fields. Existing samples are never overwritten.
    A class that has changed without a new version is not recorded. The exit status is 1 if
    'versionpickle check' still finds something. Commit what this writes.
    """
    sys.exit(_record(project()))


@click.command(epilog="Example: versionpickle init shop.models shop.events")
@click.argument("modules", nargs=-1, required=True)
@reports_errors
def init(modules: tuple[str, ...]) -> None:
    """
    Set up the schema check: write the configuration, and the first record.

    MODULES declare the versioned classes. They are names or paths; a package stands for
    all modules in it.
    """
    file = Path(FILE)
    _refuse_second(file)
    names = [module_name(Path.cwd(), module) for module in modules]
    before = file.read_bytes() if file.exists() else None
    write_file(file, (before + b"\n" if before else b"") + table(names).encode())
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
        raise ProjectError(str(file), problem, "change it, and run 'versionpickle record'")


def _record(found: Project) -> bool:
    """Record what can be recorded; return whether there are findings left."""
    out = console()
    recordable = found.recordable()
    failed = []
    for key in recordable:
        try:
            for path in record_class(found, key):
                _show_written(found, path)
        except ProjectError as exc:
            failed.append(exc)
    for path in record_others(found):
        _show_written(found, path)
    for one in failed:
        out.print(Text(str(one), "red"))
    for key in sorted(found.classes.keys() - {*recordable}):
        out.print(Text(_why_left(found, key), "red"))
    out.print(Text(f"{counted(recordable, 'class', 'classes')} recorded", "green"))
    left = findings(found)
    if left:
        count = counted(left, "finding", "findings")
        out.print(Text(f"{count} left: run 'versionpickle check'", "red"))
    return bool(failed or left)


def _show_written(found: Project, path: Path) -> None:
    console().print(Text(f"wrote {path.relative_to(found.known.root)}"))


def _why_left(found: Project, key: str) -> str:
    ref = found.classes[key].declaration.ref
    if key in found.asked_about():
        return f"{ref} is not recorded: it may be a class that is gone, under a new name"
    changed = found.unrecordable(key)
    which = "it" if changed == ref else changed
    return f"{ref} is not recorded: {which} has changed at the same version"
