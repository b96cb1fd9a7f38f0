"""Stores that exist: folders of files, shelves, and tables of SQLite."""

from __future__ import annotations

import dbm.dumb
import os
import pickle
import shelve
import shutil
import site
import sqlite3
import subprocess
import sys

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import orders
import pytest

import versionpickle

from versionpickle import exceptions, open_existing
from versionpickle.stores._external import folder as _folder
from versionpickle.stores._external import shelf as _shelf
from versionpickle.stores._sqlite.database import Database


FLAVOURS = [name for name in ("dumb", "gnu", "ndbm", "sqlite3") if find_spec(f"dbm.{name}")]


def make_folder(folder, pickles):
    (folder / "orders").mkdir()
    for key, data in pickles.items():
        path = folder / "orders" / f"{key}.pickle"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (folder / "orders" / "readme.txt").write_text("no pickle")
    return f"dir:{folder}/orders/**/*.pickle"


def make_shelf(flavour):
    def make(folder, pickles):
        try:
            module = import_module(f"dbm.{flavour}")
        except ImportError:
            pytest.skip(f"no dbm.{flavour} here")
        file = module.open(str(folder / "shelf"), "c")
        for key, data in pickles.items():
            file[key.encode()] = data
        file.close()
        return f"shelve:{folder}/shelf"

    return make


def make_table(folder, pickles):
    connection = sqlite3.connect(folder / "app.db")
    connection.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, name TEXT, payload BLOB)")
    for key, data in pickles.items():
        connection.execute("INSERT INTO jobs VALUES (?, 'a job', ?)", (key, data))
    connection.execute("INSERT INTO jobs VALUES ('none', 'no payload', NULL)")
    connection.commit()
    connection.close()
    return f"sqlite:{folder}/app.db?table=jobs&key=id&value=payload"


PLACES = {
    "folder": make_folder,
    **{f"shelf, {flavour}": make_shelf(flavour) for flavour in FLAVOURS},
    "table": make_table,
}


@pytest.fixture(params=PLACES)
def make(request, tmp_path):
    """Return what makes a place of some pickles, and its address."""
    return lambda pickles: PLACES[request.param](tmp_path, pickles)


def old(count=5, **others):
    order = orders.declare(1)
    pickles = {
        f"{number:05}": pickle.dumps(order(number, number / 4), 2) for number in range(count)
    }
    return pickles | {key: pickle.dumps(obj, 2) for key, obj in others.items()}


def delete(place, key):
    records = place._records
    if isinstance(records, _shelf.Shelf):
        del records._open("w")[key.encode()]
    elif isinstance(records, _folder.Folder):
        Path(records._path(key)).unlink()
    else:
        records._writer.write("DELETE FROM jobs WHERE id = ?", (key,))


