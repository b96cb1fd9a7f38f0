"""
Programs that torture a store, each in a process that forks the ones to suffer.

    python store_torture.py killed FOLDER ROUNDS SEED
    python store_torture.py failing FOLDER once|onwards ERRNO STEP     (under fiu-run -x)
    python store_torture.py cut FOLDER STEP
    python store_torture.py filled DISK STEP
    python store_torture.py closed FOLDER ROUNDS

Each ends with its counts as JSON, or with the first promise that was not kept.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import itertools
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import traceback

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

import versionpickle

from versionpickle import migration, versioned
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle.exceptions import ConflictError, StoreError
from versionpickle.migrations import add, convert, rename, split
from versionpickle.stores._sqlite import database as _database


YESTERDAY = {"torture.order": 1}


@versioned(version=3, name="torture.order")
@attrs.define
class Order:
    number: int
    amount: float
    first: str
    last: str
    currency: str


def _euros(cents):
    return cents / 100


def _cents(euros):
    return round(euros * 100)


def _full(first, last):
    return f"{first} {last}"


migration(Order, 1, rename("total", "amount"), convert("amount", _euros, back=_cents))
migration(
    Order, 2, split("customer", ("first", "last"), str.split, back=_full), add("currency", "EUR")
)


def order(number):
    """Return an object that shows by each field which one it is."""
    return Order(number, number / 100, "Ada", str(number), "EUR")


def number_of(found):
    """Return the number of an order; fail if any part of it is not that order's."""
    assert found == order(found.number), found
    return found.number


def numbers(store):
    """Load all that is in a store."""
    return {key: number_of(found) for key, found in store.items()}


def check(path):
    """Read a store as one does after an accident; return what is in it."""
    with versionpickle.open(path) as store:
        found = numbers(store)
        verified = store.verify(load=True)
        survey = store.survey()
    assert not verified.damages, verified
    assert (survey.records, survey.unknown, survey.damaged) == (len(found), 0, 0), survey
    connection = sqlite3.connect(path)
    with contextlib.closing(connection):
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute(
            "SELECT data, text FROM records JOIN labels ON labels.id = records.label"
        )
        for data, text in rows:
            assert manifest_of(data).text == text
    return found


def forked(work, *args):
    """Run *work* in a fork; return the id of its process, which ends with it."""
    process = os.fork()
    if process:
        return process
    try:
        work(*args)
    except BaseException:  # noqa: BLE001 - nothing may come back from here
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def in_fork(work, *args):
    """Begin *work* in a fork; return a function that waits for what it returns."""
    reader, writer = os.pipe()
    process = forked(lambda: os.write(writer, json.dumps(work(*args)).encode()))
    os.close(writer)

    def ended():
        with os.fdopen(reader, "rb") as file:
            said = file.read()
        _, status = os.waitpid(process, 0)
        assert status == 0, f"see above ({status})"
        return json.loads(said)

    return ended


# Killed


PREPARED = 400
"""How many records of yesterday a store has to begin with."""

KEYS = 40
"""How many keys each writer has."""


def killed(folder, rounds, seed):
    """Let four write and one migrate, kill them, and look; again and again."""
    chance = random.Random(seed)
    _database._CHECKPOINT_AFTER = 400_000  # many checkpoints, so that some are killed
    counts = collections.Counter()
    for number in range(rounds):
        if number % 25 == 0:
            path = folder / f"{number}.db"
            expected = _prepared(path)
        logs = [folder / f"{number}-{name}.log" for name in "abcd"]
        for log in logs:
            log.touch()
        _one_round(path, logs, chance)
        found = check(path)
        for log in logs:
            counts += _settle(expected, log, found)
            log.unlink()
        assert expected == found
        counts["rounds"] += 1
    return counts


def _prepared(path):
    expected = {f"old-{number:03}": number for number in range(PREPARED)}
    with versionpickle.open(path, versions=YESTERDAY) as store:
        store.update({key: order(number) for key, number in expected.items()})
    return expected


def _one_round(path, logs, chance):
    seeds = iter(lambda: chance.randrange(2**32), None)
    processes = [forked(_migrate_on, path, next(seeds))]
    processes += [forked(_write_on, path, log, next(seeds)) for log in logs]
    time.sleep(chance.uniform(0.05, 0.3))
    chance.shuffle(processes)
    for process in processes:
        os.kill(process, signal.SIGKILL)
        time.sleep(chance.choice((0, 0, 0.01)))  # some live on for a moment
    for process in processes:
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status), "a process has failed before it was killed"


def _migrate_on(path, seed):
    chance = random.Random(seed)
    with versionpickle.open(path) as store:
        sweeps = (store.migrate, store.rollback, store.forget_originals, store.verify)
        while True:
            chance.choice(sweeps)()


