"""The command line: all commands, the text for errors, and exit statuses."""

from __future__ import annotations

import click

from .backfill import backfill
from .check import check
from .copy import copy
from .diff import diff
from .doctor import doctor
from .graph import graph
from .history import history
from .inspect import inspect
from .make import make
from .merge import merge
from .migrate import migrate
from .record import init, record
from .rollback import forget, rollback
from .survey import survey
from .upgrade import upgrade
from .verify import verify


@click.group()
@click.version_option(package_name="versionpickle")
def main() -> None:
    """Look after pickles that have to last."""


_PROJECT = (backfill, check, diff, doctor, graph, history, init, make, merge, record)
_PICKLES = (inspect, upgrade, survey, migrate, verify, rollback, forget, copy)

for command in (*_PROJECT, *_PICKLES):
    main.add_command(command)