class TestPlaces:
    def test_reading(self, make):
        """Objects are upgraded as they are read, and nothing is written."""
        address = make(old())
        cls = orders.declare(4)
        with open_existing(address) as place:
            assert [f"{number:05}" for number in range(5)] == list(place) == list(place.keys())
            assert 5 == len(place)
            assert cls(3, 75, "") == place["00003"]
            assert [("00004", cls(4, 100, ""))] == list(place.items(prefix="00004"))
            with pytest.raises(KeyError):
                _ = place["nothing"]
            seen = []
            assert 5 == place.survey(progress=seen.append).stale
            assert [1, 2, 3, 4, 5] == seen
            assert address in repr(place)

    def test_story(self, make, tmp_path):
        """Surveyed, migrated, verified, and rolled back, with nothing left behind."""
        pickles = old(5, plain=[1, 2])
        address = make(pickles)
        cls = orders.declare(4)
        with open_existing(address) as place:
            assert (1, 5) == (place.survey().current, place.survey().stale)
            assert (5, 1) == (
                place.migrate(dry_run=True).migrated,
                place.migrate(dry_run=True).current,
            )
            assert 5 == place.survey().stale
            done = place.migrate()
            assert (5, 1, 6) == (done.migrated, done.current, done.total)
            assert "5 migrated, 1 current" == str(done)
        with open_existing(address) as place:
            assert cls(3, 75, "") == place["00003"]
            assert 2 == place._records.read("00003")[1]  # the protocol is as it was
            assert (6, 5) == (place.survey().current, place.survey().originals)
            assert (6, 0) == (place.verify(load=True).good, place.verify().damaged)
            assert (5, 0) == place.rollback()
            assert pickles == {key: place._records.read(key) for key in place}
        assert [] == [path for path in tmp_path.rglob("*") if "versionpickle" in path.name]

    def test_forget(self, make, tmp_path):
        """Originals that are forgotten leave nothing behind either."""
        address = make(old())
        orders.declare(4)
        with open_existing(address) as place:
            place.migrate()
            assert 5 == place.forget_originals()
            assert 0 == place.forget_originals()
            assert (0, 0) == place.rollback()
        assert [] == [path for path in tmp_path.rglob("*") if "versionpickle" in path.name]

    def test_large(self, make):
        """A batch of large pickles is small."""
        order = orders.declare(1)
        address = make(
            {f"{n:05}": pickle.dumps([order(n, 1.0), bytes(9_000_000)], 2) for n in range(3)}
        )
        orders.declare(4)
        seen = []
        with open_existing(address) as place:
            place.migrate(progress=lambda done: seen.append(done.migrated))

        assert [2, 3] == seen

    def test_failures(self, make):
        """What cannot be upgraded is named, and stays; what is mended is forgotten."""
        address = make(old() | {"bad": pickle.dumps(orders.declare(1)(1, -1.0), 2)})
        orders.declare(4)
        with open_existing(address) as place:
            assert (5, 1) == (place.migrate().migrated, place.survey().stale)
            assert 1 == place.migrate().failed
            assert ["bad"] == [one.key for one in place.parked()]
        with open_existing(address) as place:
            assert ["bad"] == [one.key for one in place.parked()]
            place._records.write([("bad", pickle.dumps(orders.declare(1)(1, 1.0), 2))])
            orders.declare(4)
            assert [] == place.parked()
            assert 1 == place.migrate().migrated

    def test_damage(self, make):
        """What is no pickle is told, and harms no others."""
        address = make(old() | {"bad": b"\x80\x02]q\x00(no"})
        orders.declare(4)
        with open_existing(address) as place:
            assert 1 == place.survey().damaged
            assert (5, 1) == (place.migrate().migrated, place.migrate().failed)
            assert ["bad"] == [one.key for one in place.verify().damages]
            with pytest.raises(exceptions.UnpicklingError, match="record 'bad'"):
                _ = place["bad"]

    def test_overtaken(self, make, monkeypatch):
        """What somebody else writes meanwhile stays, and is not put back."""
        address = make(old())
        cls = orders.declare(4)
        mine = pickle.dumps(cls(2, 2, "mine"), 2)
        with open_existing(address) as place:
            records = place._records
            begin = records.journal.begin

            def meddle(*given):
                begin(*given)
                records.write([("00002", mine)])

            monkeypatch.setattr(records.journal, "begin", meddle)
            done = place.migrate()
            assert (4, 0, 1) == (done.migrated, done.current, done.conflicts)
            records.write([("00003", mine)])
            assert mine == records.read("00002") == records.read("00003")
            monkeypatch.setattr(records, "replace", lambda changes: {changes[0][0]})
            assert (2, 2) == place.rollback()

    def test_killed(self, make, monkeypatch):
        """A batch during which the process was killed is done again."""
        pickles = old()
        address = make(pickles)
        cls = orders.declare(4)
        place = open_existing(address)
        records = place._records
        replace = records.replace

        def stop(changes):
            replace(changes[:2])
            raise KeyboardInterrupt

        monkeypatch.setattr(records, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            place.migrate()
        if isinstance(records, _shelf.Shelf):
            file = records._open("w")
            file[b"00001"] = file[b"00001"][:-5]  # half written
        records.close()

        with open_existing(address) as again:
            if isinstance(records, _shelf.Shelf):
                with pytest.raises(exceptions.StoreError, match="stopped within a batch"):
                    again.survey()
            assert 5 == len(again)
            assert again.migrate().migrated in {3, 5}
            assert cls(1, 25, "") == again["00001"]
            assert 0 == again.survey().stale
            assert (5, 0) == again.rollback()
            assert pickles == {key: again._records.read(key) for key in again}

    def test_twice(self, make):
        """After two migrations, rollback goes back behind the first."""
        pickles = old(3)
        address = make(pickles)
        with open_existing(address) as place:
            for version in (2, 4):
                orders.declare(version)
                place.migrate()
            assert (3, 0) == place.rollback()
            assert pickles == {key: place._records.read(key) for key in place}

    def test_deleted_since(self, make):
        """What somebody has deleted since is not put back."""
        address = make(old())
        orders.declare(4)
        with open_existing(address) as place:
            place.migrate()
            delete(place, "00003")
            assert (4, 1) == place.rollback()
            assert 4 == len(place)

    def test_copies_of_damaged(self, make, tmp_path):
        """What is no pickle is not copied, but told."""
        with (
            open_existing(make(old() | {"bad": b"no"})) as place,
            versionpickle.open(tmp_path / "x.db") as store,
        ):
            done = place.copy_to(store)
            assert (5, 1) == (done.copied, done.damaged)
            assert "bad" == done.damages[0].key

    def test_copies(self, make, tmp_path):
        """All can be copied to a store, and back to any other place."""
        address = make(old())
        (tmp_path / "out").mkdir()
        with (
            open_existing(address) as place,
            versionpickle.open(tmp_path / "x.db") as store,
            open_existing(f"dir:{tmp_path}/out/*.pickle") as out,
        ):
            assert 5 == place.copy_to(store).copied
            assert 5 == store.copy_to(out).copied
            assert 5 == out.copy_to(place).same
            assert dict(place) == dict(store) == dict(out)
            out._records.write([("00009", pickle.dumps(9))])
            assert 1 == out.copy_to(place).copied
            assert 9 == place["00009"]


class TestFolders:
    def test_patterns(self, tmp_path, monkeypatch):
        """A pattern says which files of which folders are meant."""
        make_folder(tmp_path, old(1, a=1))
        (tmp_path / "orders" / "in").mkdir()
        (tmp_path / "orders" / "in" / "b.pickle").write_bytes(pickle.dumps(2))
        monkeypatch.chdir(tmp_path / "orders")

        for pattern, expected in (
            ("*.pickle", ["00000", "a"]),
            ("./*.pickle", ["00000", "a"]),
            ("**/*.pickle", ["00000", "a", "in/b"]),
            (f"{tmp_path}/orders/in/*", ["b.pickle"]),
        ):
            assert expected == list(open_existing(f"dir:{pattern}"))

    @pytest.mark.parametrize("pattern", ["orders", "x*.pickle", "*/*.pickle", "*.p*", ""])
    def test_unclear(self, pattern):
        """What is no such pattern is refused, with one that is."""
        with pytest.raises(exceptions.NotAStoreError, match=r"dir:FOLDER/\*\.pickle"):
            open_existing(f"dir:{pattern}")

    def test_missing(self, tmp_path):
        """A folder that is not there is told."""
        with pytest.raises(exceptions.NotAStoreError, match="there is no folder"):
            open_existing(f"dir:{tmp_path}/nothing/*.pickle")

    @pytest.mark.parametrize("key", ["../x", "/x", "a//b", "..", "", "a\0b"])
    def test_keys(self, tmp_path, key):
        """A key stays within the folder."""
        with (
            versionpickle.open(tmp_path / "x.db") as store,
            open_existing(f"dir:{tmp_path}/**/*.pickle") as place,
        ):
            store[key] = 1
            with pytest.raises(exceptions.StoreError, match="give the record another key"):
                store.copy_to(place)

    def test_flat(self, tmp_path):
        """An address without folders takes no key with one."""
        with (
            versionpickle.open(tmp_path / "x.db") as store,
            open_existing(f"dir:{tmp_path}/*.pickle") as place,
        ):
            store["a/b"] = 1
            with pytest.raises(exceptions.StoreError, match=r"\*\*/"):
                store.copy_to(place)

    def test_unreadable(self, tmp_path):
        """A file that cannot be read or written is told."""
        address = make_folder(tmp_path, old(2))
        orders.declare(4)
        (tmp_path / "orders" / "loop.pickle").symlink_to("loop.pickle")
        (tmp_path / "orders" / "gone.pickle").symlink_to("nowhere")
        with open_existing(address) as place:
            assert (2, 2) == (place.survey().stale, place.survey().damaged)
            with pytest.raises(exceptions.StoreError, match="cannot be written"):
                place._records.write([("loop", b"N.")])


class TestShelves:
    def test_lost_index(self, tmp_path, monkeypatch):
        """An index that was lost with the process is put back."""
        address = make_shelf("dumb")(tmp_path, old())
        orders.declare(4)
        place = open_existing(address)

        def stop(changes):
            raise KeyboardInterrupt

        monkeypatch.setattr(place._records, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            place.migrate()
        place.close()
        (tmp_path / "shelf.dir").unlink()

        with open_existing(address) as again:
            assert 5 == again.migrate().migrated

    def test_shelve(self, tmp_path):
        """What shelve writes is read, and what is written it reads."""
        order = orders.declare(1)
        with shelve.open(str(tmp_path / "s")) as shelf:
            shelf["a"] = order(1, 1.0)
        cls = orders.declare(4)
        with open_existing(f"shelve:{tmp_path}/s") as place:
            place.migrate()
        with shelve.open(str(tmp_path / "s")) as shelf:
            assert cls(1, 100, "") == shelf["a"]

    def test_missing(self, tmp_path):
        """A shelf that is not there is not made."""
        with pytest.raises(exceptions.NotAStoreError, match="there is no such shelf"):
            open_existing(f"shelve:{tmp_path}/s")
        (tmp_path / "t").write_text("no shelf, but a text")
        with pytest.raises(exceptions.NotAStoreError, match="this is not a shelf"):
            open_existing(f"shelve:{tmp_path}/t")
        assert [tmp_path / "t"] == list(tmp_path.iterdir())

    def test_deleted(self, tmp_path):
        """One that cannot be opened is told."""
        make_shelf("dumb")(tmp_path, old(1))
        place = open_existing(f"shelve:{tmp_path}/shelf")
        (tmp_path / "shelf.dir").unlink()
        with pytest.raises(exceptions.StoreError, match="cannot be opened"):
            len(place)
        place.close()

    def test_that_cannot_sync(self, tmp_path, monkeypatch):
        """A flavour that writes when it is closed is closed."""
        with dbm.dumb.open(str(tmp_path / "s"), "c") as file:
            file[b"a"] = old(1)["00000"]
        orders.declare(4)
        with open_existing(f"shelve:{tmp_path}/s") as place:
            place._records._open("w")
            monkeypatch.delattr(type(place._records._file), "sync")
            assert 1 == place.migrate().migrated
            assert 0 == place.survey().stale


class TestTables:
    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("", "use 'sqlite:FILE"),
            ("table=jobs", "use 'sqlite:FILE"),
            ("table=jobs&value=payload&more=1", "use 'sqlite:FILE"),
            ("table", "use 'sqlite:FILE"),
            ("table=job&value=payload", "no table 'job'; it has: jobs"),
            ("table=jobs&value=x", "no column 'x'; it has: id, name, payload"),
            ("table=jobs&key=x&value=payload", "no column 'x'"),
            ("table=jobs&key=name&value=payload", "several rows may have the same 'name'"),
        ],
    )
    def test_unclear(self, tmp_path, query, told):
        """An address that does not fit is refused, with what would."""
        make_table(tmp_path, old(1))
        with pytest.raises(exceptions.NotAStoreError, match=told):
            open_existing(f"sqlite:{tmp_path}/app.db?{query}")

    def test_missing(self, tmp_path):
        """A database that is not there is not made."""
        with pytest.raises(exceptions.NotAStoreError, match="there is no file"):
            open_existing(f"sqlite:{tmp_path}/app.db?table=jobs&value=payload")
        sqlite3.connect(tmp_path / "a.db").close()
        (tmp_path / "a.db").touch()
        with pytest.raises(exceptions.NotAStoreError, match="it has: none"):
            open_existing(f"sqlite:{tmp_path}/a.db?table=jobs&value=payload")

    def test_keys(self, tmp_path):
        """Rows are told apart by a primary key, by a unique column, or by their rowid."""
        connection = sqlite3.connect(tmp_path / "app.db")
        connection.execute('CREATE TABLE "my jobs" (a INTEGER, b TEXT UNIQUE, "c ""d" BLOB)')
        connection.execute("CREATE INDEX more ON 'my jobs' (a)")
        connection.executemany(
            'INSERT INTO "my jobs" VALUES (?, ?, ?)',
            [(1, f"k{key}", data) for key, data in old(1_200).items()],
        )
        connection.commit()
        connection.close()
        orders.declare(4)
        base = f"sqlite:{tmp_path}/app.db?table=my+jobs&value=c+%22d"
        with open_existing(base) as place:
            assert [1, 2, 3] == list(place)[:3]
            assert 1_200 == len(place) == place.survey().stale
            assert 1_200 == place.migrate(workers=1).migrated
        with open_existing(f"{base}&key=b") as place:
            assert "k00000" == next(iter(place))
            assert 1_200 == place.survey().current

    def test_no_bytes(self, tmp_path):
        """A payload that is a text is told."""
        address = make_table(tmp_path, old(1))
        connection = sqlite3.connect(tmp_path / "app.db")
        connection.execute("INSERT INTO jobs VALUES ('text', 'x', 'a text')")
        connection.commit()
        connection.close()
        with open_existing(address) as place:
            assert ["it is not bytes, but text"] == [
                one.problem.partition(";")[0] for one in place.verify().damages
            ]
            assert 1 == place.survey().damaged
            assert 1 == place.migrate().failed
            with pytest.raises(exceptions.StoreError, match="not bytes, but text"):
                _ = place["text"]
            assert "text" in place

    def test_damaged_database(self, tmp_path):
        """What SQLite finds wrong with the file is told as well."""
        address = make_table(tmp_path, old(1))
        connection = sqlite3.connect(tmp_path / "app.db")
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("CREATE INDEX wrong ON jobs (name)")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'name', 'payload') WHERE name = 'wrong'"
        )
        connection.commit()
        connection.close()
        with open_existing(address) as place:
            assert any("SQLite reports" in one.problem for one in place.verify().damages)


