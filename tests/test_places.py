"""Places that others keep: what is odd in them, and what a journal beside them is worth."""

from __future__ import annotations

import base64
import dbm.dumb
import gzip
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import zlib

from concurrent.futures import Executor, Future
from pathlib import Path

import orders
import pytest

from test_existing import make_folder, make_shelf, make_table, old

import versionpickle

from versionpickle import Limits, exceptions, open_existing
from versionpickle.stores._external import journal, journal_file, lock
from versionpickle.stores._external.coding import CODECS, Coding
from versionpickle.stores._external.journal import mark_of
from versionpickle.stores._sqlite import database as _database


is_root = hasattr(os, "geteuid") and os.geteuid() == 0


def rows(path, sql, *values):
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def table(tmp_path, schema, pickles):
    connection = sqlite3.connect(tmp_path / "app.db")
    with connection:
        connection.executescript(schema)
        if pickles:
            connection.executemany("INSERT INTO jobs VALUES (?, ?)", pickles)
    connection.close()
    return f"sqlite:{tmp_path}/app.db?table=jobs"


@pytest.fixture
def folder(tmp_path):
    address = make_folder(tmp_path, old(3))
    orders.declare(4)
    return address


@pytest.fixture
def shelf(tmp_path):
    address = make_shelf("dumb")(tmp_path, old(3))
    orders.declare(4)
    return address


class TestJournal:
    def test_two_patterns(self, tmp_path):
        """Two addresses of one folder keep their originals apart."""
        order = orders.declare(1)
        for suffix, number in (("pickle", 1), ("pkl", 2)):
            (tmp_path / f"a.{suffix}").write_bytes(pickle.dumps(order(number, 1.0)))
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        orders.declare(4)
        places = [f"dir:{tmp_path}/*.pickle", f"dir:{tmp_path}/*.pkl"]
        for address in places:
            with open_existing(address) as place:
                assert (1, 1) == (place.migrate().migrated, place.originals())
        for address in places:
            with open_existing(address) as place:
                assert (1, 0) == place.rollback()
        assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def test_one_at_a_time(self, folder):
        """While a sweep is at work, another one is told who it is; nothing is changed."""
        with open_existing(folder) as first, open_existing(folder) as second:
            steps = first.migrating()
            next(steps)
            for sweep in (second.migrate, second.rollback, second.forget_originals):
                with pytest.raises(exceptions.LockedStoreError, match="a migration of dir:.*proc"):
                    sweep()
            assert (3, 3) == (second.survey().current, second.originals())
            assert 0 == second.migrate(dry_run=True).migrated
            steps.close()
            assert (3, 0) == second.rollback()

    def test_held_by_nobody_known(self, folder, monkeypatch):
        """A sweep that has not begun yet is another sweep."""
        with open_existing(folder) as place:
            path = f"{place._records.journal.path}.lock"
            with (
                lock.lock(path),
                pytest.raises(exceptions.LockedStoreError, match="another sweep"),
            ):
                place.migrate()
            assert not Path(path).exists()

    def test_lock_that_was_deleted(self, tmp_path, monkeypatch):
        """Who waited for a lock that its holder has deleted takes a new one."""
        path = str(tmp_path / "lock")
        created = lock._created
        numbers = iter([1])
        monkeypatch.setattr(lock, "_created", lambda path: next(numbers, None) or created(path))
        with lock.lock(path):
            assert Path(path).exists()
        assert not Path(path).exists()

    def test_lock_that_is_deleted_at_this_moment(self, tmp_path, monkeypatch):
        """An error over a lock that its holder has just deleted is none."""
        path = tmp_path / "lock"
        path.write_text("no database, but a text that is long enough to be one" * 9)
        created = lock._created
        befores = iter([1])

        def create(path):
            before = next(befores, None)
            if before is None:
                Path(path).unlink()
            return before or created(path)

        monkeypatch.setattr(lock, "_created", create)
        with lock.lock(str(path)):
            assert path.read_bytes() == b""

    def test_read_while_it_is_written(self, folder, monkeypatch):
        """Who reads a journal that another process writes at this moment tries again."""
        failures = [refuse, refuse]

        def read(sql, values):
            return failures.pop()() if failures else [(5,)]

        monkeypatch.setattr(journal, "_PAUSE", 0)
        with open_existing(folder) as place:
            monkeypatch.setattr(place._records.journal, "_read_once", read)
            assert 5 == place.originals()
            failures += [refuse] * 9
            with pytest.raises(exceptions.StoreError, match="the disk fails"):
                place.originals()

    def test_lock_that_is_gone(self, tmp_path):
        """A lock that somebody deletes is none."""
        assert lock._inode(str(tmp_path / "gone")) is None

    def test_lock_that_is_no_file(self, tmp_path):
        """A lock that cannot be taken is told."""
        (tmp_path / "lock").write_text("no database, but a text that is long enough to be one" * 9)
        with pytest.raises(exceptions.StoreError, match="lock: .*not a store"):
            lock._locked(str(tmp_path / "lock"))

    @pytest.mark.skipif(is_root, reason="root may write anywhere")
    def test_folder_that_may_not_be_written(self, folder, tmp_path):
        """Where no journal can be made, nothing is changed."""
        (tmp_path / "orders").chmod(0o500)
        with open_existing(folder) as place, pytest.raises(exceptions.StoreError, match="created"):
            place.migrate()
        (tmp_path / "orders").chmod(0o700)

    def test_lock_in_no_folder(self, tmp_path):
        """Where no lock can be made, that is told."""
        with pytest.raises(exceptions.StoreError, match="it cannot be created"):
            lock._locked(str(tmp_path / "none" / "lock"))

    def test_outside_of_a_sweep(self, folder):
        """What changes a journal belongs into a sweep."""
        with (
            open_existing(folder) as place,
            pytest.raises(exceptions.StoreError, match="no sweep"),
        ):
            place._records.journal.end()

    def test_what_was_not_put_back(self, folder):
        """A rollback keeps what it could not put back, and may try again."""
        with open_existing(folder) as place:
            place.migrate()
            path = place._records._path("00001")
            ours = place._records.read("00001")
            versionpickle.dump_file("mine", path)
            assert (2, 1) == place.rollback()
            assert (0, 1, 1) == (*place.rollback(), place.originals())
            place._records.write([("00001", ours)])
            assert (1, 0, 0) == (*place.rollback(), place.originals())

    def test_many_originals(self, folder, monkeypatch):
        """They are put back a few at a time, and fewer if they are long."""
        monkeypatch.setattr(journal, "_LONG", 1)
        with open_existing(folder) as place:
            place.migrate()
            seen = []
            assert (3, 0) == place.rollback(progress=seen.append)
        assert [1, 2, 3] == seen

    def test_error_in_a_batch(self, folder, monkeypatch):
        """After an error, nothing is said to be kept that was not changed."""
        with open_existing(folder) as place:
            monkeypatch.setattr(place._records, "_write", refuse)
            with pytest.raises(exceptions.StoreError, match="the disk"):
                place.migrate()
            assert (0, 3) == (place.originals(), place.survey().stale)

    def test_mode(self, tmp_path, shelf):
        """The journal, and the index of a shelf, are for those alone who may read the data."""
        for path in tmp_path.iterdir():
            path.chmod(0o600)
        with open_existing(shelf) as place:
            place.migrate()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert {0o600} == {*modes.values()}
        assert "shelf.versionpickle" in modes

    def test_index_that_is_gone(self, tmp_path, shelf):
        """An index that is put back is for those alone who may read the data."""
        (tmp_path / "shelf.dat").chmod(0o600)
        with open_existing(shelf) as place:
            sidecar = place._records.sidecar()
            (tmp_path / "shelf.dir").unlink()
            place._records.restore_sidecar(sidecar)
        assert 0o600 == stat.S_IMODE((tmp_path / "shelf.dir").stat().st_mode)


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def refuse(*_):
    raise exceptions.StoreError("a", "the disk fails", "buy another one")


