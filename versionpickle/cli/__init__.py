"""The command line: what it prints, and what it returns to the shell."""

from __future__ import annotations

import click

from ._check import check
from ._copy import copy
from ._diff import diff
from ._doctor import doctor
from ._graph import graph
from ._history import history
from ._inspect import inspect
from ._make import make
from ._migrate import migrate
from ._record import init, record
from ._rollback import forget, rollback
from ._survey import survey
from ._upgrade import upgrade
from ._verify import verify


@click.group()
@click.version_option(package_name="versionpickle")
def main() -> None:
    """Look after pickles that have to last."""


_PROJECT = (check, diff, doctor, graph, history, init, make, record)
_PICKLES = (inspect, upgrade, survey, migrate, verify, rollback, forget, copy)

for command in (*_PROJECT, *_PICKLES):
    main.add_command(command)
