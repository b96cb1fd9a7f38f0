"""Yesterday's code and today's share a folder of pickles."""

from __future__ import annotations

import subprocess
import sys

from pathlib import Path

import pytest


FLEET = Path(__file__).with_name("fleet.py")


def together(*processes):
    """Run them at once; return how much each has read."""
    running = [
        subprocess.Popen(
            [sys.executable, FLEET, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for arguments in processes
    ]
    outcomes = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * len(running), outcomes
    return [int(out) for out, _ in outcomes]


def rolling_deploy(folder, count):
    """Pinned beside yesterday's code, and released when that is gone."""
    mixed = together(
        ("yesterday", folder, count // 2, 1), ("today", folder, count // 4, 2, "pinned")
    )
    released = together(
        ("today", folder, count // 8, 3), ("today", folder, count // 8, 4, "pinned")
    )
    assert min(mixed + released) > count // 20


def test_rolling_deploy(tmp_path):
    """No failed read, and no lost field."""
    rolling_deploy(tmp_path, 4_000)


@pytest.mark.slow
def test_long_rolling_deploy(tmp_path):
    """In 100,000 reads and writes."""
    rolling_deploy(tmp_path, 100_000)


def test_unpinned(tmp_path):
    """Without versions=, yesterday's code would fail: the test above is no empty one."""
    together(("today", tmp_path, 2_000, 1))

    with pytest.raises(AssertionError, match="newer code wrote it"):
        together(("yesterday", tmp_path, 2_000, 2))