class TestUntrustedJournals:
    """A journal is not believed if somebody else can have written it."""

    @pytest.fixture
    def path(self, tmp_path, folder):
        with open_existing(folder) as place:
            place.migrate()
        return tmp_path / "orders" / ".versionpickle"

    def refused(self, folder, problem):
        with open_existing(folder) as place:
            for sweep in (place.survey, place.migrate, place.rollback):
                with pytest.raises(exceptions.NotAStoreError, match=problem):
                    sweep()

    def test_link(self, path, folder):
        """One that is a link is refused, wherever that leads."""
        path.rename(path.with_name("other"))
        path.symlink_to("other")
        self.refused(folder, "not a regular file")

    def test_mode(self, path, folder):
        """One that more people may write to is refused."""
        path.chmod(0o666)
        self.refused(folder, "more people may write")

    @pytest.mark.skipif(not is_root, reason="only root may give files away")
    def test_owner(self, path, folder):
        """One of somebody else is refused, unless the place is theirs as well."""
        os.chown(path, 12_345, -1)
        self.refused(folder, "belongs to another user")
        os.chown(path.parent, 12_345, -1)
        with open_existing(folder) as place:
            assert (3, 0) == place.rollback()

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE originals SET before = 'a text'",
            "INSERT INTO in_progress VALUES ('files *.pickle', 'a', 5, NULL, NULL)",
            "INSERT INTO sidecar VALUES ('files *.pickle', 5, 6)",
            "INSERT INTO failures VALUES ('files *.pickle', 'a', 1, 'b', 2, x'00', 'c')",
        ],
    )
    def test_content(self, path, folder, sql):
        """One that holds what we do not write is refused."""
        rows(path, sql)
        self.refused(folder, "does not write")

    def test_of_others(self, path, folder):
        """A file of somebody else that is where ours would be is kept as it is."""
        path.unlink()
        rows(path, "CREATE TABLE mine (x)")
        before = path.read_bytes()
        self.refused(folder, "move it away")
        assert before == path.read_bytes()

    def test_newer(self, path, folder):
        """One of a newer release is refused."""
        rows(path, "PRAGMA user_version = 3")
        self.refused(folder, "has format 3")

    def test_empty(self, path, folder):
        """An empty file is one in which nothing is kept."""
        path.write_bytes(b"")
        with open_existing(folder) as place:
            assert (0, []) == (place.originals(), place.parked())
            assert (0, 0) == place.rollback()
        assert not path.exists()

    def test_names(self, tmp_path, shelf):
        """One that names other files is refused, and none of these is written."""
        with open_existing(shelf) as place:
            place.migrate()
        path = tmp_path / "shelf.versionpickle"
        rows(path, "INSERT INTO sidecar VALUES ('shelve', '/../other', x'00')")
        rows(path, "INSERT INTO in_progress VALUES ('shelve', '00001', x'00', NULL, NULL)")
        with (
            open_existing(shelf) as place,
            pytest.raises(exceptions.NotAStoreError, match=r"names files .*/\.\./other"),
        ):
            place.rollback()
        assert not (tmp_path / "other").exists()


LEGACY = """
CREATE TABLE originals (key PRIMARY KEY, before BLOB, after INTEGER);
CREATE TABLE begun (key PRIMARY KEY, prior INTEGER);
CREATE TABLE aside (name PRIMARY KEY, data BLOB);
CREATE TABLE parked
    (key PRIMARY KEY, sum INTEGER, ref TEXT, version INTEGER, step TEXT, reason TEXT);
PRAGMA application_id = 0x56504B45;
"""


