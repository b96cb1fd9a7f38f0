"""The command that makes versions of what a project stored before it used versionpickle."""

from __future__ import annotations

from pathlib import Path

import click

from versionpickle._project.backfill.planning import plan
from versionpickle._project.backfill.releases import releases
from versionpickle._project.backfill.study import History, Study, studied

from .make import answer_options, answers_from, finish
from .output import Text, console, project, reports_errors


@click.command(epilog="Example: versionpickle backfill v1.0 v1.1 v2.0 --rename total=amount")
@click.argument("tags", nargs=-1, metavar="[TAG]...")
@click.option(
    "--with",
    "requirements",
    multiple=True,
    metavar="[TAG:]PACKAGES",
    help="Install these for the code of a TAG, or of all; without tags, each is a release.",
)
@click.option(
    "--samples",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Run functions in this file, marked with @sample, to make objects of the old classes.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace what is recorded of the classes: no pickle was written with a version yet.",
)
@answer_options
@reports_errors
def backfill(
    tags: tuple[str, ...],
    *,
    requirements: tuple[str, ...],
    samples: tuple[Path, ...],
    replace: bool,
    asks: bool | None,
    dry_run: bool,
    **given: tuple[str, ...],
) -> None:
    """
    Make versions of what the project stored before it used versionpickle.

    For each TAG, the oldest first, takes its tree from git into a temporary folder, makes
    objects of the classes there, and pickles them. Releases that stored the same fields are
    one version. Then writes version=, unstamped=, the steps, the schemas and the old pickles
    as samples, and asks what 'versionpickle make' would ask. Put @versioned on the classes
    first.

    This imports and runs the code of the tags, and what pip installs for --with: name only
    tags and packages that you trust. Nothing is written unless everything loads.
    """
    root = project()
    wanted = releases(root.known.root, tags, requirements)
    if not wanted:
        raise click.UsageError("pass tags, or packages with --with")
    found = studied(root, wanted, answers_from(given, asks=asks), samples, replaces=replace)
    _show(found)
    finish(plan(found), dry_run=dry_run)


def _show(made: Study) -> None:
    out = console()
    for _, history in sorted(made.histories.items()):
        out.print(Text(history.ref, "bold"))
        for line in _lines(history):
            out.print(Text(f"  {line}"))
    for ref, release in made.unknown.items():
        old, module = ref.partition(":")[2], ref.partition(":")[0]
        cure = f"if {module} has it under another name, pass --renamed {old}=NEW"
        out.print(Text(f"{ref} was there until {release}: {cure}", "dim"))


def _lines(history: History) -> list[str]:
    lines = []
    for one in history.generations:
        names = dict.fromkeys(old.release for old in one.releases)
        is_today = ", today" if one.version == history.version else ""
        fields = ", ".join(field.name for field in one.fields) or "nothing"
        lines.append(f"version {one.version}: {', '.join(names)}{is_today}: {fields}")
    if history.version > len(history.generations):
        fields = ", ".join(history.today.names) or "nothing"
        lines.append(f"version {history.version}: today: {fields}")
    return lines
