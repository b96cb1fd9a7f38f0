"""Surveys, migrations and verifications of a store."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import pickle
import signal
import sqlite3
import threading
import zlib

from decimal import Decimal

import attrs
import orders
import pytest

from two_processes import define, run

import versionpickle

from versionpickle import adopt, alias, exceptions
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle._wire.stamp import Claim
from versionpickle.migrations import default_registry
from versionpickle.stores._sqlite.manifests import ManifestCheck
from versionpickle.stores._sweeps import rewriter as _rewriter
from versionpickle.stores._sweeps import workers as _workers
from versionpickle.stores._sweeps.classifier import Classifier
from versionpickle.stores._sweeps.transport import Task


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.db"


@pytest.fixture
def store(path):
    with versionpickle.open(path, durability="normal") as store:
        yield store


def fill(store, count, start=0):
    """Store orders of version 1."""
    order = orders.declare(1)
    store.update((f"{number:05}", order(number, number / 4)) for number in range(start, count))


def raw(path, sql, *values):
    connection = sqlite3.connect(path)
    rows = connection.execute(sql, values).fetchall()
    connection.commit()
    connection.close()
    return rows


def store_anyway(store, key, obj, *allow):
    """Store what the store itself would refuse, as one does that allows more."""
    with versionpickle.open(store._records.address, allow=allow) as other:
        other[key] = obj


class TestSurvey:
    def test_counts(self, store):
        """Each record counts once, by the worst that is in it."""
        fill(store, 5)
        orders.declare(4)
        store["new"] = orders.declare(4)(1, 2, "")
        store["plain"] = [1, 2]

        found = store.survey()

        assert (7, 2, 5, 0, 0) == (
            found.records,
            found.current,
            found.stale,
            found.unknown,
            found.damaged,
        )
        told = [(one.ref, one.version, one.records, one.status) for one in found.classes]
        assert [("test.order", 1, 5, "stale"), ("test.order", 4, 1, "current")] == told
        assert "test.order, version 1: in 5, stale" in str(found)
        assert str(found).endswith("7 records, 2 current, 5 stale")

    def test_future(self, store):
        """What is newer than this code is not known to it."""
        store["a"] = orders.declare(4)(1, 2, "")
        orders.declare(3)

        found = store.survey()

        assert (1, 0) == (found.unknown, found.stale)
        assert "versions up to 3" in found.classes[0].problem

    def test_named(self, store):
        """A class that is only referred to is no object of it; a renamed one is told."""
        store_anyway(store, "a", [Renamed], Renamed)
        with versionpickle.open(store._records.address, allow=[Renamed]) as again:
            assert 1 == again.survey().current
        assert 1 == store.survey().unknown
        alias(f"{__name__}:Renamed", Inner)
        assert 1 == store.survey().stale

    def test_adopted_later(self, store):
        """What was written by a plain class is stale when that is adopted."""
        store_anyway(store, "a", Plain(), Plain)
        assert 1 == store.survey().unknown
        adopt(Plain)
        assert 1 == store.survey().stale
        assert 1 == store.migrate().migrated
        assert 1 == store.survey().current

    def test_bases(self, store):
        """A class whose base is stale says which base that is."""
        registry = versionpickle.Registry("bases")
        base = versionpickle.versioned(version=2, name="party", registry=registry)(
            type("Party", (), {"__module__": __name__})
        )
        versionpickle.versioned(name="customer", registry=registry)(
            type("Customer", (base,), {"__module__": __name__})
        )
        claim = Claim("customer", 1, None, (("party", 1),))
        versionpickle.migration("party", 1, registry=registry)(lambda state: state)
        classifier = Classifier(registry)
        (found,) = classifier.classes(Manifest([claim]))
        assert ("stale", "its base party is at version 1, today's is 2") == (
            found.status,
            found.problem,
        )
        (found,) = classifier.classes(Manifest([Claim("customer", 1, None, ())]))
        assert ("stale", "its bases or its fields are others today") == (
            found.status,
            found.problem,
        )

    def test_names(self):
        """What is only referred to is stale if it has another name by now."""
        alias("nowhere:Old", Inner)
        classifier = Classifier()
        manifest = Manifest(
            made=["nowhere:One", "nowhere:Two"], named=["nowhere:Old", "nowhere:New"]
        )
        assert ["unknown", "unknown", "stale"] == [
            one.status for one in classifier.classes(manifest)
        ]


class Renamed:
    pass


class Inner:
    pass


class Unknown:
    pass


class Plain:
    def __init__(self):
        self.a = 1


class Meddling(concurrent.futures.ThreadPoolExecutor):
    """Let somebody do something between the reading of a batch and its writing."""

    def __init__(self, meddle):
        super().__init__(1)
        self._meddle = meddle

    def submit(self, work, task):
        self._meddle()
        return super().submit(work, task)


class TestMigration:
    def test_all(self, store):
        """Everything stale is today's afterwards, in the order of the keys."""
        fill(store, 4_500)
        cls = orders.declare(4)
        seen = []

        done = store.migrate(progress=lambda state: seen.append((state.seen, state.at)))

        assert 4_500 == done.migrated == done.total == done.seen
        assert [(2_000, "01999"), (4_000, "03999"), (4_500, "04499")] == seen
        assert "4500 migrated" == str(done)
        assert 0 == store.survey().stale
        assert all(
            cls(number, number * 25, "") == store[f"{number:05}"]
            for number in range(0, 4_500, 100)
        )
        assert 0 == store.migrate().seen

    def test_rollback(self, store):
        """The originals are put back, but over nothing that somebody has written since."""
        fill(store, 2_500)
        cls = orders.declare(4)
        store.migrate()
        store["00003"] = cls(3, 3, "mine")
        del store["00004"]
        seen = []

        assert 2_500 == store.originals()
        assert (2_498, 2) == store.rollback(progress=seen.append)
        assert [500, 2_500] == seen
        assert cls(3, 3, "mine") == store["00003"]
        assert 2_498 == store.survey().stale
        assert 0 == store.originals()

    def test_twice(self, store):
        """After two migrations, rollback goes back behind the first, until that is forgotten."""
        fill(store, 3)
        orders.declare(2)
        store.migrate()
        orders.declare(4)
        store.migrate()
        assert (3, 0) == store.rollback()
        assert 1 == store.survey().classes[0].version

        orders.declare(2)
        store.migrate()
        assert 3 == store.forget_originals()
        orders.declare(4)
        store.migrate()
        assert (3, 0) == store.rollback()
        assert 2 == store.survey().classes[0].version

    def test_dry_run(self, store):
        """A dry run tries all, and writes nothing."""
        fill(store, 5)
        store["00001"] = orders.declare(1)(1, -1.0)
        orders.declare(4)

        done = store.migrate(dry_run=True)

        assert "4 would be migrated, 1 failed and left as before" == str(done)
        assert 5 == store.survey().stale
        assert [] == store.parked()

    @pytest.mark.parametrize("limit", [1, 2_000, 2_001, 2_100])
    def test_limit(self, store, limit):
        """A limit stops it, and another run goes on."""
        fill(store, 2_100)
        orders.declare(4)

        assert limit == store.migrate(limit=limit).migrated
        assert 2_100 - limit == store.migrate(limit=5_000).migrated

    @pytest.mark.parametrize("name", ["limit", "workers"])
    def test_counts(self, store, name):
        """What is no count is refused before anything is written."""
        fill(store, 2)
        orders.declare(4)

        for count in ("2", True, 1.0):
            with pytest.raises(TypeError, match=f"{name}= must be an int, not {count!r}"):
                store.migrate(**{name: count})
        with pytest.raises(ValueError, match=f"{name}=-1 is negative"):
            store.migrate(**{name: -1})
        assert 2 == store.survey().stale

    def test_failures(self, store):
        """What cannot be upgraded is named, stays, and is tried again."""
        fill(store, 5)
        store["00002"] = orders.declare(1)(2, -1.0)
        orders.declare(4)

        done = store.migrate()

        assert (4, 1) == (done.migrated, done.failed)
        (parked,) = store.parked()
        assert done.failures == (parked,)
        assert ("00002", "orders:Order", 1) == (parked.key, parked.ref, parked.version)
        assert "step 2 -> 3" in parked.step
        assert "ValueError: no good" in parked.reason
        assert (1, 1) == (store.survey().stale, store.survey().parked)
        with pytest.raises(exceptions.StepError):
            _ = store["00002"]

        store["00002"] = orders.declare(1)(2, 1.0)
        orders.declare(4)
        assert [] == store.parked()
        assert 1 == store.migrate().migrated

    def test_flipped_failures(self, path, store):
        """No bit of what is told of a failure can change without a word."""
        fill(store, 1)
        store["00002"] = orders.declare(1)(2, -1.0)
        orders.declare(4)
        store.migrate()
        parked = store.parked()
        ((row,),) = raw(path, "SELECT key || ref || step || reason FROM parked")
        store.close()
        data = path.read_bytes()
        start = data.index(row[:10].encode())

        for bit in range((start - 16) * 8, len(data) * 8):  # with what describes its columns
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            with versionpickle.open(path) as again:
                assert again.verify().damages or parked == again.parked()
        path.write_bytes(data.replace(b"no good", b"no food"))
        with versionpickle.open(path) as again:
            (damage,) = again.verify().damages
            assert "the reason of its failure" in damage.problem
            assert [] == again.parked()
            assert 0 == again.verify().damaged
            assert 1 == again.migrate().failed
            assert parked == again.parked()
        raw(path, "UPDATE parked SET reason = ''")
        with versionpickle.open(path, read_only=True) as again:
            assert 1 == again.verify().damaged == again.verify().damaged

    def test_large_records(self, store):
        """A batch of large records is small."""
        cls = orders.declare(1)
        store.update((f"{number:05}", [cls(number, 1.0), bytes(100_000)]) for number in range(400))
        orders.declare(4)
        seen = []

        store.migrate(progress=lambda done: seen.append(done.seen))

        assert [160, 320, 400] == seen
        assert (400, 0) == store.rollback()

    @pytest.mark.parametrize("data", [b"N.", "N.", 5])
    def test_damaged(self, path, store, data):
        """A damaged record is not upgraded, but named."""
        fill(store, 3)
        orders.declare(4)
        raw(path, "UPDATE records SET data = ? WHERE key = '00001'", data)

        done = store.migrate()

        assert (2, 1) == (done.migrated, done.failed)
        assert "not those that were stored" in done.failures[0].reason

    @pytest.mark.parametrize("is_other", [False, True])
    def test_overtaken(self, path, store, is_other):
        """What others write meanwhile stays, and is looked at again; so it is with our own."""
        fill(store, 10)
        writing = versionpickle.open(path) if is_other else store
        cls = orders.declare(4)
        others = {"00003": cls(3, 3, "mine"), "00004": cls(4, 4, "mine")}

        def meddle():
            writing.update(others)
            others.clear()

        with Meddling(meddle) as executor:
            done = store.migrate(executor=executor)
        if is_other:
            writing.close()

        assert (8, 2) == (done.migrated, done.conflicts)
        assert [3, 4] == [store[key].amount for key in ("00003", "00004")]
        assert 8 == store.originals()
        assert 0 == store.survey().stale

    def test_other_processes(self, store):
        """What is done in another process comes back as it was done there."""
        fill(store, 3)
        store["00001"] = orders.declare(1)(1, -1.0)
        orders.declare(4)
        rewriter = attrs.evolve(store._settings.rewriter, is_tracked=True)
        (batch,) = store._records.batches(lambda _: True, 10)
        task = Task(batch.columns, batch.examine)
        expected = rewriter.rewrite(task)

        rewriter, task = pickle.loads(pickle.dumps((rewriter, task)))
        done = pickle.loads(pickle.dumps(rewriter.rewrite(task)))

        assert [1] == [*done.failures]
        for name in ("pickles", "manifests", "failures", "prepared"):
            assert getattr(expected, name) == getattr(done, name)

    def test_rolled_back_meanwhile(self, path, store):
        """A rollback beside a migration loses no original, and counts each once."""
        fill(store, 6)
        before = {key: store._records.read(key) for key in store}
        orders.declare(2)
        store.migrate(limit=2)
        store.migrate()
        orders.declare(3)
        steps = store._records.put_back()
        assert (4, 0) == next(steps)
        with versionpickle.open(path) as other:
            assert 6 == other.migrate().migrated
        assert [(4, 0), (2, 0)] == [*steps]

        assert before == {key: store._records.read(key) for key in store}
        assert 0 == store.originals()

    def test_damaged_between(self, path, store):
        """Originals stay while a damaged batch is in the way, until that is mended."""
        fill(store, 3)
        before = {key: store._records.read(key) for key in store}
        orders.declare(2)
        store.migrate()
        orders.declare(3)
        store.migrate()
        ((data,),) = raw(path, "SELECT data FROM originals WHERE id = 2")
        raw(path, "UPDATE originals SET data = ? WHERE id = 2", data[:-3])
        assert (0, 3) == store.rollback()
        assert 3 == store.originals()

        raw(path, "UPDATE originals SET data = ? WHERE id = 2", data)
        assert (3, 0) == store.rollback()
        assert before == {key: store._records.read(key) for key in store}

    @pytest.mark.parametrize("is_written_back", [False, True])
    def test_same_again(self, path, store, is_written_back):
        """The bytes that were there, written again, count as written."""
        fill(store, 1)
        orders.declare(2)
        store.migrate()
        data = store._records.read("00000")

        def meddle():
            if is_written_back:
                with versionpickle.open(path, write_back=True) as writing:
                    _ = writing["00000"]
            else:
                store._records.write("00000", data, manifest_of(data))

        orders.declare(3)
        with Meddling(meddle) as executor:
            done = store.migrate(executor=executor)

        assert ((0, 1) if is_written_back else (1, 0)) == (done.migrated, done.conflicts)
        assert ((1, 0) if is_written_back else (1, 1)) == store.rollback()

    def test_written_back_meanwhile(self, path):
        """What was written back while a batch waited is not written over."""
        with versionpickle.open(path, write_back=True, durability="normal") as store:
            fill(store, 2_001)
            orders.declare(4)
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                for done in store.migrating(executor=executor):
                    if done.seen == 2_000:
                        _ = store["02000"]

            assert (2_000, 1) == (done.migrated, done.conflicts)
            assert 2_001 == store.originals()
            assert (2_001, 0) == store.rollback()

    @pytest.mark.parametrize("version", [1, 4])
    def test_failed_meanwhile(self, store, version):
        """What somebody has stored in the place of a failure is no failure."""
        fill(store, 3)
        good = store._records.read("00002")
        store["00001"] = orders.declare(1)(1, -1.0)
        cls = orders.declare(4)

        def meddle():
            if version == 1:
                store._records.write("00001", good, manifest_of(good))
            else:
                store["00001"] = cls(1, 100, "fixed")

        with Meddling(meddle) as executor:
            done = store.migrate(executor=executor)

        assert (0, version == 4) == (done.failed, done.conflicts)
        assert [] == store.parked()
        assert 3 == store.survey().current

    def test_failed_once(self, store):
        """A failure counts once, however often it is looked at."""
        fill(store, 5)
        store["00001"] = orders.declare(1)(1, -1.0)
        cls = orders.declare(4)
        others = {"00003": cls(3, 3, "mine")}

        def meddle():
            store.update(others)
            others.clear()

        with Meddling(meddle) as executor:
            done = store.migrate(executor=executor)

        assert (3, 1, 1) == (done.migrated, done.conflicts, done.failed)
        assert ["00001"] == [one.key for one in done.failures]
        assert done.seen == done.total

    def test_mended_otherwise(self, path, store):
        """What has become current without a migration is not parked for ever."""
        store_anyway(store, "a", Unknown(), Unknown)
        assert 1 == store.migrate().failed
        with versionpickle.open(path, allow=[Unknown]) as allowing:
            assert 1 == allowing.survey().current
            assert 0 == allowing.migrate().seen
            assert [] == allowing.parked()

    def test_spoiled_key(self, path, store):
        """A key that is no text any more ends nothing, and is named."""
        fill(store, 3)
        raw(path, "UPDATE records SET key = CAST(x'3030ff' AS TEXT) WHERE key = '00001'")
        with versionpickle.open(path) as broken:
            assert ["00000", "00002", "00\\xff"] == list(broken.keys())
            with pytest.raises(exceptions.DamagedRecordError):
                list(broken.values())
            orders.declare(4)
            done = broken.migrate()
            assert (2, 1) == (done.migrated, done.failed)
            assert broken.verify(load=True).damaged

    def test_undone(self, store):
        """What was read within a transaction that was undone is not swapped."""
        fill(store, 2)
        before = store["00000"]
        records = store._records
        with pytest.raises(ZeroDivisionError), store.transaction():
            store["00000"] = "something else"
            (batch,) = records.batches(lambda _: True, 10)
            _ = 1 / 0

        conflicts = records.swap(batch, [*batch.pickles], [manifest_of(batch.pickles[0])] * 2)

        assert {"00000"} == conflicts
        assert before == store["00000"]
        assert 1 == store.originals()

    def test_in_a_transaction(self, store):
        """A migration is undone with the transaction that it is in."""
        fill(store, 3)
        orders.declare(4)
        with pytest.raises(ZeroDivisionError), store.transaction():
            assert 3 == store.migrate().migrated
            _ = 1 / 0

        assert (3, 0) == (store.survey().stale, store.originals())

    def test_overtaken_again_and_again(self, store):
        """Who never gets a record gives up, and says how many are left."""
        fill(store, 3)
        old = store._records.read("00001")
        orders.declare(4)

        def meddle():
            label = manifest_of(old)
            before, number, after = old.rpartition(b"K\x01")
            changed = before + number[:1] + bytes([next(COUNT)]) + after
            store._records.write("00001", changed, label)

        with Meddling(meddle) as executor:
            done = store.migrate(executor=executor)

        assert (2, 1) == (done.migrated, done.conflicts)
        assert 3 == done.total == done.seen
        assert 1 == store.survey().stale

    def test_workers(self, tmp_path):
        """Other processes can do the work, whether they are forked or not."""
        define(tmp_path, {"shop": SHOP})
        run(tmp_path, STORED)
        for begin in ("", "import threading, time; threading.Timer(5, print).start()"):
            told = run(tmp_path, MIGRATED.format(begin=begin))
            assert b"5500 migrated Order(number=5499, amount=549900) (5500, 0)" == told.strip()

    @pytest.mark.usefixtures("alone")
    def test_workers_without_the_classes(self, store):
        """Processes that cannot find what is declared here are told before they begin."""
        fill(store, 3)
        orders.declare(4)
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        with pytest.raises(exceptions.DeclarationError, match=r"test\.order version 4.*workers="):
            store.migrate(workers=1)
        stop.set()
        thread.join()

        assert 3 == store.survey().stale

    @pytest.mark.usefixtures("alone")
    def test_workers_give_way(self):
        """The process that writes is the one that all wait for."""
        with _workers.processes(1, None) as pool:
            assert min(os.nice(0) + 1, 19) <= pool.submit(os.nice, 0).result()

    def test_trusted_kinds_are_bounded(self, store, monkeypatch):
        """What was compared once is not kept for ever."""
        monkeypatch.setattr(_rewriter, "_TRUSTED_MAX", 1)
        fill(store, 2)
        store["b"] = [orders.declare(1)(1, 1.0), Decimal(1)]
        orders.declare(4)
        assert 3 == store.migrate().migrated
        assert 1 == len(store._settings.rewriter.trusted)

    def test_what_a_worker_does_first(self, monkeypatch):
        """It gives way."""
        steps = []
        monkeypatch.setattr(os, "nice", steps.append)  # which cannot be taken back
        before = signal.getsignal(signal.SIGINT)
        try:
            _workers._prepare()
        finally:
            signal.signal(signal.SIGINT, before)

        assert 1 == len(steps)

    def test_what_a_worker_must_know(self):
        """It imports what it can, once; without a declaration it does nothing."""
        needed = _workers.Knowledge(("orders", "no_such_module"), frozenset({("x", 3)}))
        for _ in range(2):
            with pytest.raises(exceptions.DeclarationError, match="x version 3"):
                needed.acquire()
        for _ in range(2):
            _workers.Knowledge.of_this_process().acquire()

    def test_given_up(self, store):
        """Who stops to iterate stops after a batch."""
        fill(store, 13_000)
        orders.declare(4)
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            for done in store.migrating(executor=executor):
                assert 2_000 == done.migrated
                break

        assert 11_000 == store.survey().stale

    def test_many_labels(self, store):
        """However many kinds of records there are, they are taken in the order of their keys."""
        order = orders.declare(1)
        adopted = [type(f"K{n}", (), {"__module__": __name__}) for n in range(20)]
        for number, kind in enumerate(adopted):
            versionpickle.versioned(name=f"test.kind{number}")(kind)
        for count in (2, 20):
            for number in range(count):
                store[f"{number:03}"] = [order(number, 1.0), adopted[number]()]
            orders.declare(4)
            seen = []
            done = store.migrate(progress=lambda state, seen=seen: seen.append(state.at))

            assert count == done.migrated
            orders.declare(1)
            store.clear()
            store.forget_originals()

    def test_objects_that_change(self, store):
        """What would load as something else than it was read as is not written."""
        order = orders.declare(1)
        store_anyway(store, "a", [Turncoat(1), order(1, 1.0)], Turncoat)
        orders.declare(4)
        with versionpickle.open(store._records.address, allow=[Turncoat]) as again:
            done = again.migrate()

        assert "loads as something else" in done.failures[0].reason

    def test_deep(self, store):
        """Depth is no obstacle."""
        deep = [orders.declare(1)(1, 1.0)]
        for _ in range(20_000):
            deep = [deep]
        store["a"] = deep
        orders.declare(4)

        assert 1 == store.migrate().migrated
        assert 0 == store.survey().stale

    def test_bytes_that_look_like_names(self, store):
        """A pickle within a pickle is data, whatever it holds."""
        order = orders.declare(1)
        store["a"] = [order(1, 1.0), versionpickle.dumps(Inner(), 5)]
        orders.declare(4)
        adopt(Inner)

        assert 1 == store.migrate().migrated
        assert 1 == store.survey().current

    def test_as_old_as_before(self, store):
        """What is written no newer than it was is not written again and again."""
        store_anyway(store, "a", Stubborn(), old_maker)
        alias(f"{__name__}:old_maker", new_maker)

        done = store.migrate()

        assert (1, 1) == (done.failed, store.survey().stale)
        assert "as old as before" in done.failures[0].reason

    def test_no_stamps_alone(self, store):
        """Records with value types beside their stamps are migrated as well."""
        order = orders.declare(1)
        store.update((str(number), [order(number, 1.0), Decimal(number)]) for number in range(9))
        orders.declare(4)

        assert 9 == store.migrate().migrated
        assert 9 == store.survey().current