class TestOlderJournals:
    """What an older release has kept is put back."""

    def make(self, path, place, keys, *, begun=False):
        connection = sqlite3.connect(path)
        connection.executescript(f"PRAGMA journal_mode = WAL; {LEGACY}")
        with connection:
            for key, before, after in keys:
                values = (key, before, mark_of(after))
                connection.execute("INSERT INTO originals VALUES (?, ?, ?)", values)
                if begun:
                    connection.execute("INSERT INTO begun VALUES (?, NULL)", (key,))
        return connection

    @pytest.mark.parametrize("begun", [False, True])
    @pytest.mark.parametrize("kind", ["folder", "shelf"])
    def test_put_back(self, tmp_path, kind, begun, request):
        """Originals, also of a batch that was stopped, with or without its log."""
        pickles = old(3)
        make, path = {
            "folder": (make_folder, tmp_path / "orders" / ".versionpickle"),
            "shelf": (make_shelf("dumb"), tmp_path / "shelf.versionpickle"),
        }[kind]
        address = make(tmp_path, pickles)
        orders.declare(4)
        with open_existing(address) as place:
            place.migrate()
            keys = [(key, pickles[key], place._records.read(key)) for key in pickles]
            place._records.journal.path = str(tmp_path / "nowhere")
        path.unlink()
        connection = self.make(path, kind, keys, begun=begun)

        with open_existing(address) as place:
            if kind == "folder":  # the log of the open connection is read in a copy
                assert (3, 3) == (place.originals(), place.survey().current)
        connection.close()
        with open_existing(address) as place:
            assert 3 == place.originals()
            place.rollback()
            assert pickles == {key: place._records.read(key) for key in place}
            assert 0 == place.originals()
        assert not path.exists()

    def test_migrated_again(self, tmp_path):
        """A further migration keeps what the older release has kept."""
        pickles = old(3)
        address = make_folder(tmp_path, pickles)
        orders.declare(2)
        with open_existing(address) as place:
            place.migrate()
            keys = [(key, pickles[key], place._records.read(key)) for key in pickles]
        path = tmp_path / "orders" / ".versionpickle"
        path.unlink()
        self.make(path, "folder", keys).close()
        orders.declare(4)
        with open_existing(address) as place:
            assert 3 == place.migrate().migrated
            assert 3 == place.originals()
            assert (3, 0) == place.rollback()
            assert pickles == {key: place._records.read(key) for key in place}


class TestFolders:
    def test_deleted_meanwhile(self, folder, monkeypatch):
        """A file that is deleted while others are read is no record."""
        with open_existing(folder) as place:
            path = place._records._path("00002")
            seen = place.survey(progress=lambda number: Path(path).unlink(missing_ok=True))
            assert 2 == seen.records

    def test_keys_of_other_languages(self, tmp_path, folder):
        """A key is any text."""
        (tmp_path / "orders" / "caf\xe9.pickle").write_bytes(old(1)["00000"])
        orders.declare(4)
        with open_existing(folder) as place:
            assert 4 == place.migrate().migrated
            assert (4, 0) == place.rollback()

    def test_odd_files(self, tmp_path, folder):
        """A pipe, a name without a stem, links that lead out: each is a row, and no end."""
        files = tmp_path / "orders"
        os.mkfifo(files / "pipe.pickle")
        versionpickle.dump_file(1, files / ".pickle")
        versionpickle.dump_file(2, tmp_path / "outside.pickle")
        (files / "out.pickle").symlink_to(tmp_path / "outside.pickle")
        (files / "in.pickle").symlink_to(files / "00001.pickle")
        outside = (tmp_path / "outside.pickle").read_bytes()
        with open_existing(folder) as place:
            found = place.survey()
            assert (7, 4, 3) == (found.records, found.stale, found.damaged)
            done = place.migrate()
            assert (3, 1, 3) == (done.migrated, done.conflicts, done.failed)
            assert (7, 7, 0) == (done.total, done.seen, done.current)
            problems = {one.key: one.problem for one in place.verify(load=True).damages}
            assert {
                "": "the key '' is not the name of a file in it",
                "out": "it is a link that leads out of the folder",
                "pipe": "it is not a regular file",
            } == problems
            assert problems.keys() == {one.key for one in place.parked()}
        assert outside == (tmp_path / "outside.pickle").read_bytes()

    def test_linked_folder(self, tmp_path, folder):
        """A subfolder that is a link is not followed."""
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "orders" / "linked").symlink_to(tmp_path / "elsewhere")
        with open_existing(folder) as place:
            with pytest.raises(exceptions.StoreError, match="leads out"):
                place._records.write([("linked/a", b"N.")])
            assert 3 == len(place)

    def test_file_that_became_a_pipe(self, tmp_path, monkeypatch, folder):
        """What is no regular file any more when it is opened is not waited for."""
        os.mkfifo(tmp_path / "pipe")
        status = tmp_path.stat()
        monkeypatch.setattr(os, "stat", lambda path: status)
        from versionpickle.stores._external.folder import _content

        with pytest.raises(OSError, match="regular"):
            _content(str(tmp_path / "pipe"))

    @pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
    def test_names_that_are_no_text(self, tmp_path, folder):
        """A name that is no UTF-8 is a key as any other."""
        name = os.fsencode(tmp_path / "orders") + b"/caf\xe9.pickle"
        data = old(1)["00000"]
        path = Path(os.fsdecode(name))
        path.write_bytes(data)
        orders.declare(4)
        with open_existing(folder) as place:
            assert 4 == place.migrate().migrated
            assert (4, 4) == (place.originals(), place.survey().current)
            assert (4, 0) == place.rollback()
        assert data == path.read_bytes()

    @pytest.mark.parametrize("key", ["..\\..\\x", "C:\\x", "c:x", "a\\b"])
    def test_keys_of_windows(self, tmp_path, folder, key, monkeypatch):
        """A key that would lead out of the folder on Windows is not written anywhere."""
        with versionpickle.open(tmp_path / "x.db") as store, open_existing(folder) as place:
            store[key] = 1
            with pytest.raises(exceptions.StoreError, match="Windows"):
                store.copy_to(place)
            monkeypatch.setattr(os, "sep", "\\")
            with pytest.raises(exceptions.StoreError, match="not the name"):
                place._records._path(key)

    def test_missing(self, tmp_path):
        """A folder that is not there is told with what makes it."""
        with pytest.raises(exceptions.NotAStoreError, match="mkdir"):
            open_existing(f"dir:{tmp_path}/none/*.pickle")


