"""What is acknowledged survives a power loss, whatever of the rest has reached the disk."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess

from pathlib import Path

import attrs
import orders
import pytest

from power import SCENARIOS, opened, recordings
from power import sweep as copy_steps

from versionpickle import Store, exceptions, load_file
from versionpickle.stores._external.table import Table
from versionpickle.stores._sqlite import unopened


SHORT, LONG = (10, 20), (110, 400)
"""How many different disks are tried for each sweep of a place, and for each that is written."""


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    """A folder in memory if there is any: nothing here waits for a disk."""
    folder = tmp_path_factory.mktemp("power")
    if Path("/dev/shm").is_dir():
        folder = Path("/dev/shm") / f"versionpickle-{folder.name}-{folder.parent.name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def recorded(memory):
    try:
        subprocess.run(["strace", "--seccomp-bpf", "-f", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no strace here that may trace a process")
    folder = memory / "recorded"
    folder.mkdir()
    return recordings(folder)


@attrs.frozen
class Lost:
    """A place after a power loss within a step, or behind it."""

    address: str
    was: dict
    becomes: dict
    start: dict
    end: dict
    is_done: bool
    """Whether all steps were acknowledged."""

    def check_content(self, *, is_whole=False):
        found = content(self.address)
        if is_whole or self.was == self.becomes:
            assert found in (self.was, self.becomes)
        for key in {*self.was, *self.becomes, *found}:
            assert found.get(key) in (self.was.get(key), self.becomes.get(key)), key


def content(address):
    if address.endswith("/file"):
        return {path.name: load_file(path) for path in Path(address).parent.glob("file*")}
    with opened(address) as place:
        return {key: place._records.read(key) for key in place}


def is_unfinished(place):
    """Return whether only a sweep can undo what was under way: in a shelf, or in a table."""
    if isinstance(place, Store):
        return False
    if isinstance(place._records, Table) and "_columns" not in vars(place._records):
        return True
    return not place._records.is_atomic and place._records.journal.is_in_progress()


def leftovers(address):
    """Return what a sweep should have deleted; a file that was not renamed may be left."""
    root = Path(re.search("/.*? migrate", address)[0])
    names = [file.name for file in root.rglob("*") if "versionpickle" in file.name]
    return [name for name in names if not name.endswith(".tmp")]


def look(lost):
    """Look at a place as it is found; a shelf that may be half written is not read."""
    with opened(lost.address) as place:
        if is_unfinished(place):
            with pytest.raises(exceptions.StoreError, match="stopped w"):
                place.survey()
            return
        survey = place.survey()
        assert (0, 0) == (survey.damaged, survey.unknown)
        assert () == place.verify(load=True).damages
        is_whole = isinstance(place, Store)
    lost.check_content(is_whole=is_whole)


def sweep(address, verb):
    with opened(address) as place:
        return getattr(place, verb)()


def check_put(lost):
    if lost.address.endswith("/file"):
        lost.check_content()
    else:
        look(lost)


def check_migrate(lost):
    look(lost)
    sweep(lost.address, "migrate")
    with opened(lost.address) as place:
        assert 0 == place.survey().stale
    sweep(lost.address, "rollback")
    assert lost.start == content(lost.address)
    assert [] == leftovers(lost.address)


def check_rollback(lost):
    look(lost)
    sweep(lost.address, "rollback")
    assert lost.end == content(lost.address)


def check_forget_originals(lost):
    look(lost)
    with opened(lost.address) as place:
        count = place.originals()
        assert count == 0 or not lost.is_done
        assert (count, 0) == place.rollback()
        assert count == place.survey().stale


def check_copy_to(lost):
    look(lost)
    for _ in copy_steps(lost.address, "copy_to"):
        pass
    assert lost.end == content(lost.address)


CHECKS = {
    name.removeprefix("check_"): check
    for name, check in [*globals().items()]
    if name.startswith("check_")
}


def contents_at(recording, address, root):
    for disk in recording.stages():
        with written(disk, root):
            yield content(address)


@contextlib.contextmanager
def written(disk, root):
    root.mkdir()
    disk.write(root)
    try:
        yield
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("is_long", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("place", "verb"), SCENARIOS)
def test_power_loss(place, verb, is_long, recorded, memory, monkeypatch):
    """Whenever the power is lost, a place is whole, and can be rolled back or copied to again."""
    monkeypatch.setattr(unopened, "_RECENT", 0)  # no test waits for a file to settle
    orders.declare(4)
    recording = recorded[place, verb]
    root = memory / "lost"
    address = recording.address.replace(str(memory / "recorded"), str(root))
    contents = [*contents_at(recording, address, root)]
    for done, disk in recording.losses(1, (LONG if is_long else SHORT)[verb == "put"]):
        following = min(done + 1, len(contents) - 1)
        states = contents[done], contents[following], contents[0], contents[-1]
        with written(disk, root):
            CHECKS[verb](Lost(address, *states, is_done=done == following))
