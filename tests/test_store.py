"""`versionpickle.open`: a mapping of texts to objects, in one SQLite file."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import os
import pickle
import sqlite3
import threading

import orders
import pytest

from hypothesis import given
from hypothesis import strategies as st

import versionpickle

from versionpickle import Registry, exceptions, retire
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle.migrations import default_registry
from versionpickle.stores import _settings as _store_settings
from versionpickle.stores._sqlite import connections as _connections
from versionpickle.stores._sqlite.database import Database


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.db"


@pytest.fixture
def store(path):
    with versionpickle.open(path) as store:
        yield store


def refuse(*_):
    raise exceptions.DamagedError("no pickle")


def raw(path, sql, *values):
    connection = sqlite3.connect(path)
    rows = connection.execute(sql, values).fetchall()
    connection.commit()
    connection.close()
    return rows


class TestMapping:
    def test_round_trip(self, path, store):
        """What is stored is there, also for who opens it later."""
        order = orders.declare(4)(1, 250, "a note")

        store["one"] = order

        assert order == store["one"]
        with versionpickle.open(path) as again:
            assert order == again["one"]

    def test_as_a_dict(self, store):
        """It does what a dict does."""
        store["b"], store["a"] = 2, [1]
        store.update({"c": 3}, d=4)
        store.update([("e", 5)])
        store.update(collections.UserDict(f=6))

        assert list("abcdef") == list(store) == list(store.keys())
        assert [[1], 2, 3, 4, 5, 6] == list(store.values())
        assert [("a", [1]), ("b", 2)] == list(store.items())[:2]
        assert len(store) == len(store.items()) == len(store.values()) == 6
        assert "a" in store
        assert "x" not in store
        assert "a" in store.keys()  # noqa: SIM118 - the view is asked
        assert store.get("x") is None
        assert (2, None) == (store.pop("b"), store.pop("b", None))
        assert 7 == store.setdefault("g", 7) == store.setdefault("g", 8)
        assert ("a", [1]) == store.popitem()
        del store["c"]
        store.clear()
        assert [] == list(store)
        assert not store

    def test_missing(self, store):
        """What is not there is a KeyError."""
        for ask in (store.__getitem__, store.__delitem__, store.pop):
            with pytest.raises(KeyError, match="nothing"):
                ask("nothing")

    @pytest.mark.parametrize("key", [1, b"one", None, ("a",)])
    def test_keys_are_texts(self, store, key):
        """Another key is refused, whatever is done with it."""
        for ask in (store.__getitem__, store.__delitem__, store.__contains__, store.get):
            with pytest.raises(TypeError, match="store keys must be str, not"):
                ask(key)
        with pytest.raises(TypeError, match="use str"):
            store[key] = 1

    def test_half_a_character(self, store):
        """A text that has no bytes is no key."""
        with pytest.raises(ValueError, match="has no UTF-8"):
            store["\ud800"] = 1

    def test_what_cannot_be_pickled(self, store):
        """It is said where it is, and nothing is stored."""
        store["a"] = 1
        with pytest.raises(exceptions.UnpicklableError, match=r"obj\[0\]"):
            store["a"] = [lambda: 1]
        with pytest.raises(exceptions.UnpicklableError):
            store.update({"b": 2, "c": [lambda: 1]})

        assert {"a": 1} == dict(store)

    def test_prefixes(self, store):
        """Keys, values and items can be those that begin alike."""
        store.update({"2025-1": 0, "2026-1": 1, "2026-2": 2, "2027": 3, "\U0010ffff": 4})

        assert ["2026-1", "2026-2"] == list(store.keys(prefix="2026"))
        assert [1, 2] == list(store.values(prefix="2026"))
        assert [("2027", 3)] == list(store.items(prefix="2027"))
        assert [4] == list(store.values(prefix="\U0010ffff"))
        for ask in (store.keys, store.values, store.items):
            with pytest.raises(TypeError, match="must be a str, not 7"):
                ask(prefix=7)
        assert len(store.keys(prefix="2026")) == len(store.items(prefix="2026")) == 2
        assert "2027" not in store.keys(prefix="2026")
        assert "2026-1" in store.keys(prefix="2026")

    def test_large_records(self, store):
        """No more of them are held at a time than a few."""
        seen = []

        def coming():
            for number in range(5):
                seen.append(len(store))
                yield str(number), bytes(9_000_000)

        store.update(coming())

        assert [0, 0, 2, 2, 4] == seen
        assert 5 == len(store)

    def test_keys_that_come_twice(self, store):
        """The last one stays, as in a dict, however many records a statement writes."""
        pairs = [(f"{number % 70:02}", number) for number in range(1_234)]

        store.update(pairs)

        assert dict(pairs) == dict(store)

    def test_many_pages(self, store):
        """Iterating takes some at a time, and all."""
        store.update((f"{number:05}", number) for number in range(2_500))

        assert list(range(2_500)) == list(store.values())
        assert 1_000 == len(list(store.keys(prefix="01")))

    @given(st.dictionaries(st.text(), st.integers()))
    def test_law(self, tmp_path_factory, expected):
        """Any texts are keys, and come in the order of Python's texts."""
        with versionpickle.open(
            tmp_path_factory.mktemp("law") / "x.db", durability="normal"
        ) as store:
            store.update(expected)

            assert sorted(expected.items()) == list(store.items())
            for prefix in {key[:1] for key in expected}:
                keys = sorted(key for key in expected if key.startswith(prefix))
                assert keys == list(store.keys(prefix=prefix))

    def test_restricted(self, store):
        """A load builds what is declared or allowed, and nothing else."""
        with versionpickle.open(store._records.address, allow=[print]) as other:
            other["a"] = print
        with pytest.raises(exceptions.ForbiddenError, match="record 'a'") as caught:
            _ = store["a"]

        assert "a" == caught.value.key
        assert "a" == pickle.loads(pickle.dumps(caught.value)).key

    @pytest.mark.parametrize("how", ["one", "many"])
    def test_what_it_could_not_read(self, store, how):
        """What the store's own loads would refuse is refused when it is stored."""
        put = {
            "one": lambda obj: store.__setitem__("a", obj),
            "many": lambda obj: store.update({"a": obj}),
        }[how]
        with pytest.raises(exceptions.UnpicklableError, match=r"record 'a'.*allow=\['builtins"):
            put([print])
        assert [] == list(store)
        put(orders.declare(1)(1, 1.0))
        put({"a": decimal.Decimal(1)})
        assert store["a"] == {"a": decimal.Decimal(1)}

    def test_what_a_step_may_cure(self, store, monkeypatch):
        """What a load refuses for other reasons is stored: a step may be missing yet."""
        monkeypatch.setattr(type(store._settings._finder), "admits", lambda *_: False)
        monkeypatch.setattr(type(store._settings.loading), "load", refuse)
        store["a"] = decimal.Decimal(1)
        assert ["a"] == list(store)

    def test_settings(self, path):
        """A store takes what loads and dumps take."""
        with versionpickle.open(path, allow=[print]) as store:
            store["a"] = print
            assert store["a"] is print
        with versionpickle.open(path, missing="keep") as store:
            assert "builtins:print" == store["a"].ref
        with pytest.raises(ValueError, match="no durability='half'"):
            versionpickle.open(path, durability="half")
        with pytest.raises(ValueError, match="no future='maybe'"):
            versionpickle.open(path, future="maybe")

    def test_errors_of_classes(self, store):
        """An error that is not ours says which record it was."""
        store["a"] = orders.declare(1)(1, 2.0)
        orders.declare(4)

        default_registry.forget_steps(f"{orders.__name__}:Order")
        with pytest.raises(exceptions.MissingStepError, match="record 'a'"):
            _ = store["a"]

    def test_read_only(self, path, store):
        """A store can be opened to read alone."""
        store["a"] = 1
        with versionpickle.open(path, read_only=True, write_back=True) as other:
            assert 1 == other["a"]
            with pytest.raises(exceptions.StoreError, match="cannot be written to"):
                other["a"] = 2

    def test_repr(self, path, store):
        """It says which file it is."""
        assert f"<Store {str(path)!r}>" == repr(store)

    def test_closed(self, store):
        """A closed store says so."""
        store.close()
        with pytest.raises(exceptions.StoreError, match="this store was closed"):
            _ = store["a"]

    def test_relative_path(self, tmp_path, monkeypatch):
        """Where the program goes does not matter."""
        monkeypatch.chdir(tmp_path)
        with versionpickle.open("a.db", durability="normal") as store:
            (tmp_path / "there").mkdir()
            monkeypatch.chdir(tmp_path / "there")
            store["a"] = 1
            done = []
            thread = threading.Thread(target=lambda: done.append(store["a"]))
            thread.start()
            thread.join()

        assert [1] == done