class TestShelves:
    def test_count_of_half_a_batch(self, tmp_path, shelf):
        """While half of a batch is in it, nobody knows how many records there are."""
        with open_existing(shelf) as place, place._records.sweep("a test"):
            data = place._records.read("00001")
            place._records.journal.begin([("00001", data, data)], place._records.sidecar())
            (tmp_path / "shelf.dir").unlink()
            place._records.close()
            assert 0 == len(place)
            place._records._recover()
            assert 3 == len(place)

    def test_lost_index(self, tmp_path, shelf):
        """An index that dbm.dumb lost is told, with what brings it back."""
        shutil.move(tmp_path / "shelf.dir", tmp_path / "shelf.bak")
        with pytest.raises(exceptions.NotAStoreError, match=r"cp .*shelf.bak .*shelf.dir"):
            open_existing(shelf)
        shutil.copy(tmp_path / "shelf.bak", tmp_path / "shelf.dir")
        with open_existing(shelf) as place:
            assert 3 == len(place)

    def test_damaged_index(self, tmp_path, shelf):
        """An index that is damaged is told."""
        (tmp_path / "shelf.dir").write_text("'a', (0, \n")
        with (
            open_existing(shelf) as place,
            pytest.raises(exceptions.StoreError, match="index is d"),
        ):
            len(place)

    def test_damaged_data(self, shelf, monkeypatch):
        """A record whose module fails on it is a row."""
        with open_existing(shelf) as place:
            read = place._records.read_stored
            monkeypatch.setattr(
                place._records,
                "read_stored",
                lambda key: {"00001": refused_by_dbm, "00002": missing}.get(key, read)(key),
            )
            found = place.survey()
        assert (2, 1, 1) == (found.records, found.stale, found.damaged)

    def test_other_formats(self, shelf, monkeypatch):
        """Another format has no index beside its data."""
        with open_existing(shelf) as place:
            monkeypatch.setattr(dbm, "whichdb", lambda _: "dbm.gnu")
            assert {} == place._records.sidecar()

    def test_format_that_can_sync(self, shelf, monkeypatch):
        """A format that writes all when it is told so stays open."""
        with open_existing(shelf) as place:
            place._records._open("w")
            monkeypatch.setattr(dbm.dumb, "_Database", dict)
            place._records._sync()
            assert place._records._file is not None


def refused_by_dbm(_):
    raise OSError("the file ends too early")


def missing(key):
    raise KeyError(key)


ROWIDS = "CREATE TABLE jobs (rowid TEXT, _rowid_ TEXT, oid TEXT, work BLOB)"


