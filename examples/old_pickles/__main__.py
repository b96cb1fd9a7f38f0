"""
Load real pickles of old releases into today's classes.

    python examples/old_pickles [PACKAGE=FOLDER ...]

Each package's newest release must be installed; a folder holds another release
of that package, to be tried as well.
Ends with exit status 1 if one fact differs from what the old release recorded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from importlib.metadata import Distribution, distribution
from pathlib import Path

import facts

from rich.table import Table


sys.path.insert(0, str(Path(__file__).parents[1]))

import tables  # stands beside the examples


HERE = Path(__file__).parent


def look(how: str, package: str, folder: str | None) -> dict[str, str]:
    """Look at one package's pickles in a process of its own."""
    path = [folder, os.environ.get("PYTHONPATH")] if folder else [os.environ.get("PYTHONPATH")]
    done = subprocess.run(
        [sys.executable, str(HERE / "look.py"), how, package],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout))


def release(package: str, folder: str | None) -> str:
    found = (
        next(iter(Distribution.discover(name=package, path=[folder])))
        if folder
        else distribution(package)
    )
    return f"{package} {found.version}"


def report(table: Table, package: str, folder: str | None) -> int:
    """Add the package's rows to *table*; return how many of them failed."""
    plain = look("plain", package, folder)
    ours = look("versionpickle", package, folder)
    for name, outcome in ours.items():
        was = tables.coloured(plain[name][:78], "yellow")
        table.add_row(name, release(package, folder), was, tables.coloured(outcome, "red"))
    table.add_section()
    return sum(outcome != "agrees" for outcome in ours.values())


def main(others: list[str]) -> int:
    table = Table("old pickle", "read with", "plain pickle", "versionpickle")
    tried = [(package, None) for package in facts.PACKAGES]
    tried += [tuple(other.split("=", 1)) for other in others]  # type: ignore[misc]
    failed = sum(report(table, package, folder) for package, folder in sorted(tried, key=str))
    return tables.conclude(table, table.row_count, failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
