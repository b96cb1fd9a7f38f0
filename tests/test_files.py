"""A pickle in a file is the old one or the new one, whatever fails."""

from __future__ import annotations

import errno
import os
import pickle
import random
import shutil
import signal
import stat
import subprocess
import sys
import time

import attrs
import pytest

import versionpickle

from versionpickle import dump_file, load_file, migration, versioned
from versionpickle._pickles.files import _own_as
from versionpickle.exceptions import StepError, TruncatedError, UnpicklableError
from versionpickle.migrations import convert


@pytest.fixture
def path(tmp_path):
    return tmp_path / "order.pickle"


def others(path):
    return [other.name for other in path.parent.iterdir() if other != path]


def test_file_round_trip(path):
    """What was written is read; nothing else is left in the folder."""
    dump_file({"a": [1, 2]}, path, 5)

    assert {"a": [1, 2]} == load_file(str(path))
    assert [] == others(path)


def test_mode(path):
    """A new file has the mode that open() would give it, an old one keeps its own."""
    other = path.with_name("other")
    other.write_bytes(b"")
    dump_file(1, path)
    assert other.stat().st_mode == path.stat().st_mode

    path.chmod(0o600)
    dump_file(2, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_link(path):
    """The file behind a link is replaced, and the link stays."""
    link = path.with_name("link")
    dump_file(1, path)
    link.symlink_to(path)
    dump_file(2, link)

    assert link.is_symlink()
    assert load_file(path) == 2


def test_cannot_be_pickled(path):
    """An object that cannot be pickled leaves the file as it was."""
    dump_file(1, path)
    with pytest.raises(UnpicklableError):
        dump_file([lambda: 0], path)

    assert load_file(path) == 1
    assert [] == others(path)


class Unknown:
    """Neither declared nor allowed."""


def write_checked(obj, path, dump):
    if dump is dump_file:
        dump_file(obj, path, check=True)
    elif dump is versionpickle.dump:
        with path.open("r+b") as file:
            versionpickle.dump(obj, file, check=True)
    else:
        path.write_bytes(versionpickle.dumps(obj, check=True))


@pytest.mark.parametrize("dump", [dump_file, versionpickle.dump, versionpickle.dumps])
def test_checked(path, dump):
    """What a load would refuse is not written; what it admits is written as without the check."""
    dump_file("before", path)

    with pytest.raises(
        UnpicklableError, match=rf"pass allow=\['{__name__}:Unknown'\] to its loads"
    ):
        write_checked([Unknown()], path, dump)

    assert load_file(path) == "before"
    write_checked({"known": 1}, path, dump)
    assert path.read_bytes() == versionpickle.dumps({"known": 1})


def test_checked_by_the_rules_of_its_registry():
    """What one registry allows is read with that registry."""
    registry = versionpickle.Registry("own")
    versionpickle.allow(Unknown, registry=registry)

    data = versionpickle.dumps(Unknown(), registry=registry, check=True)

    assert type(versionpickle.loads(data, registry=registry)) is Unknown


def test_checked_without_its_buffers():
    with pytest.raises(TypeError, match="leave buffer_callback= out"):
        versionpickle.dumps(b"", 5, buffer_callback=print, check=True)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("missing/order.pickle", FileNotFoundError),
        ("", OSError),
        ("/dev/null", OSError),
    ],
)
def test_no_place_for_a_file(tmp_path, place, error):
    """Where no file can be, an OSError names the path; devices are not replaced."""
    place = tmp_path / place
    with pytest.raises(error) as caught:
        dump_file(1, place)

    assert str(place) == caught.value.filename
    assert not place.is_file()


def test_folder_that_cannot_be_read(path, monkeypatch):
    """A folder that allows no opening, as on Windows, keeps its files all the same."""

    def refuse(path, flags, *mode, real=os.open):
        if flags == os.O_RDONLY:
            raise PermissionError
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    dump_file(1, path)

    assert load_file(path) == 1