class TestTables:
    def test_no_database(self, tmp_path):
        """A file that is no database is told."""
        (tmp_path / "app.db").write_text("no database, but a text that is long enough" * 9)
        with pytest.raises(exceptions.StoreError, match="not a store"):
            open_existing(f"sqlite:{tmp_path}/app.db?table=jobs&value=work")

    def test_rows_without_a_key(self, tmp_path):
        """Rows whose key is NULL are refused; by their number they are told apart."""
        pickles = [(None, data) for data in old(3).values()]
        address = table(tmp_path, "CREATE TABLE jobs (a TEXT UNIQUE, work BLOB)", pickles)
        orders.declare(4)
        with pytest.raises(exceptions.NotAStoreError, match="3 of its rows have no key.*NULL"):
            open_existing(f"{address}&key=a&value=work")
        with open_existing(f"{address}&value=work") as place:
            assert 3 == place.migrate().migrated

    @pytest.mark.parametrize(
        ("schema", "query", "told"),
        [
            ("CREATE TABLE jobs (a TEXT UNIQUE, work BLOB)", "key=work&value=work", "same column"),
            (
                "CREATE TABLE t (a, work); CREATE VIEW jobs AS SELECT * FROM t",
                "value=work",
                "a view",
            ),
            ("CREATE VIRTUAL TABLE jobs USING fts5(a, work)", "value=work", "virtual table"),
            (
                "CREATE TABLE jobs (a TEXT PRIMARY KEY, work) WITHOUT ROWID",
                "value=work",
                "no rowid",
            ),
            (ROWIDS, "value=work", "no rowid"),
            (ROWIDS, "key=rowid&value=work", "several rows"),
            ("CREATE TABLE jobs (a, b UNIQUE, work)", "key=a&value=work", "several rows"),
            (
                "CREATE TABLE jobs (a TEXT, b, work); CREATE UNIQUE INDEX i ON jobs (a, b)",
                "key=a&value=work",
                "several rows",
            ),
            ("CREATE TABLE jobs (a, work)", "value=work&codec=rot13", "no codec 'rot13'"),
        ],
    )
    def test_refused(self, tmp_path, schema, query, told):
        """What cannot be migrated row by row is refused before anything is changed."""
        address = table(tmp_path, schema, [])
        with pytest.raises(exceptions.NotAStoreError, match=told):
            open_existing(f"{address}&{query}")

    def test_collation_of_its_application(self, tmp_path):
        """Keys that only the application can compare are refused."""
        connection = sqlite3.connect(tmp_path / "app.db")
        connection.create_collation("mine", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE jobs (a TEXT COLLATE mine UNIQUE, work BLOB)")
        connection.commit()
        connection.close()
        with pytest.raises(exceptions.NotAStoreError, match="in a way of its application"):
            open_existing(f"sqlite:{tmp_path}/app.db?table=jobs&key=a&value=work")

    def test_collations(self, tmp_path):
        """Keys that differ in case alone are told apart, however the column compares them."""
        pickles = old(1_201)
        keys = [f"{'aA'[number % 2]}{number // 2:05}" for number in range(1_201)]
        schema = (
            "CREATE TABLE jobs (a TEXT COLLATE NOCASE, work BLOB);"
            "CREATE UNIQUE INDEX i ON jobs (a COLLATE BINARY)"
        )
        address = table(tmp_path, schema, zip(keys, pickles.values(), strict=True))
        orders.declare(4)
        with open_existing(f"{address}&key=A&value=WORK") as place:
            assert 1_201 == place.migrate().migrated
            assert (1_201, 0) == place.rollback()

    def test_column_called_rowid(self, tmp_path):
        """Rows are told apart by their number, whatever a column is called."""
        address = table(
            tmp_path,
            "CREATE TABLE jobs (rowid TEXT, work BLOB)",
            [("same", data) for data in old(3).values()],
        )
        orders.declare(4)
        with open_existing(f"{address}&value=work") as place:
            assert [1, 2, 3] == list(place)
            assert 3 == place.migrate().migrated
            assert (3, 0) == place.rollback()

    def test_number_as_key(self, tmp_path):
        """A key of whole numbers is the number of the row."""
        address = table(
            tmp_path,
            "CREATE TABLE jobs (id INTEGER PRIMARY KEY, work BLOB)",
            enumerate(old(3).values()),
        )
        orders.declare(4)
        with open_existing(f"{address}&key=id&value=work") as place:
            assert ([0, 1, 2], 3) == (list(place), place.migrate().migrated)

    def test_keys_that_are_no_text(self, tmp_path):
        """A key that is no UTF-8 is a row, and all others are migrated."""
        address = table(
            tmp_path, "CREATE TABLE jobs (a TEXT UNIQUE, work BLOB)", old(1_002).items()
        )
        rows(
            tmp_path / "app.db",
            "UPDATE jobs SET a = CAST(x'3030ff' AS TEXT) WHERE a IN (SELECT a FROM jobs "
            "ORDER BY a LIMIT 1 OFFSET 499)",
        )
        orders.declare(4)
        with open_existing(f"{address}&key=a&value=work") as place:
            assert (1_001, 1) == (place.survey().stale, place.survey().damaged)
            done = place.migrate()
            assert (1_001, 1) == (done.migrated, done.failed)
            assert "its key is not UTF-8" == place.parked()[0].reason
            (odd,) = [key for key in place if not key.isascii() or "\\" in key]
            with pytest.raises(exceptions.StoreError, match="its key is not UTF-8"):
                _ = place[odd]

    def test_names_that_are_paths(self, tmp_path):
        """The name of a table leads its journal nowhere else."""
        connection = sqlite3.connect(tmp_path / "app.db")
        with connection:
            connection.execute('CREATE TABLE "/../../x" (a TEXT UNIQUE, work BLOB)')
            connection.executemany('INSERT INTO "/../../x" VALUES (?, ?)', old(3).items())
        connection.close()
        orders.declare(4)
        with open_existing(f"sqlite:{tmp_path}/app.db?table=/../../x&key=a&value=work") as place:
            assert (3, 3) == (place.migrate().migrated, place.originals())
        assert {"app.db", "app.db-%2F..%2F..%2Fx.versionpickle"} == {*names_in(tmp_path)}

    @pytest.mark.parametrize("mode", ["WAL", "DELETE"])
    def test_reading_writes_nothing(self, tmp_path, mode):
        """To survey, read and verify writes nothing, whatever its journal."""
        address = make_table(tmp_path, old(3))
        rows(tmp_path / "app.db", f"PRAGMA journal_mode = {mode}")
        orders.declare(4)
        before = (tmp_path / "app.db").stat()
        with open_existing(address) as place:
            assert (3, 3) == (place.survey().stale, place.verify(load=True).good)
        after = (tmp_path / "app.db").stat()
        assert (before.st_mtime_ns, ["app.db"]) == (after.st_mtime_ns, names_in(tmp_path))

    def test_opened_meanwhile(self, tmp_path):
        """Who reads a file that nobody had open sees what somebody writes meanwhile."""
        address = make_table(tmp_path, old(3))
        rows(tmp_path / "app.db", "PRAGMA journal_mode = WAL")
        orders.declare(4)
        with open_existing(address) as place:
            assert 3 == place.survey().stale
            rows(tmp_path / "app.db", "DELETE FROM jobs WHERE id = '00001'")
            assert 2 == place.survey().stale
            place.migrate()
            assert 2 == place.survey().current

    def test_damaged_meanwhile(self, tmp_path, monkeypatch):
        """An error is one if nobody has changed the file."""
        address = make_table(tmp_path, old(3))
        rows(tmp_path / "app.db", "PRAGMA journal_mode = WAL")
        with open_existing(address) as place:
            database = place._records._database
            with pytest.raises(exceptions.StoreError, match="no such table"):
                database.read("SELECT * FROM no_such")
            states = iter([False, True])
            monkeypatch.setattr(database, "_is_undisturbed", lambda: next(states))
            with pytest.raises(exceptions.StoreError, match="no such table"):
                database.read("SELECT * FROM no_such")

    def test_deleted_meanwhile(self, tmp_path):
        """A file that is deleted while it is read ends in an error of ours."""
        address = make_table(tmp_path, old(3))
        rows(tmp_path / "app.db", "PRAGMA journal_mode = WAL")
        with open_existing(address) as place:
            len(place)
            (tmp_path / "app.db").unlink()
            with pytest.raises(exceptions.StoreError, match="opened|deleted"):
                len(place)

    def test_changed_just_now(self, tmp_path, monkeypatch):
        """A file that is changed again and again is read as others read it."""
        from versionpickle.stores._sqlite import unopened

        make_table(tmp_path, old(1))
        monkeypatch.setattr(unopened, "_RECENT", 0.01)
        path = str(tmp_path / "app.db")
        os.utime(path, (4e9, 4e9))
        assert unopened.Unopened.settled(path) is not None
        monkeypatch.setattr(unopened, "_RECENT", 4e9)
        monkeypatch.setattr(unopened.time, "sleep", lambda _: None)
        assert unopened.Unopened.settled(path) is None

    def test_error_in_a_batch(self, tmp_path):
        """A table that refuses a change keeps no originals, and says why."""
        address = make_table(tmp_path, old(3))
        rows(
            tmp_path / "app.db",
            "CREATE TRIGGER no BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'never'); END",
        )
        orders.declare(4)
        with open_existing(address) as place:
            with pytest.raises(exceptions.StoreError, match="never"):
                place.migrate()
            assert (0, 3) == (place.originals(), place.survey().stale)

    def test_too_long(self, tmp_path, monkeypatch):
        """A record that is too long to be kept fails, and the others are migrated."""
        large = pickle.dumps([orders.declare(1)(1, 1.0), bytes(5_000)], 2)
        address = make_table(tmp_path, {"large": large, **old(3)})
        orders.declare(4)
        with open_existing(address) as place:
            monkeypatch.setattr(place._records, "max_size", lambda: 4_000)
            done = place.migrate()
            assert (3, 1) == (done.migrated, done.failed)
            assert "no more than 4,000 can be kept" in done.failures[0].reason


TRIGGERS = {
    "kept": "BEFORE UPDATE ON jobs BEGIN SELECT RAISE(IGNORE); END",
    "changed": """AFTER UPDATE ON jobs WHEN new.work <> x'00'
        BEGIN UPDATE jobs SET work = x'00' WHERE id = new.id; END""",
}


class TestWhatCannotBeWritten:
    """What a table does not let be written is refused, and nothing is changed."""

    @pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS)
    def test_triggers(self, tmp_path, trigger):
        """A trigger that undoes a change is named as the cause; a rollback ends so as well."""
        schema = "CREATE TABLE jobs (id INTEGER PRIMARY KEY, work BLOB)"
        address = table(tmp_path, schema, [*enumerate(old(2).values())])
        before = rows(tmp_path / "app.db", "SELECT * FROM jobs")
        orders.declare(4)
        with open_existing(f"{address}&key=id&value=work") as place:
            rows(tmp_path / "app.db", f"CREATE TRIGGER undo {trigger}")
            with pytest.raises(exceptions.StoreError, match="a trigger of its table"):
                place.migrate()
            assert (0, before) == (
                place.originals(),
                rows(tmp_path / "app.db", "SELECT * FROM jobs"),
            )
            rows(tmp_path / "app.db", "DROP TRIGGER undo")
            place.migrate()
            rows(tmp_path / "app.db", f"CREATE TRIGGER undo {trigger}")
            with pytest.raises(exceptions.StoreError, match="a trigger of its table"):
                place.rollback()
            assert 2 == place.originals()

    def test_other_triggers(self, tmp_path):
        """A trigger that leaves the column alone is none of our business."""
        schema = """CREATE TABLE jobs (id INTEGER PRIMARY KEY, work BLOB);
            CREATE TABLE log (id);
            CREATE TRIGGER note AFTER UPDATE ON jobs BEGIN INSERT INTO log VALUES (new.id); END;"""
        address = table(tmp_path, schema, [*enumerate(old(2).values())])
        orders.declare(4)
        with open_existing(f"{address}&key=id&value=work") as place:
            assert 2 == place.migrate().migrated
            assert (2, 0) == place.rollback()

    def test_generated(self, tmp_path):
        """A column that is made from others is refused at once."""
        schema = "CREATE TABLE jobs (id INTEGER PRIMARY KEY, a BLOB, work BLOB AS (a))"
        address = table(tmp_path, schema, [])
        with pytest.raises(exceptions.NotAStoreError, match="'work' is a generated column"):
            open_existing(f"{address}&value=work")

    def test_utf16(self, tmp_path):
        """Texts that are not UTF-8 are not decoded; bytes of the same database are read."""
        schema = "PRAGMA encoding = 'UTF-16le'; CREATE TABLE jobs (id PRIMARY KEY, work)"
        address = table(tmp_path, schema, old(2).items())
        with pytest.raises(exceptions.NotAStoreError, match="UTF-16le"):
            open_existing(f"{address}&value=work&codec=base64")
        with open_existing(f"{address}&value=work") as place:
            assert 2 == place.verify().good

    @pytest.mark.parametrize("name", ["rowid", "ROWID", "oid", "_rowid_"])
    def test_names_of_rowid(self, tmp_path, name):
        """The number of a row has all the names that SQLite gives it."""
        address = table(tmp_path, "CREATE TABLE jobs (a, work)", old(2).items())
        with open_existing(f"{address}&key={name}&value=work") as place:
            assert [1, 2] == [*place]

    def test_closed_between_batches(self, tmp_path):
        """A place that is closed during a migration raises an error that says so."""
        schema = "CREATE TABLE jobs (id INTEGER PRIMARY KEY, work BLOB)"
        (data,) = old(1).values()
        address = table(tmp_path, schema, [(number, data) for number in range(2_001)])
        orders.declare(4)
        place = open_existing(f"{address}&value=work")
        steps = place.migrating()
        assert 2_000 == next(steps).migrated
        place.close()
        with pytest.raises(exceptions.StoreError, match="was closed"):
            next(steps)
        with open_existing(f"{address}&value=work") as again:
            assert (2_000, 0) == again.rollback()