class TestEdits:
    def test_edit(self, store):
        """An object is loaded, changed, and stored."""
        store["a"] = []
        with store.edit("a") as found:
            found.append(1)

        assert [1] == store["a"]

    def test_conflict(self, store):
        """What somebody else has stored meanwhile stays."""
        store["a"] = []
        with pytest.raises(exceptions.ConflictError, match="record 'a'"), store.edit("a") as found:
            found.append(1)
            store["a"] = ["other"]

        assert ["other"] == store["a"]

    def test_error(self, store):
        """After an error, nothing is stored."""
        store["a"] = []
        with pytest.raises(ZeroDivisionError), store.edit("a") as found:
            found.append(1 / 0)

        assert [] == store["a"]
        with pytest.raises(KeyError), store.edit("nothing"):
            pass


class TestTransactions:
    def test_all_or_nothing(self, path, store):
        """What is in a block is stored together, or not at all."""
        with versionpickle.open(path) as other:
            with pytest.raises(ZeroDivisionError), store.transaction():
                store["a"] = orders.declare(4)(1, 2, "")
                assert "a" in store
                assert "a" not in other
                _ = 1 / 0
            assert "a" not in store
            with store.transaction() as same:
                same["a"] = orders.declare(4)(1, 2, "")
            assert 2 == other["a"].amount

    def test_nested(self, store):
        """An error undoes the inner block alone, if it is caught there."""
        with store.transaction():
            store["a"] = 1
            with pytest.raises(ZeroDivisionError), store.transaction():
                store["b"] = 1 / 0
            with store.transaction():
                store["c"] = fractions.Fraction(1, 2)

        assert {"a": 1, "c": fractions.Fraction(1, 2)} == dict(store)

    def test_labels_of_what_was_undone(self, path, store):
        """What a transaction knew of the file is forgotten with it."""
        with pytest.raises(ZeroDivisionError), store.transaction():
            store["a"] = decimal.Decimal(1)
            assert decimal.Decimal(1) == store["a"]
            _ = 1 / 0
        store["b"] = fractions.Fraction(1)
        store["a"] = decimal.Decimal(2)

        assert {"a": decimal.Decimal(2), "b": fractions.Fraction(1)} == dict(store)
        assert () == store.verify().damages