def _write_on(path, log, seed):
    chance = random.Random(seed)
    name = log.stem.rpartition("-")[2]
    stores = versionpickle.open(path), versionpickle.open(path, versions=YESTERDAY)
    with log.open("a", buffering=1) as file:
        for number in itertools.count(seed):
            changes = _changes(chance, name, number)
            print(json.dumps(changes), file=file)
            _carry_out(chance.choice(stores), changes)
            print("done", file=file)


def _changes(chance, name, number):
    """Return what is to become of some keys: the number of an order, or None."""
    keys = chance.sample(range(KEYS), chance.choice((1, 1, 1, 2, 5)))
    return {f"{name}-{key:02}": chance.choice((number, number, None)) for key in keys}


def _carry_out(store, changes):
    ((key, number), *others) = changes.items()
    if None not in changes.values() and others:
        store.update({key: order(number) for key, number in changes.items()})
    elif others:
        with store.transaction():
            for each in changes.items():
                _carry_out(store, dict((each,)))
    elif number is None:
        store.pop(key, None)
    elif number % 2 and key in store:
        _edit(store, key, number)
    else:
        store[key] = order(number)


def _edit(store, key, number):
    """Change a record that only a migration may change meanwhile."""
    while True:
        with contextlib.suppress(ConflictError):
            with store.edit(key) as found:
                for name, value in attrs.asdict(order(number)).items():
                    setattr(found, name, value)
            return


def _settle(expected, log, found):
    """Add to *expected* what a writer has done, and what it was doing if that is there."""
    counts = collections.Counter()
    begun = None
    for line in log.read_text().splitlines(keepends=True):
        if line == "done\n":
            _apply(expected, begun)
            counts["acknowledged"] += 1
            begun = None
        elif line.endswith("\n"):
            begun = json.loads(line)
    if begun and all(found.get(key) == number for key, number in begun.items()):
        _apply(expected, begun)
        counts["there without being acknowledged"] += 1
    elif begun:
        counts["undone"] += 1
    return counts


def _apply(expected, changes):
    for key, number in changes.items():
        if number is None:
            expected.pop(key, None)
        else:
            expected[key] = number


# On a disk that fails


BEFORE = {
    "edit": 1,
    "delete": 1,
    "transaction-1": 1,
    **{f"old-{number:02}": number for number in range(30)},
}
CHANGES = {
    "put": {"put": 2},
    "edit": {"edit": 3},
    "delete": {"delete": None},
    "transaction": {"transaction-1": None, "transaction-2": 2},
    "update": {f"update-{number:03}": number for number in range(200)},
}
STEPS = [
    "put",
    "migrate",
    "edit",
    "rollback",
    "delete",
    "migrate",
    "transaction",
    "survey",
    "update",
    "verify",
    "forget_originals",
]


class Trial:
    """All that is done with a store, in a process for which the disk fails somewhere."""

    def __init__(self, path):
        self._path = path
        self._store = None
        self.failures = {}
        self.ends = {}
        """Whether each of the changes was acknowledged."""

    def run(self, *, dies=False):
        for step in STEPS:
            self._attempt(step)
            if dies and self.failures:
                return

    def _attempt(self, step):
        try:
            if self._store is None:
                self._store = versionpickle.open(self._path)
            if step in CHANGES:
                _carry_out(self._store, CHANGES[step])
            else:
                getattr(self._store, step)()
        except StoreError as exc:
            self.failures[step] = f"{type(exc).__name__}: {exc.problem}"
        self.ends[step] = step not in self.failures

    def look(self):
        """Look at it with the same store, on a disk that works again, and close that."""
        with self._store or versionpickle.open(self._path) as store:
            _agree(self.ends, numbers(store))


def _agree(ends, found):
    """Fail if what was acknowledged is not there, or half of what was not."""
    for step, changes in CHANGES.items():
        there = {key: found.get(key) for key in changes}
        assert there == changes or (not ends.get(step) and there == _before(changes)), step
    changed = set().union(*CHANGES.values())
    assert [found[key] for key in BEFORE if key not in changed] == list(range(30))


def _before(changes):
    return {key: BEFORE.get(key) for key in changes}


def _prepare_trial(path):
    with versionpickle.open(path, versions=YESTERDAY) as store:
        store.update({key: order(number) for key, number in BEFORE.items()})


def failing(folder, mode, number, step):
    """Let each operation on the disk fail in its turn, or all from there on."""
    _database._CHECKPOINT_AFTER = 100_000  # some in each trial
    counts = collections.Counter()
    for nth in itertools.count(1, step):
        path = folder / f"{nth}.db"
        _prepare_trial(path)
        failed, ends, failures = in_fork(_trial_with_faults, path, nth, mode, number)()
        _agree(ends, check(path))
        if not failed:
            return counts
        counts["operations"] += 1
        counts.update(failures.values())
        path.unlink()
    raise AssertionError("it never ends")