class TestMembership:
    """A key is in a place if there is such a record, whether or not it can be loaded."""

    def test_folder(self, tmp_path):
        """What is no pickle is there, and so is a link that cannot be followed."""
        (tmp_path / "bad.pickle").write_bytes(b"no pickle")
        (tmp_path / "link.pickle").symlink_to("nowhere")
        with open_existing(f"dir:{tmp_path}/*.pickle") as place:
            assert "bad" in place
            assert "link" in place
            assert "../bad" not in place
            assert "none" not in place
            with pytest.raises(OSError, match=r"link\.pickle"):
                _ = place["link"]


class TestCodecs:
    @pytest.mark.parametrize("names", [*CODECS, "base64,zlib", "hex,gzip"])
    def test_round_trip(self, tmp_path, names):
        """A column of coded pickles is migrated, and has its old values after a rollback."""
        coding = Coding.of(names)
        coded = {key: coding.encode(data) for key, data in old(3).items()}
        if coding.is_text:
            coded = {key: value.decode() for key, value in coded.items()}
        address = table(tmp_path, "CREATE TABLE jobs (a TEXT UNIQUE, work)", coded.items())
        cls = orders.declare(4)
        with open_existing(f"{address}&key=a&value=work&codec={names}") as place:
            assert (3, 0) == (place.survey().stale, place.survey().damaged)
            assert 3 == place.migrate().migrated
            assert cls(1, 25, "") == place["00001"]
            changed = dict(rows(tmp_path / "app.db", "SELECT a, work FROM jobs"))
            assert {type(value) for value in coded.values()} == {*map(type, changed.values())}
            assert (3, 0) == place.rollback()
            place._records.put(["new"], [b"N."], [None])
            assert place["new"] is None
        rows(tmp_path / "app.db", "DELETE FROM jobs WHERE a = 'new'")
        assert coded == dict(rows(tmp_path / "app.db", "SELECT a, work FROM jobs"))

    def test_old_values(self, tmp_path):
        """A value that we would code otherwise is put back as it was."""
        data = old(1)["00000"]
        value = base64.encodebytes(zlib.compress(data, 0)).decode()
        address = table(tmp_path, "CREATE TABLE jobs (a TEXT UNIQUE, work)", [("a", value)])
        orders.declare(4)
        with open_existing(f"{address}&key=a&value=work&codec=base64,zlib") as place:
            assert 1 == place.migrate().migrated
            assert (1, 0) == place.rollback()
        assert [(value,)] == rows(tmp_path / "app.db", "SELECT work FROM jobs")

    def test_other_values(self, tmp_path):
        """What is not coded so is a row."""
        pickles = old(2)
        values = {
            "good": gzip.compress(pickles["00000"]),
            "bad": b"no gzip",
            "number": 5,
            "short": gzip.compress(pickles["00001"])[:-9],
        }
        address = table(tmp_path, "CREATE TABLE jobs (a TEXT UNIQUE, work)", values.items())
        orders.declare(4)
        with open_existing(f"{address}&key=a&value=work&codec=gzip") as place:
            assert (1, 3) == (place.survey().stale, place.survey().damaged)
            done = place.migrate()
            assert (1, 3) == (done.migrated, done.failed)
            assert {"bad", "number", "short"} == {one.key for one in place.parked()}
            with pytest.raises(
                exceptions.StoreError, match="'bad' cannot be read: it is not gzip"
            ):
                _ = place["bad"]

    def test_overtaken(self, tmp_path):
        """A value that somebody else writes meanwhile is kept."""
        coded = {key: zlib.compress(data) for key, data in old(2).items()}
        address = table(tmp_path, "CREATE TABLE jobs (a TEXT UNIQUE, work)", coded.items())
        orders.declare(4)
        with open_existing(f"{address}&key=a&value=work&codec=zlib") as place:
            steps = place._records.swap

            def meddle(*given):
                rows(tmp_path / "app.db", "UPDATE jobs SET work = 'x' WHERE a = '00001'")
                return steps(*given)

            place._records.swap = meddle
            done = place.migrate()
        assert (1, 0, 1) == (done.migrated, done.conflicts, done.failed)