def test_failing_sync(path, monkeypatch):
    """Bytes that do not reach the disk replace nothing."""

    def fail(number):
        raise OSError(errno.EIO, "broken")

    dump_file(1, path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        dump_file(2, path)

    assert load_file(path) == 1
    assert [] == others(path)


def test_truncated_file(path):
    """Errors of a load note the file."""
    path.write_bytes(b"\x80\x04]")
    with pytest.raises(TruncatedError) as caught:
        load_file(path)

    assert [f"while loading {path}"] == caught.value.__notes__


@versioned(version=2, name="files price")
@attrs.define
class Price:
    amount: int


migration(Price, 1, convert("amount", int))


def test_loads_as_loads_does(path):
    """Old objects are upgraded, and what fails is named."""
    data = versionpickle.dumps([Price("12")]).replace(b"price\x94K\x02", b"price\x94K\x01")
    path.write_bytes(data)
    assert [Price(12)] == load_file(path)

    path.write_bytes(data.replace(b"12", b"xx"))
    with pytest.raises(StepError) as caught:
        load_file(path)
    assert caught.value.path == "obj[0]"


# What a disk or a signal does to it


def _run(source, *args):
    return subprocess.run(
        [sys.executable, "-c", source, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )


FILL = """
import sys, versionpickle
path, limit = sys.argv[1], int(sys.argv[2])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    versionpickle.dump_file(bytes(200_000), path)
except OSError as exc:
    print(exc.errno, exc.filename)
"""


def test_file_too_large(path):
    """A file that may not grow as far: the old one stays, and no other."""
    dump_file("old", path)
    done = _run(FILL, path, 100_000)

    assert f"{errno.EFBIG} {path}\n" == done.stdout
    assert load_file(path) == "old"
    assert [] == others(path)


@pytest.mark.skipif(not shutil.which("mount"), reason="no mount to make a small disk with")
def test_full_disk(tmp_path):
    """A full disk: the old file stays, and no other."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    try:
        path = tmp_path / "order.pickle"
        dump_file("old", path)
        done = _run(FILL, path, 0)

        assert f"{errno.ENOSPC} {path}\n" == done.stdout
        assert load_file(path) == "old"
        assert [] == others(path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


WRITE_ON = """
import sys, versionpickle
number = int(sys.argv[2])
while True:
    number += 1
    versionpickle.dump_file([number] * 20_000, sys.argv[1])
    print(number, flush=True)
"""


@pytest.mark.parametrize("rounds", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_while_writing(path, rounds):
    """A writer that is killed leaves a whole file, no older than what it said was written."""
    written = 0
    for seed in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE_ON, path, str(written)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(random.Random(seed).uniform(0, 0.02))
            writer.send_signal(signal.SIGKILL)
            said = writer.stdout.read().split()
        numbers = load_file(path)

        assert len(numbers) == 20_000
        assert len(set(numbers)) == 1
        assert numbers[0] >= max(map(int, said), default=written + 1)
        written = numbers[0]


def test_secret_while_it_is_written(path, monkeypatch):
    """A file that others may not read is not readable for them while it is written either."""
    dump_file("old", path)
    path.chmod(0o600)
    modes = []

    def look(number):
        modes.append(stat.S_IMODE(os.fstat(number).st_mode))

    monkeypatch.setattr(os, "fsync", look)
    dump_file("password", path)

    assert modes[0] == 0o600


def test_links_in_a_circle(path):
    """A link that leads to itself is an OSError."""
    path.symlink_to(path)

    with pytest.raises(OSError, match="symbolic link"):
        dump_file(1, path)


def test_note_of_an_unsafe_load(path):
    """pickle's own errors note the file as well."""
    path.write_bytes(b"?")
    with pytest.raises(pickle.UnpicklingError) as caught:
        load_file(path, unsafe=True)

    assert [f"while loading {path}"] == caught.value.__notes__


def test_owner(path):
    """The file belongs to whom it did before, where that may be decided."""
    old = path.parent / "old"
    old.touch()
    if os.geteuid() == 0:
        os.chown(old, 1234, 1234)
        dump_file(5, old)
        assert 1234 == old.stat().st_uid == old.stat().st_gid
    path.touch()
    _own_as("/", str(path))