def _trial_with_faults(path, nth, mode, number):
    trial = Trial(path)
    with Faults(nth, mode, number) as faults:
        trial.run(dies=mode == "dying")
    if mode == "dying":
        _LEFT_OPEN.append(trial)
    else:
        trial.look()
    return faults.failed, trial.ends, trial.failures


_LEFT_OPEN = []
"""What a process that ends at once does not close."""


class Faults:
    """Let the nth call that this process makes to the disk fail, or all from that on."""

    def __init__(self, nth, mode, number):
        self._left = nth
        self._mode = mode
        self._number = number
        self.failed = 0
        self._libfiu = ctypes.CDLL("libfiu.so.0")
        self._callback = _CALLBACK(self._fails)

    def _fails(self, *_):
        self._left -= 1
        fails = self._left == 0 or (self._left < 0 and self._mode == "onwards")
        self.failed += fails
        return fails

    def __enter__(self):
        for name in _CALLS:
            reason = ctypes.c_void_p(self._number)
            assert not self._libfiu.fiu_enable_external(name, 1, reason, 0, self._callback)
        return self

    def __exit__(self, *_):
        for name in _CALLS:
            self._libfiu.fiu_disable(name)


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)
_CALLS = (
    b"posix/io/oc/open",
    b"posix/io/rw/pread",
    b"posix/io/rw/pwrite",
    b"posix/io/rw/read",
    b"posix/io/rw/write",
    b"posix/io/rw/ftruncate",
    b"posix/io/sync/fsync",
    b"posix/io/sync/fdatasync",
    b"posix/io/dir/unlink",
)


def cut(folder, step):
    """Let no file grow beyond a size, for each size."""
    _database._CHECKPOINT_AFTER = 100_000
    counts = collections.Counter()
    for size in itertools.count(0, step):
        path = folder / f"{size}.db"
        _prepare_trial(path)
        ends, failures = in_fork(_trial_with_limit, path, size)()
        _agree(ends, check(path))
        if not failures:
            return counts
        counts["sizes"] += 1
        counts.update(failures.values())
        path.unlink()
    raise AssertionError("it never ends")


def _trial_with_limit(path, size):
    trial = Trial(path)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    trial.run()
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    trial.look()
    return trial.ends, trial.failures


def filled(folder, step):
    """Let a disk be full after a number of pages, for each number; *folder* is a small disk."""
    _database._CHECKPOINT_AFTER = 100_000
    counts = collections.Counter()
    for pages in itertools.count(0, step):
        path = folder / f"{pages}.db"
        _prepare_trial(path)
        ends, failures = in_fork(_trial_on_full_disk, path, pages)()
        _agree(ends, check(path))
        if not failures:
            return counts
        counts["sizes"] += 1
        counts.update(failures.values())
        path.unlink()
    raise AssertionError("it never ends")


def _trial_on_full_disk(path, pages):
    disk = os.statvfs(path.parent)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    trial = Trial(path)
    _resize(path.parent, used + pages * disk.f_frsize)
    trial.run()
    _resize(path.parent, disk.f_blocks * disk.f_frsize)
    trial.look()
    return trial.ends, trial.failures


def _resize(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


# Closed


def closed(folder, rounds):
    """Close a store while eight threads use it in every way."""
    path = folder / "closed.db"
    counts = collections.Counter()
    with versionpickle.open(path, versions=YESTERDAY) as store:
        store.update({f"{number}": order(number) for number in range(1_000)})
    for number in range(rounds):
        store = versionpickle.open(path, durability="normal")
        uses = _uses(store)
        with ThreadPoolExecutor(len(uses)) as pool:
            ends = [pool.submit(_use_on, use) for use in uses]
            time.sleep(0.01 * (number % 5 + 1))
            store.close()
        counts.update(end.result() for end in ends)
    check(path)
    return counts


def _uses(store):
    return [
        lambda key: store.get(key),
        lambda key: list(store.items()),
        lambda key: store.update({f"{number}": order(number) for number in range(100)}),
        lambda key: store.pop(key, None),
        lambda key: store.setdefault(key, order(int(key))),
        lambda key: _edit(store, key, int(key)),
        lambda key: store.migrate(),
        lambda key: store.verify(),
    ]


def _use_on(use):
    """Use it until that is an error; return which."""
    for number in itertools.cycle(range(1_000)):
        try:
            use(f"{number}")
        except KeyError:
            continue
        except StoreError as exc:
            return exc.problem
    raise AssertionError("it never ends")


def main(what, folder, *args):
    counts = PROGRAMS[what](Path(folder), *(int(arg) if arg.isdigit() else arg for arg in args))
    sys.stdout.write(json.dumps(counts))


PROGRAMS = {work.__name__: work for work in (killed, failing, cut, filled, closed)}

if __name__ == "__main__":
    main(*sys.argv[1:])