PYTHON_2 = b"\x80\x02U\x04caf\xe9q\x00."


class TestLoads:
    def test_encoding(self, tmp_path):
        """Strings of Python 2 are decoded in each load of a place."""
        (tmp_path / "a.pickle").write_bytes(PYTHON_2)
        with open_existing(f"dir:{tmp_path}/*.pickle", encoding="latin1") as place:
            assert "caf\xe9" == place["a"]
            assert (1, 0) == (place.verify(load=True).good, place.verify(load=True).damaged)
        with open_existing(f"dir:{tmp_path}/*.pickle", encoding="bytes") as place:
            assert b"caf\xe9" == place["a"]
        with open_existing(f"dir:{tmp_path}/*.pickle") as place:
            assert (0, 1) == (place.verify(load=True).good, place.verify(load=True).damaged)

    def test_limits(self, tmp_path):
        """Limits hold for each load, in a store as elsewhere, and in migrations."""
        order = orders.declare(1)
        with versionpickle.open(tmp_path / "x.db") as store:
            store["a"] = order(1, 1.0)
            store["b"] = [order(1, 1.0), "x" * 2_000]
        orders.declare(4)
        with versionpickle.open(tmp_path / "x.db", limits=Limits(bytes=1_000)) as store:
            assert 100 == store["a"].amount
            with pytest.raises(exceptions.LimitError, match="'b'"):
                store["b"]
            done = store.migrate()
        assert (1, 1) == (done.migrated, done.failed)
        assert "1000 are allowed" in done.failures[0].reason


class TestWorkers:
    def test_executor_that_lacks_classes(self, folder, monkeypatch):
        """A worker that lacks a class ends the run, and no record fails for it."""
        from versionpickle.stores._sweeps import workers

        class Elsewhere(Executor):
            def submit(self, function, *args):
                future = Future()
                with monkeypatch.context() as patch:
                    patch.setattr(workers, "_ACQUIRED", set())
                    patch.setattr(workers, "_declared", set)
                    try:
                        future.set_result(function(*args))
                    except exceptions.DeclarationError as exc:
                        future.set_exception(exc)
                return future

        with open_existing(folder) as place:
            with pytest.raises(exceptions.DeclarationError, match="worker processes do not find"):
                place.migrate(executor=Elsewhere())
            assert [] == place.parked()
            assert 3 == place.survey().stale


