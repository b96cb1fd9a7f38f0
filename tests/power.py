"""
Power losses, replayed: what a program does to its files, and what a disk may hold afterwards.

    python power.py FOLDER

does what is recorded, under `strace`.
Everything that was flushed is on the disk after a loss.
Of all else each call, each page of a write and each name may be there or not, in any order.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import re
import sqlite3
import subprocess
import sys

from pathlib import Path

import attrs
import orders

from test_existing import PLACES, old

import versionpickle

from versionpickle import open_existing


# What is recorded


@attrs.frozen
class Write:
    of: int
    offset: int
    data: bytes

    def apply(self, disk):
        file = disk.file(self.of, self.offset + len(self.data))
        file[self.offset : self.offset + len(self.data)] = self.data


@attrs.frozen
class Extend:
    """A write of which only the new size has reached the disk."""

    of: int
    size: int

    def apply(self, disk):
        disk.file(self.of, self.size)


@attrs.frozen
class Resize:
    of: int
    size: int

    def apply(self, disk):
        del disk.file(self.of, self.size)[self.size :]


@attrs.frozen
class Rename:
    """What names in a folder mean from now on: a file, a folder, or nothing."""

    of: str
    names: dict[str, int | None]

    def apply(self, disk):
        disk.names.update(self.names)


@attrs.frozen
class Flush:
    of: int | str


@attrs.frozen
class Mark:
    text: str


FOLDER = 0
"""What stands for all folders where a name means one."""


def _parent(path):
    return path.rpartition("/")[0]


class Disk:
    """Files by number, and their names."""

    def __init__(self, files, names):
        self._files = files
        self.names = dict(names)
        self._own = set()

    def file(self, number, size=0):
        """Return a file of at least this size, to be changed."""
        if number not in self._own:
            self._files = {**self._files, number: bytearray(self._files.get(number, b""))}
            self._own.add(number)
        file = self._files[number]
        file.extend(bytes(max(0, size - len(file))))
        return file

    def copy(self):
        return Disk({number: bytearray(file) for number, file in self._files.items()}, self.names)

    def only(self, folder):
        """Return what is in a folder."""
        names = {
            name: number
            for name, number in self.names.items()
            if number is not None and f"{name}/".startswith(f"{folder}/")
        }
        return Disk({number: self._files.get(number, b"") for number in names.values()}, names)

    def write(self, root):
        """Write it all into a folder."""
        for path, data in self.content().items():
            if data is None:
                (root / path).mkdir()
            else:
                (root / path).write_bytes(data)

    def content(self):
        """Return what is in each file by its path; None for a folder."""
        found = {}
        for path, number in sorted(self.names.items()):
            parent = _parent(path)
            if number is not None and (not parent or found.get(parent, b"") is None):
                found[path] = None if number == FOLDER else bytes(self._files.get(number, b""))
        return found


class Recorder:
    """Understand the calls of a process as changes to the files of a folder."""

    def __init__(self, folder):
        self._folder = folder
        self._open = {}
        """What a descriptor refers to, and its offset."""

        self._names = {}
        self._sizes = {}
        self.events = []

    def read(self, trace):
        with trace.open() as lines:
            for line in lines:
                if (call := _CALL.match(line)) and (act := getattr(self, f"_{call[1]}", None)):
                    act(_arguments(call[2]), call[3])
        return self.events

    def _add(self, event):
        self.events.append(event)
        if isinstance(event, Rename):
            self._names.update(event.names)
        elif isinstance(event, Write):
            size = event.offset + len(event.data)
            self._sizes[event.of] = max(self._sizes[event.of], size)
        elif isinstance(event, Resize):
            self._sizes[event.of] = event.size

    def _path(self, path):
        """Return a path within the folder; None for others."""
        name = os.path.relpath(os.fsdecode(path), self._folder)
        return None if name.startswith("..") else "" if name == "." else name

    def _rename_to(self, names):
        folder, *others = {*map(_parent, names)}
        assert not others, names
        self._add(Rename(folder, names))

    def _openat(self, args, result):
        path = self._path(args[1])
        self._open.pop(result, None)
        if path is None:
            return
        number = self._names.get(path)
        if "O_CREAT" in args[2] and number is None:
            number = len(self._sizes) + 1
            self._sizes[number] = 0
            self._rename_to({path: number})
        if not path or number == FOLDER:
            self._open[result] = path, 0
            return
        assert number is not None, path
        if "O_TRUNC" in args[2] and self._sizes[number]:
            self._add(Resize(number, 0))
        self._open[result] = number, self._sizes[number] if "O_APPEND" in args[2] else 0

    def _close(self, args, result):
        self._open.pop(args[0], None)

    def _lseek(self, args, result):
        if args[0] in self._open:
            of, _ = self._open[args[0]]
            self._open[args[0]] = of, int(result)

    def _write(self, args, result):
        of, offset = self._open.get(args[0], ("", 0))
        if not isinstance(of, int):
            return
        data = args[1]
        if self._names.get("marks") == of:
            self.events.append(Mark(data.decode()))
            return
        data = data[: int(result)]
        self._add(Write(of, offset, data))
        self._open[args[0]] = of, offset + len(data)

    def _pwrite64(self, args, result):
        of, _ = self._open.get(args[0], ("", 0))
        data = args[1]
        if isinstance(of, int):
            self._add(Write(of, int(args[3]), data[: int(result)]))

    def _ftruncate(self, args, result):
        of, _ = self._open.get(args[0], ("", 0))
        if isinstance(of, int):
            self._add(Resize(of, int(args[1])))

    def _fsync(self, args, result):
        if args[0] in self._open:
            self.events.append(Flush(self._open[args[0]][0]))

    _fdatasync = _fsync

    def _rename(self, args, result):
        before, after = self._paths(args)
        if before is not None and after is not None:
            self._rename_to({before: None, after: self._names[before]})

    def _unlink(self, args, result):
        if (path := self._paths(args)[0]) is not None:
            self._rename_to({path: None})

    def _mkdir(self, args, result):
        if (path := self._paths(args)[0]) is not None:
            self._rename_to({path: FOLDER})

    _renameat = _renameat2 = _rename
    _unlinkat = _unlink
    _mkdirat = _mkdir

    def _paths(self, args):
        return [self._path(path) for path in args if isinstance(path, bytes)]


_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (\d+)")
_CALLS = (
    "openat,close,lseek,write,pwrite64,ftruncate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
)


def _arguments(text):
    return [
        bytes.fromhex(one[1:-1].replace("\\x", "")) if one.startswith('"') else one
        for one in text.split(", ")
    ]


def after(disk, events, loss):
    """Return what a disk holds after events, of which some of what was not flushed is lost."""
    flushed = set()
    kept = []
    for number, event in reversed([*enumerate(events)]):
        if isinstance(event, Flush):
            flushed.add(event.of)
        elif not isinstance(event, Mark):
            left = [event] if event.of in flushed else loss(number, event)
            kept.extend(reversed(left))
    disk = disk.copy()
    for change in reversed(kept):
        change.apply(disk)
    return disk


@attrs.frozen
class Recording:
    """What was done from one state of the disk on."""

    disk: Disk
    events: list
    address: str

    def after(self, point, loss):
        """Return what the disk holds if the power is lost before an event."""
        return after(self.disk, self.events[:point], loss)

    def done(self, point):
        """Return how many steps were acknowledged before an event."""
        return sum(event == Mark("done") for event in self.events[:point])

    def stages(self):
        """Yield the disk before all steps, and after each."""
        yield self.disk
        for point, event in enumerate(self.events):
            if event == Mark("done"):
                yield self.after(point, keep)

    def losses(self, seed, count):
        """Yield that many different disks after losses, each with the steps that were done."""
        chance = random.Random(seed)
        seen = set()
        for attempt in range(20 * count):
            point = chance.randint(1, len(self.events))
            disk = self.after(point, LOSSES[attempt % len(LOSSES)](chance, point))
            done = self.done(point)
            state = done, tuple(disk.content().items())
            if state not in seen:
                seen.add(state)
                yield done, disk
            if len(seen) == count:
                return


# What is lost


def keep(number, change):
    return [change]


def lose(number, change):
    return []


def _names_kept(number, change):
    if isinstance(change, Write):
        return [Extend(change.of, change.offset + len(change.data))]
    return [change] if isinstance(change, Rename) else []


def _data_kept(number, change):
    return [] if isinstance(change, Rename) else [change]


def _some(chance, point):
    share = chance.random()
    return lambda number, change: [change] if chance.random() < share else []


def _later(chance, point):
    """All behind a point in time is lost."""
    end = chance.randint(0, point)
    return lambda number, change: [change] if number < end else []


def _of_some_files(chance, point):
    kept = {}
    return lambda number, change: (
        [change] if kept.setdefault(change.of, chance.random() < 0.5) else []
    )


def _torn(chance, point):
    """Some pages or sectors of each write are lost; some leave zeros where a file grew."""
    size = chance.choice((512, 4096))

    def loss(number, change):
        if not isinstance(change, Write):
            return [change] if chance.random() < 0.8 else []
        left = []
        for piece in _pieces(change, size):
            what = chance.choice(["keep", "keep", "extend", "lose"])
            if what == "keep":
                left.append(piece)
            elif what == "extend":
                left.append(Extend(piece.of, piece.offset + len(piece.data)))
        return left

    return loss


def _pieces(write, size):
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        after = min(end, (start // size + 1) * size)
        yield Write(write.of, start, write.data[start - write.offset : after - write.offset])
        start = after


def _always(loss):
    return lambda chance, point: loss


LOSSES = [
    *map(_always, (keep, lose, _names_kept, _data_kept)),
    _some,
    _later,
    _of_some_files,
    _torn,
    _some,
    _torn,
]


# What is done


def make_file(folder, pickles):
    versionpickle.dump_file(0, folder / "file")
    return str(folder / "file")


def make_nothing(folder, pickles):
    return str(folder / "orders.db")


def make_store(folder, pickles):
    path = str(folder / "orders.db")
    with versionpickle.open(path) as store:
        store.update({key: versionpickle.loads(data) for key, data in pickles.items()})
    return path


def make_logging_table(folder, pickles):
    address = PLACES["table"](folder, pickles)
    with contextlib.closing(sqlite3.connect(folder / "app.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return address


MAKERS = {
    "file": make_file,
    "new store": make_nothing,
    "store": make_store,
    **{
        name: PLACES[name]
        for name in ("folder", "shelf, dumb", "shelf, sqlite3", "table")
        if name in PLACES
    },
    "table, log": make_logging_table,
}
"""gdbm and ndbm are not recorded: gdbm writes through memory, not by calls."""

SWEEPS = ("migrate", "rollback", "forget_originals", "copy_to")
SCENARIOS = [("file", "put"), ("new store", "put"), ("store", "put")] + [
    (place, verb) for place in [*MAKERS][2:] for verb in SWEEPS
]


def pickles_of_yesterday():
    order = orders.declare(1)
    long = pickle.dumps([order(9, 1.5), "long" * 3_000], 2)
    return {**old(3), "long": long}


def opened(address):
    is_store = address.endswith("orders.db")
    return versionpickle.open(address) if is_store else open_existing(address)


def put_file(address):
    for number in (1, 2):
        versionpickle.dump_file([number] * 3_000, address)
        yield
    versionpickle.dump_file("new", f"{address}-2")
    yield


def put_records(address):
    with opened(address) as store:
        store["new"] = 1
        yield
        store.update({"new": 2, "long": "short", "other": ["long" * 3_000]})
        yield
        with store.edit("other") as other:
            other.append(3)
        yield
        del store["new"]
        yield
    yield


def sweep(address, verb):
    with opened(address) as place:
        if verb != "copy_to":
            getattr(place, verb)()
        else:
            source = address_of_copied(address)
            with open_existing(source) as other:
                other.copy_to(place, overwrite=True)
        yield


def address_of_copied(address):
    return f"dir:{re.search('/.*? copy_to', address)[0]}/**/*.copied"


def steps(place, verb, address):
    """Return what does the steps of a scenario; each is acknowledged when it returns."""
    if verb != "put":
        return sweep(address, verb)
    return put_file(address) if place == "file" else put_records(address)


def prepare(folder, place, verb):
    folder.mkdir()
    address = MAKERS[place](folder, pickles_of_yesterday())
    orders.declare(4)
    if verb in {"rollback", "forget_originals"}:
        with opened(address) as store:
            store.migrate()
    if verb == "copy_to":
        for key in ("00001", "long", "new", "new/last"):
            path = folder / f"{key}.copied"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(pickle.dumps([key] * 2_000))
    return address


def perform(folder):
    with (folder / "marks").open("wb", buffering=0) as marks:
        for place, verb in SCENARIOS:
            name = f"{place} {verb}"
            address = prepare(folder / name, place, verb)
            marks.write(f"begin {name}".encode())
            marks.write(address.encode())
            marks.writelines(b"done" for _ in steps(place, verb, address))
            marks.write(b"end")


def recordings(folder):
    """Do all that is recorded, and return the recordings by place and verb."""
    trace = folder.with_name(f"{folder.name}.trace")
    under = ["strace", "--seccomp-bpf", "-f", "-xx", "-s", "1000000", "-o", trace, "-e", _CALLS]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([*under, sys.executable, __file__, folder], check=True, env=env)
    events = Recorder(folder).read(trace)
    trace.unlink()
    return {(place, verb): recording(f"{place} {verb}", events) for place, verb in SCENARIOS}


def recording(name, events):
    begin = events.index(Mark(f"begin {name}"))
    end = events.index(Mark("end"), begin)
    disk = after(Disk({}, {}), events[:begin], keep).only(name)
    return Recording(disk, events[begin + 2 : end], events[begin + 1].text)


if __name__ == "__main__":
    perform(Path(sys.argv[1]))