class TestUpgrades:
    def test_reading_upgrades(self, path, store):
        """An old object is today's when it is read, and the file stays as it is."""
        store["a"] = orders.declare(1)(1, 2.5)
        cls = orders.declare(4)

        assert cls(1, 250, "") == store["a"]
        assert 1 == store.survey().stale

    def test_write_back(self, path, store):
        """With write_back, it is stored as it was read, and can be taken back."""
        store["a"] = orders.declare(1)(1, 2.5)
        cls = orders.declare(4)
        with versionpickle.open(path, write_back=True) as writing:
            assert cls(1, 250, "") == writing["a"] == writing["a"]

            assert 0 == writing.survey().stale
            assert (1, 0) == writing.rollback()
            assert [("a", cls(1, 250, ""))] == list(writing.items())
            assert 0 == writing.survey().stale
            assert (1, 0) == writing.rollback()
            assert 1 == writing.survey().stale

    def test_unpicklable(self, store):
        """What cannot be pickled is named with its key, and nothing is stored."""
        store["b"] = []
        with pytest.raises(exceptions.UnpicklableError) as told:
            store["a"] = [1, lambda: 0]
        assert ("a", True) == (told.value.key, str(told.value).startswith("record 'a': obj[1]: "))
        with pytest.raises(exceptions.UnpicklableError) as told:
            store.update({"a": 1, "c": lambda: 0, "d": 2})
        assert "c" == told.value.key
        with pytest.raises(exceptions.UnpicklableError) as told, store.edit("b") as edited:
            edited.append(lambda: 0)
        assert "b" == told.value.key

        assert {"b": []} == dict(store)

    def test_a_source_that_fails(self, path, store):
        """An error that comes with what is to be stored names its own key, and nothing else."""
        with versionpickle.open(path.with_name("source.db")) as source:
            source.update({"a": 1, "b": 2})
            raw(path.with_name("source.db"), "UPDATE records SET data = x'4e2e' WHERE key = 'b'")
            with pytest.raises(exceptions.DamagedRecordError) as told:
                store.update((f"copy of {key}", obj) for key, obj in source.items())

        assert "b" == told.value.key
        assert [] == list(store)

    def test_write_back_too_late(self, store):
        """What somebody else has stored meanwhile stays."""
        store["a"] = "mine"
        data = store._records.read("a")
        store["a"] = "theirs"
        store._records.swap_one("a", data, data, manifest_of(data))

        assert "theirs" == store["a"]

    def test_where(self, store, registry):
        """The records with objects of a class are found, wherever in them they are."""
        order = orders.declare(2)
        store.update({"a": [order(1, 2.0)], "b": {"c": order(2, 3.0)}, "c": 1})
        store["d"] = fractions.Fraction(1, 3)

        expected = [("a", [order(1, 2.0)]), ("b", {"c": order(2, 3.0)})]
        assert expected == list(store.where(order))
        assert expected == list(store.where("test.order"))
        assert [("d", fractions.Fraction(1, 3))] == list(store.where(fractions.Fraction))
        assert [] == list(store.where("shop:Nothing"))

    def test_where_it_is_damaged(self, path, store):
        """A damaged record is no reason to find the others only."""
        order = orders.declare(2)
        store["a"] = order(1, 2.0)
        raw(path, "UPDATE records SET data = ?", b"N.")

        with pytest.raises(exceptions.DamagedRecordError):
            list(store.where(order))

    def test_versions(self, path):
        """A store can be written as yesterday's code reads it."""
        order = orders.declare(2)
        with versionpickle.open(path, versions={order: 1}) as store:
            store["a"] = order(1, 2.0)
            with pytest.raises(exceptions.StoreError, match="for older code"):
                store.migrate()
            orders.declare(1)

            assert 2.0 == store["a"].total

    def test_versions_are_not_written_back(self, path):
        """What is to be stored in an older version is stored so, and not again with each read."""
        order = orders.declare(2)
        with versionpickle.open(path, versions={order: 1}, write_back=True) as store:
            store["a"] = order(1, 2.0)
            assert order(1, 2.0) == store["a"] == store["a"]
            assert 0 == store.originals()

    def test_labels_are_bounded(self, store, monkeypatch):
        """What is remembered of labels does not grow for ever."""
        monkeypatch.setattr(_store_settings, "_MANIFESTS_MAX", 1)
        store.update({"a": decimal.Decimal(1), "b": fractions.Fraction(1), "c": 1})

        assert 1 == len(store._settings._manifests)

    def test_registry(self, path, registry):
        """A registry of one's own is as good."""
        order = orders.declare(2, registry=registry)
        with versionpickle.open(path, registry=registry) as store:
            store["a"] = order(1, 2.0)
            assert order(1, 2.0) == store["a"]
            assert 1 == store.survey().current

            orders.declare(4, registry=registry)
            assert 1 == store.migrate().migrated
            assert 200 == store["a"].amount
            with pytest.raises(exceptions.DeclarationError, match="default registry alone"):
                store.migrate(workers=1)