def test_address():
    """What is no address is told which there are."""
    with pytest.raises(exceptions.NotAStoreError, match="dir:..., shelve:..., sqlite:..."):
        open_existing("orders.db")


def test_foreign_journal(tmp_path):
    """A file that stands where originals are kept is left alone."""
    address = make_shelf("dumb")(tmp_path, old(1))
    database = Database(str(tmp_path / "shelf.versionpickle"))
    database.write("PRAGMA application_id = 7")
    database.write("CREATE TABLE mine (x)")
    database.close()
    with (
        open_existing(address) as place,
        pytest.raises(exceptions.NotAStoreError, match="move it away"),
    ):
        place.survey()


@pytest.mark.skipif(find_spec("_gdbm") is not None, reason="this Python has it itself")
def test_flavours_of_another_python():
    """GNU dbm and ndbm, which many Pythons were built without, with one that was not."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = shutil.which(name, path=os.defpath)
    has_both = [python, "-c", "import _gdbm, _dbm"]
    if python is None or subprocess.run(has_both, check=False, capture_output=True).returncode:
        pytest.skip(f"the system has no {name} with them")
    path = os.pathsep.join([str(Path(versionpickle.__file__).parents[1]), *site.getsitepackages()])

    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-k", "gnu or ndbm", "-p", "no:cacheprovider", __file__],
        env=os.environ | {"PYTHONPATH": path},
        check=False,
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stdout
    assert "skipped" not in done.stdout
