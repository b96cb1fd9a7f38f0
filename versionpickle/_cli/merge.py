"""The command `merge`: renumber the versions of a branch that is being merged."""

from __future__ import annotations

from pathlib import Path

import click

from versionpickle._project.configuration import configuration
from versionpickle._project.merging import merge as merged

from .output import Text, console, reports_errors


@click.command(epilog="Example: versionpickle merge && versionpickle record")
@reports_errors
def merge() -> None:
    """
    Renumber the versions of the other branch, after 'git merge' has stopped at a schema.

    Where both branches gave a class its next version, those of the branch that is being merged
    get the numbers after it: in its steps, in version=, and in the schema. Its samples of
    these versions are removed. First resolve the conflicts in the sources, and keep the
    fields and the steps of both. Afterwards, run 'versionpickle record' and review everything.
    """
    out = console()
    for line in merged(configuration(Path.cwd())):
        out.print(Text(line))
    out.print(Text("now run 'versionpickle record', and review the changes", "green"))
