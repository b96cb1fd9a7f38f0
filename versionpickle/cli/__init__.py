"""The command line: what it prints, and what it returns to the shell."""

from __future__ import annotations

import click

from ._inspect import inspect


@click.group()
@click.version_option(package_name="versionpickle")
def main() -> None:
    """Look after pickles that have to last."""


main.add_command(inspect)