COUNT = itertools.count(2)
SHOP = """
import attrs, os
from versionpickle import migration, versioned
from versionpickle.migrations import convert, rename

if os.environ.get("TODAY"):
    @versioned(3)
    @attrs.define
    class Order:
        number: int
        amount: int

    migration(Order, 1, rename("total", "amount"))

    @migration(Order, 2)
    def cents(state):
        return {**state, "amount": state["amount"] * 100}
else:
    @versioned
    @attrs.define
    class Order:
        number: int
        total: int
"""
STORED = """
import shop, versionpickle
with versionpickle.open("orders.db") as store:
    store.update((f"{n:05}", shop.Order(n, n)) for n in range(5_500))
"""
MIGRATED = """
import os
os.environ["TODAY"] = "1"
import shop, versionpickle
if __name__ == "__main__":
    {begin}
    with versionpickle.open("orders.db") as store:
        done = store.migrate(workers=2)
        print(done, store["05499"], store.rollback(), flush=True)
    os._exit(0)
"""


def old_maker():
    return Stubborn()


def new_maker():
    return Stubborn()


class Stubborn:
    def __reduce__(self):
        return old_maker, ()


class Turncoat:
    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return Turncoat, (-self.number,)


class TestVerification:
    def test_good(self, store):
        """A store without damage is good."""
        fill(store, 1_200)
        seen = []

        done = store.verify(progress=seen.append)

        assert (1_200, 0, ()) == (done.good, done.damaged, done.damages)
        assert "1200 good, 0 damaged" == str(done) == str(seen[-1])

    @pytest.mark.parametrize("value", ["a text", 5, 2.5])
    def test_no_bytes(self, path, store, value):
        """A flipped bit may turn bytes into what is none."""
        fill(store, 3)
        raw(path, "UPDATE records SET data = ? WHERE key = '00001'", value)

        with pytest.raises(exceptions.DamagedRecordError):
            _ = store["00001"]
        assert (2, 1) == (store.verify().good, store.verify().damaged)

    def test_broken_schema(self, path, store):
        """So is a damaged description of the tables, without which nothing can be told."""
        fill(store, 3)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'sum', 'sun')")
        connection.commit()
        connection.close()
        store.close()

        with versionpickle.open(path) as broken:
            (damage,) = broken.verify().damages
        assert "describes its tables" in damage.problem

    def test_broken_index(self, path, store):
        """What SQLite finds wrong is told."""
        fill(store, 3)
        store.close()
        data = bytearray(path.read_bytes())
        pages = [
            page
            for page in range(0, len(data), 4096)
            if b"00001" in data[page : page + 4096] and b"test" not in data[page : page + 4096]
        ]
        where = data.index(b"00001", pages[-1])
        data[where : where + 5] = b"00009"
        path.write_bytes(data)

        with versionpickle.open(path) as broken:
            damages = broken.verify().damages
        assert damages
        assert all("SQLite reports: " in one.problem for one in damages)

    @pytest.mark.parametrize("column", ["data", "key", "sum", "label"])
    def test_damage(self, path, store, column):
        """A record that is not as it was stored is set apart, until it is stored again."""
        fill(store, 3)
        value = {"data": b"N.", "key": "00009", "sum": 5, "label": 77}[column]
        raw(path, f"UPDATE records SET {column} = ? WHERE key = '00001'", value)
        key = "00009" if column == "key" else "00001"

        with pytest.raises(exceptions.DamagedRecordError, match="delete it"):
            _ = store[key]
        done = store.verify()
        assert (2, 1) == (done.good, done.damaged)
        assert key == done.damages[0].key
        assert 1 == store.survey().damaged
        with pytest.raises(exceptions.DamagedRecordError, match="as verify"):
            _ = store[key]
        with pytest.raises(exceptions.DamagedRecordError):
            list(store.items())
        assert 1 == store.verify().damaged

        store[key] = orders.declare(1)(1, 1.0)
        assert 0 == store.verify().damaged == store.survey().damaged

    @pytest.mark.parametrize("column", ["text", "sum"])
    def test_broken_label(self, path, store, column):
        """Records whose label is broken are as good as before when they have another."""
        fill(store, 3)
        store["none"] = None
        store.close()
        raw(path, f"UPDATE labels SET {column} = ? WHERE text LIKE '%order%'", 5)
        with versionpickle.open(path, read_only=True) as again:
            assert 1 == again.verify().damaged
            assert 0.25 == again["00001"].total
        with versionpickle.open(path) as again:
            assert 3 == again.survey().damaged
            done = again.verify()

            assert (4, 1) == (done.good, done.damaged)
            assert "manifest" in done.damages[0].problem
            assert 0.25 == again["00001"].total
            assert 0 == again.verify().damaged
            assert 4 == again.survey().current

    def test_lost_label(self, path, store):
        """So are those whose label is gone; a label that nothing has is told."""
        fill(store, 3)
        store["none"] = None
        orders.declare(4)
        store.migrate()
        store.forget_originals()
        raw(path, "DELETE FROM labels WHERE text LIKE '%4%'")
        raw(path, "UPDATE labels SET text = '?' WHERE text LIKE '%order%'")

        done = store.verify()
        assert (4, 2) == (done.good, done.damaged)
        assert 1 == store.verify().damaged
        assert 4 == store.survey().current

    def test_label_of_what_is_no_pickle(self, path, store):
        """A label that no record of it can bring back is told."""
        store._records.write("a", b"no pickle", Manifest(made=["a:A"]))
        raw(path, "UPDATE labels SET text = 'broken'")
        for _ in range(2):
            assert ["its manifest 1 is not what was stored"] == [
                one.problem for one in store.verify().damages
            ]

    @pytest.mark.parametrize("text", ["no JSON", "[5]", '{"stamped": [5]}', '{"made": 5}'])
    def test_label_of_others(self, path, store, text):
        """A label that versionpickle does not write is damage, whatever its checksum."""
        fill(store, 1)
        raw(path, "UPDATE labels SET text = ?, sum = ?", text, zlib.crc32(text.encode()))
        with versionpickle.open(path) as again:
            assert 1 == again.survey().damaged
            assert 1 == again.verify().damaged
            assert 0 == again.survey().damaged

    @pytest.mark.parametrize("columns", [5, [[5], [6], [7], [8], [[9]]], [["a"], [b""], [1], [1]]])
    def test_originals_of_others(self, path, store, columns):
        """Originals that versionpickle does not write are damage, whatever their checksum."""
        data = pickle.dumps(columns)
        checksum = zlib.crc32(data, zlib.crc32(b"1 1"))
        store["a"] = 1
        raw(path, "INSERT INTO originals VALUES (1, 1, ?, ?)", checksum, data)
        assert (0, 1, 1) == (*store.rollback(), store.originals())

    def test_label_that_is_new(self, store):
        """A label that somebody has stored only now is no damage."""
        manifests = ManifestCheck(store._records.database)
        store["a"] = 1
        manifests.note(1, store._records.read("a"))
        assert [] == list(manifests.damages())

    def test_deleted_meanwhile(self, store, monkeypatch):
        """A record that is deleted while others are loaded is no damage."""
        store.update({"a": 1, "b": 2})
        monkeypatch.setattr(store._records, "keys", lambda: iter(["a", "nothing", "b"]))
        assert (2, 0) == (store.verify(load=True).good, store.verify(load=True).damaged)

    def test_twin_labels(self, path, store):
        """A label that was mended may say what another one says."""
        fill(store, 1)
        raw(path, "UPDATE labels SET text = 'broken'")
        store["00002"] = store["00000"]
        with versionpickle.open(path) as other:
            other["00003"] = store["00000"]

        assert 1 == store.verify().damaged
        assert 0 == store.verify().damaged
        assert 3 == store.survey().current

    def test_broken_original(self, path, store):
        """Originals are looked at as well."""
        fill(store, 3)
        orders.declare(4)
        store.migrate()
        ((data,),) = raw(path, "SELECT data FROM originals")
        columns = zlib.decompress(data)
        broken = columns.replace(b"K\x01G", b"K\x00G")
        for changed in (broken, zlib.compress(broken)):
            raw(path, "UPDATE originals SET data = ?", changed)
            (damage,) = store.verify().damages
            assert ("00001", True) == (damage.key, "its original" in damage.problem)
        assert (2, 1) == store.rollback()
        assert (3, (0, 3)) == (store.originals(), store.rollback())

        raw(path, "UPDATE originals SET data = ?", data[:-9])
        (damage,) = store.verify().damages
        assert "a batch of 3 records" in damage.problem
        assert (0, 3) == store.rollback()
        assert 3 == store.forget_originals()

    def test_broken_pages(self, path, store):
        """A part of the file that cannot be read is told, and all around it is good."""
        fill(store, 2_000)
        store.close()
        data = bytearray(path.read_bytes())
        pages = range(40_960, len(data), 4096)
        leaves = [page for page in pages if b"test.order" in data[page : page + 4096]]
        for leaf in (leaves[0], leaves[-1]):
            broken = bytearray(data)
            broken[leaf : leaf + 4096] = b"\xff" * 4096
            path.write_bytes(broken)

            with versionpickle.open(path) as opened:
                done = opened.verify()

            assert done.damaged > 1
            assert 1_900 < done.good < 2_000
            unreadable = [one for one in done.damages if "cannot be read" in one.problem]
            assert 2_000 == done.good + len(unreadable)

    def test_broken_pages_of_originals(self, path, store):
        """So is a part in which originals stand."""
        fill(store, 1_200)
        cls = orders.declare(4)
        store.migrate()
        assert 0 == store.verify().damaged
        ((root,),) = raw(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'originals'")
        store.close()
        data = bytearray(path.read_bytes())
        data[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
        path.write_bytes(data)

        with versionpickle.open(path) as broken:
            damages = broken.verify().damages
            assert cls(7, 175, "") == broken["00007"]
        assert any("originals of migrations cannot" in one.problem for one in damages)

    def test_load(self, path, store):
        """With load, each object is loaded."""
        fill(store, 3)
        store["00001"] = orders.declare(1)(1, -1.0)
        store_anyway(store, "x", print, print)
        raw(path, "UPDATE records SET sum = 5 WHERE key = '00002'")
        orders.declare(4)

        done = store.verify(load=True)

        assert (1, 3) == (done.good, done.damaged)
        assert ["00002", "00001", "x"] == [one.key for one in done.damages]

    def test_read_only(self, path, store):
        """A store that is only read is verified, and not changed."""
        fill(store, 3)
        store.close()
        raw(path, "UPDATE records SET sum = 5 WHERE key = '00001'")
        before = path.read_bytes()

        with versionpickle.open(path, read_only=True) as again:
            assert 1 == again.verify().damaged
        assert before == path.read_bytes()


class TestCopies:
    def test_copy(self, tmp_path, store):
        """All is copied as it is; what is there stays, unless it is to be overwritten."""
        fill(store, 5)
        with versionpickle.open(tmp_path / "other.db") as other:
            other["00001"] = "mine"
            seen = []

            done = store.copy_to(other, progress=seen.append)

            assert (4, 0, 1) == (done.copied, done.same, done.kept)
            assert "4 copied, 1 kept as they are there" == str(done) == str(seen[-1])
            done = store.copy_to(other, overwrite=True)
            assert "1 copied, 4 there already" == str(done)
            assert dict(store) == dict(other)

    def test_damaged(self, path, tmp_path, store):
        """What is damaged is left out, and told; what is damaged there is healed."""
        fill(store, 3)
        with versionpickle.open(tmp_path / "other.db") as other:
            store.copy_to(other)
            raw(tmp_path / "other.db", "UPDATE records SET sum = 5 WHERE key = '00001'")
            store["00001"] = 1
            raw(path, "UPDATE records SET sum = 5 WHERE key = '00002'")
            done = store.copy_to(other, overwrite=True)

            assert (1, 1, 1) == (done.copied, done.same, done.damaged)
            assert str(done).endswith("1 damaged")
            assert "00002" == done.damages[0].key
            assert 1 == other["00001"]


def teardown_module():
    default_registry.forget_steps(f"{orders.__name__}:Order")
