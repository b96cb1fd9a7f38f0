"""No opcode takes much memory, however often it is repeated: each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys

from pathlib import Path

import pytest

from hostile.opcodes import repeated

import versionpickle

from versionpickle import Limits
from versionpickle.exceptions import VersionPickleError


MUCH = 144
"""How many MiB a load may take: 128, and an eighth of that."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory")


def memory_of_load(data):
    """How many MiB a load with limits takes at most, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # which forgets the peak so far
        before = peak()
        with contextlib.suppress(VersionPickleError):
            versionpickle.loads(data, limits=Limits())
        os.write(writing, b"%d" % ((peak() - before) // 1024))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read()
    os.waitpid(child, 0)
    return int(told)


def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_opcodes():
    """In 64 KiB of one opcode, there are no bombs."""
    taken = {title: memory_of_load(data) for title, data in repeated(2**16, is_all=False)}

    assert len(taken) > 60
    assert {} == {title: memory for title, memory in taken.items() if memory > 24}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_all_opcodes(part):
    """Nor in 8 MiB, in whatever container."""
    wanted = (one for number, one in enumerate(repeated(8 * 2**20 - 8)) if number % 8 == part)
    taken = {title: memory_of_load(data) for title, data in wanted}

    assert {} == {title: memory for title, memory in taken.items() if memory > MUCH}
