"""The command line: what it prints, and what it returns to the shell."""

from __future__ import annotations

import click

from ._check import check
from ._diff import diff
from ._doctor import doctor
from ._graph import graph
from ._history import history
from ._inspect import inspect
from ._make import make
from ._record import init, record
from ._upgrade import upgrade


@click.group()
@click.version_option(package_name="versionpickle")
def main() -> None:
    """Look after pickles that have to last."""


for command in (check, diff, doctor, graph, history, init, inspect, make, record, upgrade):
    main.add_command(command)