class TestFiles:
    def test_other_file(self, tmp_path):
        """A file that is something else is refused, and stays as it is."""
        (tmp_path / "a.txt").write_text("a text, and no database at all" * 100)
        with pytest.raises(exceptions.NotAStoreError, match="nor an SQLite database"):
            versionpickle.open(tmp_path / "a.txt")
        raw(tmp_path / "empty.db", "PRAGMA application_id = 7")
        with pytest.raises(exceptions.NotAStoreError, match="not a store of versionpickle"):
            versionpickle.open(tmp_path / "empty.db")
        raw(tmp_path / "b.db", "CREATE TABLE jobs (id, payload)")
        with pytest.raises(exceptions.NotAStoreError, match=r"sqlite:.*b.db\?table"):
            versionpickle.open(tmp_path / "b.db")
        with pytest.raises(exceptions.NotAStoreError, match="this is a folder"):
            versionpickle.open(tmp_path)
        with pytest.raises(exceptions.NotAStoreError, match="there is no folder"):
            versionpickle.open(tmp_path / "c" / "d.db")
        with pytest.raises(exceptions.NotAStoreError, match="open_existing"):
            versionpickle.open("shelve:cache")

        assert [("jobs",)] == raw(tmp_path / "b.db", "SELECT name FROM sqlite_schema")

    def test_nothing_to_read(self, tmp_path):
        """Who only reads makes no file."""
        with pytest.raises(exceptions.NotAStoreError, match="no such file"):
            versionpickle.open(tmp_path / "a.db", read_only=True)
        (tmp_path / "a.db").touch()
        with pytest.raises(exceptions.NotAStoreError, match="it is empty"):
            versionpickle.open(tmp_path / "a.db", read_only=True)

    def test_newer_format(self, path, store):
        """A store of tomorrow's format is not touched."""
        store.close()
        raw(path, "PRAGMA user_version = 2")

        with pytest.raises(exceptions.NotAStoreError, match="format 2, .*update versionpickle"):
            versionpickle.open(path)

    def test_deleted(self, path, store):
        """A store that was deleted while it is open takes no more writes."""
        store["a"] = 1
        path.unlink()

        with pytest.raises(exceptions.StoreError, match="deleted while it was open"):
            store["a"] = 2

    def test_replaced(self, path, store):
        """Nor one that was replaced."""
        store["a"] = 1
        path.rename(f"{path}.old")
        with (
            versionpickle.open(path),
            pytest.raises(exceptions.StoreError, match="replaced by another"),
        ):
            store["a"] = 2

    def test_locked(self, path, store):
        """Who waits too long for others is told."""
        store["a"] = 1
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with versionpickle.open(path, timeout=0.05) as waiting:
            with pytest.raises(exceptions.LockedStoreError, match="timeout="):
                waiting["a"] = 2
            assert 1 == waiting["a"]
        other.close()

    def test_checkpoints(self, path):
        """The log is moved into the file now and then, though nobody closes it."""
        with versionpickle.open(path, durability="normal") as store:
            for number in range(5):
                store["a"] = bytes([number]) * 4_000_000
            assert path.stat().st_size > 4_000_000
            assert path.with_name("orders.db-wal").stat().st_size < 20_000_000

    def test_no_checkpoint_while_others_write(self, path, store):
        """Somebody who writes keeps others from that, which comes to no harm."""
        database = Database(str(path), timeout=0.01)
        database.read("SELECT 1")
        with store.transaction():
            store["a"] = 1
            database._wrote(100_000_000)
        database.close()

        assert 1 == store["a"]

    def test_checkpoint_of_a_deleted_file(self, path, store):
        """Nor does a checkpoint that fails: all is safe in the log."""
        store["a"] = 1
        path.rename(path.with_name("elsewhere.db"))
        store._records.database._wrote(100_000_000)
        path.with_name("elsewhere.db").rename(path)

        assert 1 == store["a"]

    def test_other_errors(self, path, store):
        """Whatever SQLite says, it is said of the store."""
        raw(path, "DROP TABLE parked")
        raw(path, "ALTER TABLE records RENAME TO others")
        for ask in (store.__getitem__, store.__delitem__, store.__contains__):
            with pytest.raises(exceptions.StoreError, match="no such table: records"):
                ask("a")

    def test_transactions_that_sqlite_ended(self, store):
        """What SQLite has undone already need not be undone."""
        with pytest.raises(ZeroDivisionError), store.transaction(), store.transaction():
            store._records.database._execute("ROLLBACK")
            _ = 1 / 0

        assert [] == list(store)

    def test_broken_order(self, path, store):
        """A key that stands in the wrong place leads nobody in a circle."""
        store.update((f"key {number:04}", number) for number in range(1_200))
        store.close()
        path.write_bytes(path.read_bytes().replace(b"key 1199", b"key 0000"))

        with versionpickle.open(path) as again:
            assert 1_200 == len(list(again.keys()))
            assert "key 0000" == list(again.keys())[-1]
            assert again.verify().damages

    def test_damaged_header(self, path, store):
        """A file with a broken beginning is damaged, and no stranger."""
        store["a"] = 1
        store.close()
        data = bytearray(path.read_bytes())
        data[100:108] = b"\xff" * 8
        path.write_bytes(data)

        with pytest.raises(exceptions.DamagedStoreError, match="restore"):
            versionpickle.open(path)

    @pytest.mark.parametrize("how", ["EXCLUSIVE", "IMMEDIATE"])
    def test_locked_at_birth(self, path, how):
        """Who finds an empty file locked waits, and is told."""
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute(f"BEGIN {how}")
        with pytest.raises(exceptions.LockedStoreError):
            versionpickle.open(path, timeout=0.05)
        thread = threading.Timer(0.1, lambda: other.execute("ROLLBACK"))
        thread.start()
        versionpickle.open(path, timeout=5).close()
        thread.join()
        other.close()

    def test_made_by_many(self, path):
        """Of several that make it at once, each has it."""
        failed = []

        def make(number):
            try:
                with versionpickle.open(path) as store:
                    store[str(number)] = number
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is reported
                failed.append(exc)

        threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [] == failed
        with versionpickle.open(path) as store:
            assert list(range(8)) == list(store.values())

    def test_threads_that_end(self, path, store):
        """A thread's connection is closed when it ends."""
        for number in range(20):
            thread = threading.Thread(target=store.__setitem__, args=(str(number), number))
            thread.start()
            thread.join()

        assert 20 == len(store)
        assert len(store._records.database._connections._handles) < 5

    def test_fork(self, store):
        """A child goes on with a connection of its own."""
        store["a"] = 1
        pid = os.fork()
        if not pid:
            store["b"] = store["a"] + 1
            os._exit(0)
        os.waitpid(pid, 0)

        assert 2 == store["b"]

    def test_beginning_anew(self, store):
        """What a child begins with is nothing; nor does it close what it has inherited."""
        connections = store._records.database._connections
        store["a"] = 1
        handle = connections.mine()
        _connections._before()
        assert handle.connection is None
        _connections._in_child()
        assert 1 == store["a"]
        assert handle is not connections.mine()

        handle = connections.mine()
        connection, process = handle.connection, handle._process
        handle._process = 0
        handle.__del__()
        assert [(1,)] == connection.execute("SELECT 1").fetchall()
        handle._process = process

    def test_fork_in_a_transaction(self, path, store):
        """A transaction is ended by who began it, and its child may not use the store."""
        store["a"] = 1
        database = Database(str(path))
        block = database.transaction()
        block.__enter__()
        handle = database._connections.mine()
        _connections._before()
        _connections._in_child()
        try:
            for ask in (database.read, Database(str(path)).read):
                with pytest.raises(exceptions.StoreError, match="by spawn"):
                    ask("SELECT 1")
            with pytest.raises(exceptions.StoreError, match="end the block"):
                block.__exit__(None, None, None)
        finally:
            _connections._INHERITED.clear()
            handle.lock.release()
            handle.close()

        assert 1 == store["a"]

    def test_closing_at_the_same_moment(self, store):
        """A connection that was closed at this very moment is in no transaction."""
        store["a"] = 1
        handle = store._records.database._connections.mine()
        handle.connection.close()

        assert not handle.is_in_transaction
        with handle.lock:
            assert not handle.could_close()
        with pytest.raises(exceptions.StoreError, match="closed database"):
            _ = store["a"]

    def test_waiting_for_a_transaction(self, store, monkeypatch):
        """A fork waits for the transactions of other threads, but not for ever."""
        monkeypatch.setattr(_connections, "_PATIENCE", 0.05)
        begun, ended = threading.Event(), threading.Event()

        def hold():
            with store.transaction():
                store["a"] = 1
                begun.set()
                ended.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        begun.wait()
        _connections._before()
        held = {*store._records.database._connections._held}
        _connections._in_parent()
        ended.set()
        thread.join()

        assert 1 == len(held)  # our own alone
        assert 1 == store["a"]


def test_values_of_all_kinds(store):
    """Whatever can be pickled and loaded again is kept."""
    retire("shop:Gone")
    data = b"cshop\nGone\n)\x81}X\x01\x00\x00\x00aK\x01sb."
    placeholder = versionpickle.loads(data)
    moment = datetime.datetime.now(datetime.UTC)
    values = [1, "text", None, {"a": (1, [2.5])}, moment, decimal.Decimal("1.5"), {1, 2}, b"x"]
    for number, value in enumerate(values):
        store[str(number)] = value
    store["placeholder"] = placeholder

    assert values == [store[str(number)] for number in range(len(values))]
    assert "shop:Gone" == store["placeholder"].ref
    assert 1 == store.survey().retired


def test_existing_registry(path, registry):
    """Registries see only what is theirs."""
    order = orders.declare(2, registry=registry)
    with versionpickle.open(path, registry=registry) as store:
        store["a"] = order(1, 2.0)
    with versionpickle.open(path, registry=Registry("other")) as store:
        assert 1 == store.survey().unknown
        with pytest.raises(exceptions.UnknownClassError):
            _ = store["a"]
