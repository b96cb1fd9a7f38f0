"""Graphs that networkx has stored since 2010 load into today's, and say what they said then."""

from __future__ import annotations

import json
import subprocess
import sys

from pathlib import Path

import pytest


EXAMPLE = Path(__file__).parents[1] / "examples" / "graph_history"
VERSIONS = {
    "1.0": [1],
    "1.11": [2],
    "2.0": [3],
    "2.2": [3, 4],  # each release since then has also stored a graph of 2.0 once more
    "2.4": [3, 4],
    "2.8.3": [3, 4],
    "2.8.8": [3, 5],
    "3.1": [3, 5],
    "3.6.1": [3, 6],
}


def told_by(*arguments):
    """Run Python in a process of its own: the declarations are for all that runs in one."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=EXAMPLE, capture_output=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def rows():
    return {row["networkx"]: row for row in told_by("look.py")}


@pytest.mark.parametrize("how", ["pickle", "versionpickle"])
@pytest.mark.parametrize("release", [*VERSIONS, "today", "today, stamped"])
def test_agrees(rows, release, how):
    """Each graph loads, is stored with a stamp and loads again, as what its release made it."""
    outcomes = rows[release][how]

    assert dict.fromkeys(outcomes, "agrees") == outcomes


def test_versions(rows):
    """Every version of the declarations has graphs that a release of its time stored."""
    found = {release: rows[release]["versions"] for release in VERSIONS}

    assert VERSIONS == found


def test_all_files_are_tried(rows):
    """Each file that is kept was written by a release that is tried."""
    names = {
        f"nx{release}-{graph}.pickle" for release in VERSIONS for graph in rows[release]["pickle"]
    }

    assert names == {file.name for file in (EXAMPLE / "pickles").glob("*.pickle")}


def test_check():
    """The chain has no hole, and no step that leads nowhere."""
    code = "import declare, versionpickle; print([*map(str, versionpickle.check())])"

    assert [] == told_by("-c", code)
