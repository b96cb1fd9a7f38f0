"""Hostile pickles are refused within limits; the docs say which of them the default load stops."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from pathlib import Path

import pytest

from hostile import models
from hostile.pickles import PARTS, PICKLES

import versionpickle

from versionpickle.exceptions import VersionPickleError


TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "reference" / "hostile.md"
MEMORY = 128 * 2**20

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the limits of processes are Linux's"
)


@pytest.mark.parametrize("each", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_everywhere(each):
    """Each command and each kind of store takes no more than 2 seconds and 128 MiB for them."""
    for line in lines_of("everywhere", str(each)):
        assert not re.match(r"!|died", str(line["error"])), line
        assert [] == line["ran"], line
        assert line["seconds"] < 2, line
        assert line["memory"] < MEMORY, line


def outcomes(way):
    """What each of them came to, in a process of its own, by part and title."""
    return {(line["part"], line["title"]): line for line in lines_of("child", way)}


def lines_of(module, *args):
    """Return what a module reports, line by line."""
    told = subprocess.run(
        [sys.executable, "-m", f"hostile.{module}", *args],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    return [*map(json.loads, told.stdout.splitlines())]


@pytest.fixture(scope="session")
def limited():
    return outcomes("limits")


@pytest.fixture(scope="session")
def by_default():
    return outcomes("default")


def test_enough():
    """There are many, of every part, each with a name of its own."""
    assert len(PICKLES) == len({(hostile.part, hostile.title) for hostile in PICKLES}) >= 150
    assert set(PARTS) == {hostile.part for hostile in PICKLES}


@pytest.mark.parametrize(
    "hostile", PICKLES, ids=lambda hostile: f"{hostile.part}: {hostile.title}"
)
def test_hostile_is_refused(hostile, limited):
    """With limits, an error of ours in a second and 128 MiB, and nothing ran."""
    told = limited[hostile.part, hostile.title]

    assert re.match(r"\w+Error: ", str(told["error"])), told
    assert [] == told["ran"]
    assert told["seconds"] < 1
    assert told["memory"] < MEMORY


@pytest.mark.parametrize(
    "hostile", PICKLES, ids=lambda hostile: f"{hostile.part}: {hostile.title}"
)
def test_refused_here(hostile):
    """In a process without any bounds of its own as well."""
    with pytest.raises(VersionPickleError):
        versionpickle.loads(hostile.data, limits=versionpickle.Limits(), allow=hostile.allow)

    assert [] == models.SPRUNG


def stops(told):
    """Whether a load ended in an error of ours, soon, and ran nothing."""
    is_typed = re.match(r"\w+Error: ", str(told["error"])) is not None
    return is_typed and not told["ran"] and told["seconds"] < 2.5


@pytest.mark.slow
def test_never_runs_by_default(by_default):
    """The default load runs no code that nobody vouched for, whatever else it lets through."""
    ran = {title: told["ran"] for (part, title), told in by_default.items() if told["ran"]}

    assert set(ran) <= {
        "a constructor of a versioned class",
        "a constructor by OBJ",
        "an object that is asked for its name, before damaged bytes",
    }


def table(by_default):
    """The page of the docs."""
    lines = [HEAD]
    for part, title in PARTS.items():
        rows = [hostile for hostile in PICKLES if hostile.part == part]
        stopped = sum(stops(by_default[part, row.title]) for row in rows)
        lines.append(f"\n## {title}\n\nThe default load stops {stopped} of {len(rows)}.\n")
        lines.append("| | default | `limits=` |\n|---|---|---|")
        for row in rows:
            mark = "stops" if stops(by_default[part, row.title]) else "**does not**"
            shown = row.title.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
            lines.append(f"| {shown} | {mark} | stops |")
    return "\n".join(lines) + "\n"


HEAD = """\
# Hostile pickles

No pickler would write these pickles.
The tests load each of them in a separate process that may use 128 MiB.
With `limits=`, each load ends in one of our errors within a second, and no code runs.
The default load is made for your own data; the tables show which pickles it stops.
A pickle that it does not stop loads into an object that is not what it seems, raises one of Python's own errors, or takes more memory or time than is available.
Even then, the default load runs no code that you did not declare or allow.
"""  # noqa: E501 - a sentence is a line


@pytest.mark.slow
def test_table(by_default):
    """The docs say what the default load stops; HOSTILE_TABLE=write writes it."""
    told = table(by_default)
    if os.environ.get("HOSTILE_TABLE") == "write":
        TABLE.write_text(told)

    assert told == TABLE.read_text()