class TestLogs:
    """The write-ahead log of a store: one flipped bit drops all that follows."""

    @pytest.fixture
    def store(self, tmp_path):
        """A store whose last transactions are in its log alone."""
        with versionpickle.open(tmp_path / "x.db") as store:
            store["first"] = 1
        with versionpickle.open(tmp_path / "x.db") as store:
            for number in range(9):
                store[str(number)] = "x" * 100 * number
            yield store

    def copied(self, tmp_path):
        copied = tmp_path / "copied.db"
        for suffix in ("", "-wal"):
            shutil.copy(f"{tmp_path}/x.db{suffix}", f"{copied}{suffix}")
        return copied

    def damages(self, path, *, read_only=False):
        with versionpickle.open(path, read_only=read_only) as store:
            return [one.problem for one in store.verify().damages if "log" in one.problem]

    @pytest.mark.parametrize("read_only", [False, True])
    def test_flipped_bits(self, tmp_path, store, read_only):
        """A bit that is flipped, in a page, in the head of a frame or of the log, is found."""
        size = 24 + 4096
        log = (tmp_path / "x.db-wal").read_bytes()
        frames = (len(log) - 32) // size
        middle = 32 + frames // 2 * size
        for at in (0, 8, 16, 24, middle + 4, middle + 10, middle + 17, middle + 1_000):
            path = self.copied(tmp_path)
            broken = bytearray(log)
            broken[at] ^= 1
            (tmp_path / "copied.db-wal").write_bytes(broken)
            (damage,) = self.damages(path, read_only=read_only)
            assert "transactions in it cannot be read" in damage
            for suffix in ("", "-wal", "-shm"):
                (tmp_path / f"copied.db{suffix}").unlink(missing_ok=True)

    def test_good_logs(self, tmp_path, store):
        """A log that is whole, or cut short by a crash, or of nothing, is no damage."""
        log = (tmp_path / "x.db-wal").read_bytes()
        for kept in (log, log[:-100], log[:-5_000], log[:20], b"", b"no log" * 99):
            path = self.copied(tmp_path)
            (tmp_path / "copied.db-wal").write_bytes(kept)
            assert [] == self.damages(path)

    def test_last_transaction(self, tmp_path, store):
        """One transaction at the end may be what a crash has left: it is not told."""
        path = self.copied(tmp_path)
        log = bytearray((tmp_path / "x.db-wal").read_bytes())
        log[-1] ^= 1
        (tmp_path / "copied.db-wal").write_bytes(log)
        assert [] == self.damages(path)

    def test_while_others_write(self, tmp_path, store, monkeypatch):
        """While somebody writes for long, the log is left alone."""
        from versionpickle.stores._sqlite.log import _log

        with store.transaction():
            store["a"] = 1
            thread = threading.Thread(target=lambda: logs.append(_log(other)))
            logs = []
            other = _database.Database(str(tmp_path / "x.db"), timeout=0)
            thread.start()
            thread.join()
            other.close()
        assert [b""] == logs

    def test_checkpoint(self, tmp_path, store):
        """A sweep leaves a log that is moved into the file."""
        orders.declare(1)
        store["order"] = orders.declare(1)(1, 1.0)
        orders.declare(4)
        store.migrate()
        shutil.copy(tmp_path / "x.db", tmp_path / "alone.db")
        assert [(1,)] == rows(tmp_path / "alone.db", "SELECT COUNT(*) FROM originals")


class TestSizes:
    def test_batches_of_originals(self, tmp_path, monkeypatch):
        """Originals that are too long for one row are kept in several."""
        order = orders.declare(1)
        with versionpickle.open(tmp_path / "x.db") as store:
            for number in range(4):
                store[str(number)] = [order(number, 1.0), os.urandom(3_000)]
            store["long"] = [order(5, 1.0), os.urandom(9_000)]
            orders.declare(4)
            before = {key: store._records.read(key) for key in store}
            monkeypatch.setattr(store._records, "_longest", 8_000)
            done = store.migrate()
            assert (4, 1) == (done.migrated, done.failed)
            assert 2 == len(store._records.database.read("SELECT 1 FROM originals"))
            assert (4, 0) == store.rollback()
            assert before == {key: store._records.read(key) for key in store}

    def test_limit_of_sqlite(self, tmp_path):
        """The limit is SQLite's own, less what a row has beside."""
        with versionpickle.open(tmp_path / "x.db") as store:
            assert 900_000_000 < store._records.max_size() < 2**31
        with open_existing(make_table(tmp_path, old(1))) as place:
            assert 900_000_000 < place._records.max_size() < 2**31


def test_read_only_store(tmp_path):
    """A store that is only read is not written to, nor is anything beside it."""
    with versionpickle.open(tmp_path / "x.db") as store:
        store["a"] = 1
    before = (tmp_path / "x.db").read_bytes()
    with versionpickle.open(tmp_path / "x.db", read_only=True) as store:
        assert (1, 1) == (store["a"], store.survey().current)
        with pytest.raises(exceptions.StoreError, match="without read_only=True"):
            store["a"] = 2
    assert (before, ["x.db"]) == ((tmp_path / "x.db").read_bytes(), names_in(tmp_path))


def test_journal_that_was_not_finished(tmp_path, folder):
    """A journal whose writer died within a transaction is read in a copy."""
    with open_existing(folder) as place:
        place.migrate()
    path = tmp_path / "orders" / ".versionpickle"
    program = f"""
import os, sqlite3
connection = sqlite3.connect({str(path)!r})
connection.execute("PRAGMA cache_size = 1")
connection.execute("UPDATE originals SET before = zeroblob(100000)")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert (tmp_path / "orders" / ".versionpickle-journal").exists()
    before = path.read_bytes()
    with open_existing(folder) as place:
        assert 3 == place.originals()
        assert before == path.read_bytes()
        assert (3, 0) == place.rollback()


def test_unfinished(tmp_path, folder):
    """A journal that somebody writes at this moment is read as it is."""
    with open_existing(folder) as place:
        place.migrate()
    path = tmp_path / "orders" / ".versionpickle"
    (tmp_path / "orders" / ".versionpickle-journal").write_bytes(b"")
    assert not journal_file._is_unfinished(str(path))


def test_a_version_that_no_column_can_keep(tmp_path):
    """The failure has no number then, and its reason does."""
    registry = versionpickle.Registry("future")
    cls = type("Order", (), {"__module__": "shop"})
    versionpickle.adopt(cls, version=2**63, name="shop.order", registry=registry)
    versionpickle.dump_file(cls(), tmp_path / "a.pickle", registry=registry)
    today = versionpickle.Registry("today")
    versionpickle.adopt(cls, name="shop.order", registry=today)

    with open_existing(f"dir:{tmp_path}/*.pickle", registry=today) as place:
        (failure,) = place.migrate().failures

    assert (None, True) == (failure.version, str(2**63) in failure.reason)
