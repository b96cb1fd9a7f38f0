"""What a store promises is kept when processes are killed, disks fail and bits flip."""

from __future__ import annotations

import collections
import contextlib
import errno
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from store_torture import YESTERDAY, check, in_fork, numbers, order

import versionpickle

from versionpickle import versioned
from versionpickle.exceptions import (
    ConflictError,
    DamagedRecordError,
    DamagedStoreError,
    LockedStoreError,
    NotAStoreError,
    StoreError,
)


TORTURE = Path(__file__).with_name("store_torture.py")
CROWD = Path(__file__).with_name("store_crowd.py")

needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")


def told_by(program, *args, under=()):
    """Run a program that tells what it has counted; show that, and return it."""
    done = subprocess.run(
        [*under, sys.executable, program, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    return json.loads(done.stdout)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.db"


@pytest.fixture
def disk(tmp_path):
    """A small disk of the test's own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount"):
        pytest.skip("no mount to make a small disk with")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


# Killed


@needs_forks
@pytest.mark.parametrize("rounds", [4, pytest.param(500, marks=pytest.mark.slow)])
def test_store_killed(tmp_path, rounds):
    """
    Writers and a migration that are killed at any moment lose nothing that was acknowledged.

    Four write, as today and as yesterday, each to keys of its own, and one migrates, rolls
    back, forgets originals and verifies.
    Whatever a call has returned from is there afterwards; what was under way is there as a
    whole or not at all; every record loads as today's class, and has the label of what is in it.
    Killing is not a power failure: what was handed to the system reaches the disk here.
    """
    counts = told_by(TORTURE, "killed", tmp_path, rounds, 1)

    assert rounds == counts["rounds"]
    assert counts["acknowledged"] > 20 * rounds


# Disks that fail


@needs_forks
@pytest.mark.parametrize(
    ("mode", "number", "step"),
    [
        ("once", errno.EIO, 40),
        ("onwards", errno.ENOSPC, 40),
        *(
            pytest.param(mode, number, 1, marks=pytest.mark.slow)
            for mode in ("once", "onwards", "dying")
            for number in (errno.EIO, errno.ENOSPC)
        ),
    ],
)
def test_failing_disk(tmp_path, mode, number, step):
    """
    Whichever operation on the disk fails, there is a StoreError, and all acknowledged is there.

    One fails, or all from one on, or one and then the process ends without closing the store.
    What was not acknowledged is there as a whole or not at all, in the same process and
    when the store is opened again.
    """
    if not shutil.which("fiu-run"):
        pytest.skip("no fiu-run (of fiu-utils) to let a disk fail with")
    args = ("failing", tmp_path, mode, number, step)
    counts = told_by(TORTURE, *args, under=("fiu-run", "-x"))

    assert counts.pop("operations") > 200 // step
    assert sum(counts.values()) > 100 // step


@needs_forks
@pytest.mark.parametrize(
    "step", [pytest.param(9_000, id="some"), pytest.param(500, id="all", marks=pytest.mark.slow)]
)
def test_files_that_cannot_grow(tmp_path, step):
    """Wherever a file may not grow, there is a StoreError, and all acknowledged is there."""
    counts = told_by(TORTURE, "cut", tmp_path, step)

    assert counts["sizes"] > 40_000 // step


@needs_forks
@pytest.mark.parametrize(
    "step", [pytest.param(6, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def test_full_disk(disk, step):
    """Whenever a disk becomes full, there is a StoreError, and all acknowledged is there."""
    counts = told_by(TORTURE, "filled", disk, step)

    assert counts["sizes"] > 20 // step
    assert any("the disk is full" in problem for problem in counts)


# Old and new code


def added_up(counts, name):
    return [one.get(name, 0) for one in counts[:-1]]


OPERATIONS = pytest.mark.parametrize(
    "operations", [2_000, pytest.param(200_000, marks=pytest.mark.slow)]
)


@needs_forks
@OPERATIONS
def test_released_among_old_code(tmp_path, operations):
    """
    Old and new code count in the same objects, and no increment is lost.

    Five processes: yesterday's code at versions 1 and 2, today's (3) pinned to each of
    these, and today's as it is released; a sixth migrates and rolls back all the time.
    So an object is of any version at any time.
    Old code that meets a newer one gets a placeholder, which it writes back as it is;
    it counts in what it can read, and today's code counts everywhere.
    No read fails, and none goes back behind what the same process has seen.
    """
    counts = told_by(CROWD, "released", tmp_path, operations, 1)

    increments, placeholders = added_up(counts, "increments"), added_up(counts, "placeholders")
    assert all(increments)
    assert any(placeholders[:2])
    assert not any(placeholders[2:])
    assert sum(added_up(counts, "looks")) >= operations
    assert counts[-1]["migrated"] > operations // 20


@needs_forks
@OPERATIONS
def test_pinned_beside_old_code(tmp_path, operations):
    """
    New code that writes yesterday's version leaves nothing that old code cannot read.

    Two processes of yesterday (version 2) and two of today, pinned to 2, count in objects
    that yesterday's code migrates from version 1, and rolls back, all the time.
    When they have ended, today's code migrates all to version 3, and every increment is there.
    """
    counts = told_by(CROWD, "pinned", tmp_path, operations, 1)

    assert not any(added_up(counts, "placeholders"))
    assert min(added_up(counts, "increments")) > operations // 10
    assert counts[-1]["migrated"] > operations // 20


# Bits that flip


@versioned(name="torture.note")
@attrs.define
class Note:
    text: str


@attrs.frozen
class Contents:
    """All that a store has, before and after a rollback."""

    records: dict
    survey: object
    rolled_back: tuple
    originals: dict


def contents(path):
    with versionpickle.open(path) as store:
        records, survey = dict(store.items()), store.survey()
        assert records == {key: store[key] for key in store}
        return Contents(records, survey, store.rollback(), dict(store.items()))


def fill(path, size):
    """Make a store with several labels, and with originals of a migration."""
    with versionpickle.open(path, versions=YESTERDAY) as store:
        store.update({f"order-{number}": order(number) for number in range(size)})
        store.update({f"{number}": [number] * 40 for number in range(size // 4)})
        store.update({f"00{number}": Note("n" * number) for number in range(size // 4)})
        store["large"] = Note("x" * 100 * size)
    with versionpickle.open(path) as store:
        store.migrate()
        for number in range(0, size - 1, 7):
            store[f"order-{number}"] = order(number)
            del store[f"order-{number + 1}"]
    with versionpickle.open(path, versions=YESTERDAY) as store:
        store.update({f"order-{number}": order(number) for number in range(2, size, 7)})


class Flipping:
    """Flip bits in copies of a store, and see what becomes of each."""

    def __init__(self, folder, size):
        self._path = folder / "flipped.db"
        fill(self._path, size)
        self.data = self._path.read_bytes()
        self._good = contents(self._path)

    def fate(self, bit):
        """Return how the flip of a bit was found, or that it was harmless."""
        data = bytearray(self.data)
        data[bit // 8] ^= 1 << bit % 8
        try:
            return self._fate(data)
        except Exception as exc:
            exc.add_note(f"bit {bit % 8} of byte {bit // 8}")
            raise

    def _fate(self, data):
        self._write(data)
        try:
            store = versionpickle.open(self._path)
        except StoreError:
            return "refused when opened"
        with store:
            self._read_all(store, {*self._good.records})
            damages = store.verify().damages
            named = {damage.key for damage in damages}
            if damages:
                self._read_all(store, named if None not in named else {*self._good.records})
                return "found"
        self._write(data)
        try:
            assert self._good == contents(self._path)
        except StoreError as exc:
            if "it cannot be written to" not in exc.problem:
                raise
            return "refused when written to"
        return "harmless"

    def _write(self, data):
        for log in ("-wal", "-shm"):
            self._path.with_name(self._path.name + log).unlink(missing_ok=True)
        self._path.write_bytes(data)

    def _read_all(self, store, doubtful):
        """Fail if a record is wrong, and if one cannot be read that is not *doubtful*."""
        for key, expected in self._good.records.items():
            try:
                assert expected == store[key]
            except (StoreError, DamagedRecordError, KeyError):
                assert key in doubtful


def flipped(flipping, bits):
    fates = collections.Counter(map(flipping.fate, bits))
    sys.stdout.write(f"{dict(fates)}\n")
    return fates


@pytest.mark.parametrize("count", [40, pytest.param(2_000, marks=pytest.mark.slow)])
def test_flipped_bits(tmp_path, count):
    """
    A flipped bit anywhere in the file is found by verify(), or has changed nothing.

    Nothing: every record, the survey and what a rollback puts back are equal.
    Whether it is found or not, no read returns something else than what was stored, and
    each record that verify() does not name is read as before.
    """
    flipping = Flipping(tmp_path, 200)
    chance = random.Random(1)
    fates = flipped(flipping, (chance.randrange(len(flipping.data) * 8) for _ in range(count)))

    assert fates["found"] > count // 3


def test_every_bit_that_describes_a_record(tmp_path):
    """So it is with each bit before a key: there SQLite says what the columns are."""
    flipping = Flipping(tmp_path, 8)
    places = [found.start() for found in re.finditer(b"order-4", flipping.data)]
    bits = [place * 8 - before for place in places for before in range(1, 65)]

    assert not flipped(flipping, bits)["refused when opened"]


def test_label_that_is_no_text(path):
    """A label of which a flipped bit has made bytes is found, and made good."""
    with versionpickle.open(path) as store:
        store["a"] = Note("1")
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE labels SET text = CAST(text AS BLOB)")
    with versionpickle.open(path) as store:
        assert 1 == store.survey().damaged
        assert store.verify().damages
        assert not store.verify().damages
        assert 0 == store.survey().damaged
        assert Note("1") == store["a"]


@pytest.mark.slow
def test_every_bit(tmp_path):
    """So it is with each bit of a small store that is no free space."""
    flipping = Flipping(tmp_path, 8)
    data = flipping.data
    used = [byte for byte in range(len(data)) if any(data[max(0, byte - 12) : byte + 12])]
    fates = flipped(flipping, (byte * 8 + bit for byte in used for bit in range(8)))

    assert fates["found"] > fates.total() // 2


def damage(path, *texts):
    """Flip a bit of each of these in the file of a store."""
    data = bytearray(path.read_bytes())
    for text in texts:
        assert data.count(text) == 1
        data[data.index(text)] ^= 1
    path.write_bytes(data)


def test_damaged_record(path):
    """A record with a flipped bit cannot be read, others can; storing it again heals it."""
    with versionpickle.open(path) as store:
        store.update({f"{number}": Note(f"text {number:03}") for number in range(200)})
    damage(path, b"text 007", b"text 107")

    with versionpickle.open(path) as store:
        done = store.verify()
        assert ["7", "107"] == [one.key for one in done.damages]
        assert 2 == store.survey().damaged
        for key in ("7", "107"):
            with pytest.raises(DamagedRecordError, match=f"record '{key}'.*orders.db"):
                _ = store[key]
        others = {f"{number}" for number in range(200)} - {"7", "107"}
        assert all(store[key] == Note(f"text {int(key):03}") for key in others)

        store["7"], store["107"] = Note("text 7"), Note("text 107")
        assert not store.verify().damages
        assert 0 == store.survey().damaged
        assert Note("text 7") == store["7"]


def page_of(path, table):
    """Return where the first page of a table stands in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((number,),) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        )
        ((size,),) = connection.execute("PRAGMA page_size")
    return slice((number - 1) * size, number * size)


def test_labels_that_cannot_be_read(path):
    """Records are not set apart because the part of the file with the labels is damaged."""
    with versionpickle.open(path) as store:
        store.update({f"{number}": Note(f"{number}") for number in range(20)})
    place = page_of(path, "labels")
    data = path.read_bytes()
    path.write_bytes(data[: place.start] + bytes(place.stop - place.start) + data[place.stop :])
    with versionpickle.open(path) as store:
        assert store.verify().damages

    damaged = path.read_bytes()
    path.write_bytes(damaged[: place.start] + data[place] + damaged[place.stop :])
    with versionpickle.open(path) as store:
        assert not store.verify().damages
        assert all(store[f"{number}"] == Note(f"{number}") for number in range(20))


def test_verified_while_somebody_writes(path):
    """A record of a class that is new since the verification has begun is no damaged one."""
    with versionpickle.open(path) as store, versionpickle.open(path) as other:
        store.update({f"{number:04}": number for number in range(1_000)})
        done = store.verify(progress=lambda _: other.setdefault("new", Note("new")))

        assert not done.damages
        assert Note("new") == store["new"]


def test_healed_while_it_is_verified(path):
    """A record that somebody stores again after it was found damaged is not set apart."""
    with versionpickle.open(path) as store:
        store.update({"a": Note("text 1"), "b": Note("text 2")})
    damage(path, b"text 1")
    healed = []

    def heal(done):
        if done.damages and not healed:
            store["a"] = Note("text 1")
            healed.append(done)

    with versionpickle.open(path) as store:
        store.verify(progress=heal)

        assert healed
        assert Note("text 1") == store["a"]


def test_written_after_a_label_was_replaced(path):
    """What is stored by a process that began before a label was damaged can be read by others."""
    with versionpickle.open(path) as store, versionpickle.open(path) as other:
        store.update({"a": Note("1"), "b": Note("2")})
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE labels SET text = text || '?'")
        assert other.verify().damages
        store["a"] = Note("3")

        assert Note("3") == other["a"]
        assert not other.verify().damages


# Threads and forks


THREADS = 8


@pytest.mark.parametrize("times", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_threads(path, times):
    """Threads that use one store lose no write, and see no half of a transaction."""
    with versionpickle.open(path, durability="normal") as store:
        store.update({"shared": {"count": 0}, "left": 1_000, "right": 1_000})
        with ThreadPoolExecutor(THREADS) as pool:
            ends = [pool.submit(_use, store, name, times) for name in range(THREADS)]
        for end in ends:
            end.result()

        assert THREADS * times == store["shared"]["count"]
        assert 2_000 == store["left"] + store["right"]
        assert {f"{name}": times - 1 for name in range(THREADS)} == {
            key: value for key, value in store.items() if key.isdigit()
        }


def _use(store, name, times):
    chance = random.Random(name)
    for number in range(times):
        store[f"{name}"] = number
        _increment(store)
        with store.transaction():
            moved = chance.randrange(-5, 5)
            store["left"] -= moved
            store["right"] += moved
        with contextlib.suppress(ZeroDivisionError), store.transaction():
            store["left"] = 0
            raise ZeroDivisionError
        assert number == store[f"{name}"]
        assert store["shared"]["count"] > number
        assert 2_000 == sum(pair[1] for pair in store.items() if pair[0] in {"left", "right"})


def _increment(store):
    while True:
        with contextlib.suppress(ConflictError):
            with store.edit("shared") as found:
                found["count"] += 1
            return


def test_transaction_of_another_thread(path):
    """What a thread has not committed is not there for another, in the same store object."""
    with versionpickle.open(path) as store, ThreadPoolExecutor(1) as pool:
        store["a"] = 1
        with store.transaction():
            store["a"] = 2
            assert 1 == pool.submit(store.get, "a").result()

        assert 2 == pool.submit(store.get, "a").result()


@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_closed_while_threads_use_it(tmp_path, rounds):
    """A store that is closed while others use it says so to each, in whatever they do."""
    counts = told_by(TORTURE, "closed", tmp_path, rounds)

    assert {"this store was closed": THREADS * rounds} == counts


def test_closed_store_is_one_file(path):
    """What was stored is in the file itself when the store is closed: one can copy that."""
    with versionpickle.open(path) as store:
        store["a"] = Note("text 1")

    assert [path] == [*path.parent.iterdir()]
    assert b"text 1" in path.read_bytes()


def write_some(store, name, count):
    for number in range(count):
        store[f"{name}-{number}"] = order(number)


@needs_forks
@pytest.mark.parametrize("count", [50, pytest.param(5_000, marks=pytest.mark.slow)])
def test_fork(path, count):
    """After a fork both processes go on with the store, at the same time."""
    with versionpickle.open(path) as store:
        write_some(store, "before", 5)
        child = in_fork(write_some, store, "child", count)
        write_some(store, "parent", count)
        child()

        assert 2 * count + 5 == len(store)
    assert 2 * count + 5 == len(check(path))


@needs_forks
def test_child_that_goes_on_alone(path):
    """What a child has stored is there though its parent closes the store, and it does not."""
    reader, writer = os.pipe()

    def go_on():
        store["child"] = order(1)
        os.read(reader, 1)
        store["child"] = order(2)

    store = versionpickle.open(path)
    store["parent"] = order(0)
    child = in_fork(go_on)
    while "child" not in store:
        time.sleep(0.01)
    store.close()
    os.write(writer, b"!")
    child()

    assert {"parent": 0, "child": 2} == check(path)


@needs_forks
def test_fork_within_a_transaction(path):
    """A child of a transaction can write when that has ended, or is told that it never can."""
    reader, writer = os.pipe()

    def write_later():
        os.read(reader, 1)
        try:
            store["child"] = order(3)
        except StoreError as exc:
            return exc.problem
        return "written"

    with versionpickle.open(path, timeout=0.2) as store:
        with store.transaction():
            store["a"] = order(1)
            child = in_fork(write_later)
            store["b"] = order(2)
        store["c"] = order(3)
        os.write(writer, b"!")
        told = child()

        assert "fork" in told or told == "written"
    assert {"a", "b", "c"} <= {*check(path)}


@needs_forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("forks", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_forks_among_threads(path, forks):
    """
    A process is forked while its threads write; each child writes as well.

    Or it is told at once that it cannot, where a thread was within a transaction for too long.
    """
    is_enough = threading.Event()

    def write_on(name):
        while not is_enough.is_set():
            write_some(store, name, 5)

    def write_in_child(number):
        signal.alarm(10)  # a child that waits for ever is a failure
        try:
            store[f"child-{number}"] = order(number)
        except StoreError as exc:
            return exc.problem
        return "written"

    with versionpickle.open(path, durability="normal") as store:
        with ThreadPoolExecutor(3) as pool:
            ends = [pool.submit(write_on, f"thread-{number}") for number in range(3)]
            try:
                told = [in_fork(write_in_child, number)() for number in range(forks)]
            finally:
                is_enough.set()
        for end in ends:
            end.result()

        assert told.count("written") == len(store.keys(prefix="child-"))
    assert all("was forked" in one for one in told if one != "written")
    assert told.count("written") > forks // 2
    assert told.count("written") + 15 == len(check(path))


# Errors as a user meets them


def make_folder(path):
    path.mkdir()


def make_text(path):
    path.write_text("These are the orders of today.\n" * 50)


def make_database(path):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (number)")


def make_newer(path):
    make_store(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def make_damaged(path):
    make_store(path)
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"?" * 4_000 + data[4_100:])


def make_store(path):
    with versionpickle.open(path) as store:
        store.update({f"{number}": order(number) for number in range(100)})


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("make", "error", "cure"),
    [
        (make_folder, NotAStoreError, "name a file"),
        (make_text, NotAStoreError, "name the right file"),
        (make_database, NotAStoreError, "name another file"),
        (make_newer, NotAStoreError, "formats up to 1; update versionpickle"),
        (make_damaged, DamagedStoreError, "verify"),
    ],
)
def test_no_store(path, make, error, cure, read_only):
    """What is no store, or none any more, is refused, with its name and a cure, and unchanged."""
    make(path)
    before = path.is_file() and path.read_bytes()
    with pytest.raises(error, match=cure) as caught:
        versionpickle.open(path, read_only=read_only)["1"]

    assert str(caught.value).startswith(f"{path}: ")
    assert before == (path.is_file() and path.read_bytes())


def test_missing_folder(tmp_path):
    """A folder that is not there is named, and not made."""
    with pytest.raises(NotAStoreError, match=f"there is no folder {tmp_path}/no; create it first"):
        versionpickle.open(tmp_path / "no" / "orders.db")

    assert [] == [*tmp_path.iterdir()]


def test_empty_file(path):
    """An empty file becomes a store."""
    path.touch()
    with versionpickle.open(path) as store:
        store["a"] = order(1)

    assert {"a": 1} == check(path)


def test_damage_met_by_a_read(path):
    """A part of the file that is garbage is an error where it is met, and only there."""
    make_store(path)
    place = page_of(path, "originals")
    data = path.read_bytes()
    path.write_bytes(data[: place.start] + b"?" * 100 + data[place.start + 100 :])

    with versionpickle.open(path) as store:
        assert [*range(100)] == sorted(numbers(store).values())
        with pytest.raises(DamagedStoreError, match=r"orders\.db: .*versionpickle verify"):
            store.rollback()
        assert store.verify().damages


def test_read_only_disk(disk):
    """A store on a disk that is read-only can be read, surveyed and verified, and not written."""
    path = disk / "orders.db"
    make_store(path)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    with versionpickle.open(path, read_only=True) as store:
        assert [*range(100)] == sorted(numbers(store).values())
        assert 100 == store.survey().records == store.verify().good
        for write in (lambda: store.pop("1"), lambda: store.update(a=1), store.clear):
            with pytest.raises(StoreError, match=r"orders\.db: it cannot be written to"):
                write()
    with pytest.raises(StoreError, match=r"orders\.db: .* pass read_only=True"):
        versionpickle.open(path)
    with pytest.raises(StoreError, match=r"new\.db: "):
        versionpickle.open(disk / "new.db")


def test_locked_by_another_program(path):
    """Writes wait for another program as long as they may; reads do not wait."""
    with versionpickle.open(path, timeout=0.1) as store:
        store["a"] = order(1)
        other = sqlite3.connect(path, isolation_level=None)
        with contextlib.closing(other):
            other.execute("BEGIN IMMEDIATE")
            begin = time.monotonic()
            with pytest.raises(LockedStoreError, match=r"orders\.db: .*timeout="):
                store["a"] = order(2)
            assert 0.1 <= time.monotonic() - begin < 5
            for write in (lambda: store.pop("a"), lambda: store.update(b=2), store.clear):
                with pytest.raises(LockedStoreError, match="change was not made"):
                    write()
            assert {"a": 1} == numbers(store)

        store["a"] = order(2)
        assert {"a": 2} == numbers(store)


@pytest.mark.parametrize("key", [1, b"a", None, ("a",), "\ud800", "a\udfff"])
def test_key_that_is_no_text(path, key):
    """A key that is no text, or half a character, is refused by every method, and named."""
    with versionpickle.open(path) as store:
        store["a"] = 1
        uses = (
            store.__getitem__,
            store.__contains__,
            store.__delitem__,
            store.get,
            store.pop,
            store.setdefault,
            lambda key: store.update({"b": 2, key: 3}),
            lambda key: store.edit(key).__enter__(),
            lambda key: store.__setitem__(key, 1),
        )
        for use in uses:
            with pytest.raises((TypeError, ValueError), match="UTF-8|must be str") as caught:
                use(key)
            assert repr(key) in str(caught.value)

        assert {"a": 1} == dict(store)


def until_it_fails(read):
    """Read until that is an error, for a second at most; return that."""
    end = time.monotonic() + 1
    while time.monotonic() < end:
        try:
            read()
        except StoreError as exc:
            return exc
    return None


def test_deleted_while_open(path):
    """A store that was deleted is a StoreError: for a write at once, for a read soon."""
    with versionpickle.open(path) as store:
        store["a"] = 1
        path.unlink()

        for write in (lambda: store.pop("a"), lambda: store.update(b=2), store.clear):
            with pytest.raises(StoreError, match=r"orders\.db: the file was deleted .*restore it"):
                write()
        assert "the file was deleted" in str(until_it_fails(lambda: store["a"]))
    assert not path.exists()


def test_replaced_while_open(path):
    """So is one that was replaced, and the other one is not touched."""
    other = path.with_name("other.db")
    make_store(other)
    with versionpickle.open(path) as store:
        store["a"] = 1
        other.replace(path)
        before = path.read_bytes()

        with pytest.raises(StoreError, match=r"orders\.db: the file was replaced .*open it again"):
            store["a"] = 2
        assert "the file was replaced" in str(until_it_fails(lambda: store["a"]))
    assert before == path.read_bytes()


def test_folder_that_became_a_file(tmp_path):
    """Where the folder itself is gone, and a file in its place, the store was deleted as well."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with versionpickle.open(folder / "orders.db") as store:
        store["a"] = 1
        shutil.rmtree(folder)
        folder.write_text("")

        with pytest.raises(StoreError, match="the file was deleted"):
            store["a"] = 2
