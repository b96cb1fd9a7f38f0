"""Real pickles from real old releases agree with what those releases recorded."""

from __future__ import annotations

import json
import subprocess
import sys

from pathlib import Path

import pytest


EXAMPLE = Path(__file__).parents[1] / "examples" / "old_pickles"
sys.path.insert(0, str(EXAMPLE))

import facts  # noqa: E402 - stands beside the demo


@pytest.mark.parametrize("package", facts.PACKAGES)
def test_agrees(package):
    """Each file loads, is stored with a stamp, and loads again, by plain pickle too."""
    done = subprocess.run(
        [sys.executable, EXAMPLE / "look.py", "versionpickle", package],
        capture_output=True,
        check=True,
    )

    assert dict.fromkeys((file.name for file in facts.files(package)), "agrees") == json.loads(
        done.stdout
    )


def test_all_files_are_tried():
    """The corpus holds what its README lists."""
    assert {package: len(facts.files(package)) for package in facts.PACKAGES} == {
        "networkx": 21,
        "packaging": 2,
        "treelib": 1,
        "pint": 1,
        "attrs": 1,
    }


@pytest.mark.parametrize("package", facts.PACKAGES)
def test_declarations_are_short(package):
    """What a user writes for one package stays under 25 lines."""
    lines = (EXAMPLE / f"declare_{package}.py").read_text().splitlines()

    assert len([line for line in lines if line.strip()]) < 25
