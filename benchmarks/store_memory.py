"""
Print the most memory that a migration takes, in bytes.

    python benchmarks/store_memory.py orders.db

A process of its own, since a process on Linux begins with the peak of the one that started it.
"""

from __future__ import annotations

import resource
import subprocess
import sys

from pathlib import Path

import store_orders  # noqa: F401 - what stands in the pickles

import versionpickle


def peak_of_migrating(path: Path) -> int:
    """Migrate in a process that is started by a small one, and return its peak in bytes."""
    small = "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)"
    command = [sys.executable, "-c", small, sys.executable, __file__, path]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(path: str) -> None:
    with versionpickle.open(path) as store:
        done = store.migrate()
    assert done.migrated == done.total > 0
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


if __name__ == "__main__":
    main(sys.argv[1])
