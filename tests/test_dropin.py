"""What programs already have, shelves, caches, tables and pools, keeps on working."""

from __future__ import annotations

import contextlib
import copy
import inspect
import multiprocessing
import pickle
import shelve
import sqlite3
import string
import subprocess
import sys
import types
import weakref

from pathlib import Path

import attrs
import diskcache
import pytest
import sqlalchemy

from diskcache.core import MODE_BINARY, MODE_PICKLE, MODE_RAW, UNKNOWN
from sqlalchemy import orm
from sqlalchemy.ext.mutable import Mutable, MutableDict, MutableList, MutableSet
from two_processes import define, run

import versionpickle

from versionpickle import Limits, migration, versioned
from versionpickle.exceptions import (
    ForbiddenError,
    LimitError,
    StepError,
    UnpicklableError,
)
from versionpickle.migrations import convert, rename


PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "dropin.md"

YESTERDAY = """
import attrs
from versionpickle import versioned

@versioned(name="dropin.order")
@attrs.frozen
class Order:
    number: int
    total: str
"""


@versioned(version=2, name="dropin.order")
@attrs.define(unsafe_hash=True)
class Order:
    number: int
    amount: int


migration(Order, 1, rename("total", "amount"), convert("amount", int, back=str))


# The stores, as the page has them


class Shelf(shelve.DbfilenameShelf):
    def __getitem__(self, key):
        if key in self.cache:  # with writeback=True
            return self.cache[key]
        value = versionpickle.loads(self.dict[key.encode(self.keyencoding)])
        if self.writeback:
            self.cache[key] = value
        return value

    def __setitem__(self, key, value):
        data = versionpickle.dumps(value, self._protocol)
        if self.writeback:
            self.cache[key] = value
        self.dict[key.encode(self.keyencoding)] = data


class Disk(diskcache.Disk):
    def get(self, key, raw):
        return super().get(key, raw) if raw else versionpickle.loads(key)

    def fetch(self, mode, filename, value, read):
        if mode != MODE_PICKLE:
            return super().fetch(mode, filename, value, read)
        kept = MODE_RAW if filename is None else MODE_BINARY
        return versionpickle.loads(super().fetch(kept, filename, value, read=False))

    def store(self, value, read, key=UNKNOWN):
        if read or type(value) in {int, float, str, bytes}:
            return super().store(value, read, key)
        data = versionpickle.dumps(value, self.pickle_protocol)
        size, _, filename, kept = super().store(data, read, key)
        return size, MODE_PICKLE, filename, kept


@attrs.define(slots=False)
class Noticed(Mutable):
    _parents: object = attrs.field(
        factory=weakref.WeakKeyDictionary, init=False, eq=False, repr=False
    )

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        self.changed()

    @classmethod
    def coerce(cls, key, value):
        return value


@pytest.mark.parametrize("cls", [Shelf, Disk, Noticed])
def test_page(cls):
    """The page shows the classes that are tested here."""
    assert inspect.getsource(cls) in PAGE.read_text()


@versioned(version=2, name="dropin.noticed", transient="_parents")
@attrs.define(slots=False)
class NoticedOrder(Noticed):
    number: int
    amount: int


migration(NoticedOrder, 1, rename("total", "amount"))


class Allowing:
    dumps = staticmethod(versionpickle.dumps)

    @staticmethod
    def loads(data):
        return versionpickle.loads(data, allow=[string.Template])


class Bounded:
    dumps = staticmethod(versionpickle.dumps)

    @staticmethod
    def loads(data):
        return versionpickle.loads(data, limits=Limits(items=1_000))


def model(kind):
    """Return a class whose objects are rows with one payload."""

    class Base(orm.DeclarativeBase):
        pass

    class Job(Base):
        __tablename__ = "jobs"
        id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)
        payload = orm.mapped_column(kind)

    return Job


def typed(pickler):
    return sqlalchemy.PickleType(pickler=pickler)


PlainJob, Job = model(sqlalchemy.PickleType), model(typed(versionpickle))


@contextlib.contextmanager
def session_in(folder, job=Job):
    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'store.db'}")
    job.metadata.create_all(engine)
    try:
        with orm.Session(engine) as session:
            yield session
    finally:
        engine.dispose()


@attrs.frozen
class Rows:
    """A table as a dict of payloads; each access is a transaction, with no object from before."""

    job: type
    session: orm.Session

    def __getitem__(self, key):
        with self.session.begin():
            self.session.expire_all()
            return self.session.get_one(self.job, int(key)).payload

    def __setitem__(self, key, value):
        with self.session.begin():
            self.session.merge(self.job(id=int(key), payload=value))


@contextlib.contextmanager
def rows(folder, job):
    with session_in(folder, job) as session:
        yield Rows(job, session)


STORES = {
    "shelve": lambda folder: shelve.DbfilenameShelf(str(folder / "store")),
    "shelve, ours": lambda folder: Shelf(str(folder / "store")),
    "diskcache": lambda folder: diskcache.Cache(folder / "store"),
    "diskcache, ours": lambda folder: diskcache.Cache(folder / "store", disk=Disk),
    "SQLAlchemy": lambda folder: rows(folder, PlainJob),
    "SQLAlchemy, ours": lambda folder: rows(folder, Job),
}
OURS = [name for name in STORES if name.endswith("ours")]


def plain(name):
    return name.removesuffix(", ours")


WRITE = {
    "shelve": """
        import shelve
        with shelve.open("store") as store:
            store["1"] = {}
            store["2"] = "untouched"
        """,
    "diskcache": """
        import diskcache
        with diskcache.Cache("store") as store:
            store["1"] = {}
            store["2"] = "untouched"
        """,
    "SQLAlchemy": """
        import sqlalchemy
        from sqlalchemy import orm

        class Base(orm.DeclarativeBase):
            pass

        class Job(Base):
            __tablename__ = "jobs"
            id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)
            payload = orm.mapped_column(sqlalchemy.PickleType(pickler=versionpickle))

        engine = sqlalchemy.create_engine("sqlite:///store.db")
        Base.metadata.create_all(engine)
        with orm.Session(engine) as session, session.begin():
            session.add_all([Job(id=1, payload={}), Job(id=2, payload="untouched")])
        """,
}


def write(folder, name, expression, module=YESTERDAY):
    """Let another process, which has yesterday's class, write what *expression* makes."""
    define(folder, {"shop": module})
    source = WRITE[plain(name)].replace("{}", expression)
    run(folder, f"import shop, string, versionpickle\n{inspect.cleandoc(source)}")


def stored(folder, name):
    """Return the bytes of the record that such a process has written."""
    if plain(name) == "shelve":
        with shelve.open(str(folder / "store")) as shelf:
            return shelf.dict[b"1"]
    path, query = {
        "diskcache": ("store/cache.db", "SELECT value FROM Cache WHERE key = '1'"),
        "SQLAlchemy": ("store.db", "SELECT payload FROM jobs WHERE id = 1"),
    }[plain(name)]
    with contextlib.closing(sqlite3.connect(folder / path)) as connection:
        return connection.execute(query).fetchone()[0]


def versions(data):
    return [found.version for found in versionpickle.inspect(data).classes]


# What holds for all of them


@pytest.mark.parametrize("name", STORES)
def test_yesterdays(tmp_path, name):
    """What yesterday's code stored is today's when read, and stays as it is on disk."""
    write(tmp_path, name, "[shop.Order(7, '12')]")
    before = stored(tmp_path, name)

    with STORES[name](tmp_path) as store:
        assert [Order(7, 12)] == store["1"]
        assert "untouched" == store["2"]
    assert before == stored(tmp_path, name)


@pytest.mark.parametrize("name", STORES)
def test_stored_again(tmp_path, name):
    """What is stored again is of today's version."""
    write(tmp_path, name, "[shop.Order(7, '12')]")

    with STORES[name](tmp_path) as store:
        store["1"] = [Order(7, 13)]
        assert [Order(7, 13)] == store["1"]
    assert [2] == versions(stored(tmp_path, name))


@pytest.mark.parametrize("name", STORES)
def test_failing_step(tmp_path, name):
    """A record that cannot be upgraded stays; our own loads also say where the trouble is."""
    write(tmp_path, name, "[shop.Order(7, 'free')]")
    before = stored(tmp_path, name)

    with STORES[name](tmp_path) as store:
        with pytest.raises(StepError) as caught:
            _ = store["1"]
        assert "untouched" == store["2"]
    assert (f"{__name__}:Order", 1) == (caught.value.ref, caught.value.version)
    assert ("obj[0]" if name in OURS else None) == caught.value.path
    assert before == stored(tmp_path, name)


@pytest.mark.parametrize("name", OURS)
def test_forbidden(tmp_path, name):
    """A name that nobody declared is refused, and the record stays."""
    write(tmp_path, name, "string.Template('$x')")
    before = stored(tmp_path, name)

    with STORES[plain(name)](tmp_path) as store:
        assert "$x" == store["1"].template
    with STORES[name](tmp_path) as store:
        with pytest.raises(ForbiddenError) as caught:
            _ = store["1"]
        assert "untouched" == store["2"]
    assert ("string:Template",) == caught.value.refs
    assert before == stored(tmp_path, name)


@pytest.mark.parametrize("name", OURS)
def test_cannot_be_pickled(tmp_path, name):
    """What cannot be pickled is an error that says where, and the old record stays."""
    write(tmp_path, name, "[shop.Order(7, '12')]")
    before = stored(tmp_path, name)

    with STORES[name](tmp_path) as store:
        with pytest.raises((UnpicklableError, sqlalchemy.exc.StatementError)) as caught:
            store["1"] = [Order(7, lambda: 0)]
        assert [Order(7, 12)] == store["1"]
    told = getattr(caught.value, "orig", caught.value)
    assert "obj[0].amount" == told.path
    assert before == stored(tmp_path, name)


@pytest.mark.parametrize("name", OURS)
def test_deep_in_other_stores(tmp_path, name):
    """An object that is too deep for pickle is stored, and plain pickle reads it."""
    deep = []
    for _ in range(20_000):
        deep = [deep]

    with STORES[name](tmp_path) as store:
        store["1"] = deep
    with STORES[plain(name)](tmp_path) as store:
        assert type(store["1"]) is list


# What plain pickle cannot do for objects without a stamp

HEAD = """
import collections, functools, versionpickle
from versionpickle import adopt, alias, migration, versioned
from versionpickle.migrations import add
"""
VERSIONED = "@versioned(version=2)\nclass Order: pass\nmigration(Order, 1, add('note', 'new'))"
PARTIAL = """
versionpickle.allow(int)
adopt(functools.partial, version=2)

@migration(functools.partial, 1)
def octal(state):
    return (*state[:2], {"base": 8}, *state[3:])
"""
TUPLE = """
@versioned(version=2)
class Order(collections.namedtuple("Order", "number note")):
    pass

@migration(Order, 1)
def note(state):
    return {"number": state[0], "note": "new"}
"""
UNSTAMPED = {
    "class with attributes": {
        "yesterday": "class Order:\n    def __init__(self): self.number = 7",
        "stored": "shop.Order()",
        "today": VERSIONED,
        "asked": "vars(found)",
        "said": ["{'number': 7, 'note': 'new'}", "{'number': 7, 'note': 'new'}"],
    },
    "without attributes": {
        "yesterday": "class Order: pass",
        "stored": "shop.Order()",
        "today": VERSIONED,
        "asked": "vars(found)",
        "said": ["{}", "{'note': 'new'}"],
    },
    "name that is gone": {
        "yesterday": "class Purchase: pass",
        "stored": "shop.Purchase()",
        "today": "@versioned\nclass Order: pass\nalias('shop:Purchase', Order)",
        "asked": "type(found).__name__",
        "said": ["AttributeError", "'Order'"],
    },
    "class written in C": {
        "yesterday": "import functools",
        "stored": "shop.functools.partial(int, base=2)",
        "today": PARTIAL,
        "asked": "found('10')",
        "said": ["2", "8"],
    },
    "named tuple": {
        "yesterday": "import collections; Order = collections.namedtuple('Order', 'number note')",
        "stored": "shop.Order(7, 'old')",
        "today": TUPLE,
        "asked": "found.note",
        "said": ["'old'", "'new'"],
    },
}


@pytest.mark.parametrize("case", UNSTAMPED)
def test_unstamped_in_other_stores(tmp_path, case):
    """What plain pickle, and what our own loads make of an object from before versionpickle."""
    story = UNSTAMPED[case]
    write(tmp_path, "shelve", story["stored"], story["yesterday"])
    define(tmp_path, {"shop": HEAD + story["today"]})

    said = run(
        tmp_path,
        f"""
        import dbm, pickle, shop, versionpickle
        with dbm.open("store") as store:
            data = store["1"]
        for load in (pickle.loads, versionpickle.loads):
            try:
                found = load(data)
                print(repr({story["asked"]}))
            except AttributeError as error:
                print(type(error).__name__)
        """,
    )

    assert story["said"] == said.decode().splitlines()


# shelve


def test_writeback(tmp_path):
    """With writeback, what was read is stored in today's version, with what was changed."""
    write(tmp_path, "shelve", "shop.Order(7, '12')")

    with Shelf(str(tmp_path / "store"), writeback=True) as shelf:
        assert shelf["1"] is shelf["1"]
        shelf["3"] = [Order(8, 1)]
        shelf["3"].append(Order(9, 2))
    assert [2] == versions(stored(tmp_path, "shelve"))
    with Shelf(str(tmp_path / "store")) as shelf:
        assert [Order(8, 1), Order(9, 2)] == shelf["3"]


def test_writeback_of_what_cannot_be_pickled(tmp_path):
    """What could not be stored is not tried again when the shelf is closed."""
    with Shelf(str(tmp_path / "store"), writeback=True) as shelf:
        shelf["1"] = 1
        with pytest.raises(UnpicklableError):
            shelf["1"] = lambda: 0
    with Shelf(str(tmp_path / "store")) as shelf:
        assert {"1": 1} == dict(shelf)


def test_popped_from_a_shelf(tmp_path):
    """A record that cannot be loaded is not popped."""
    write(tmp_path, "shelve", "string.Template('$x')")

    with Shelf(str(tmp_path / "store")) as shelf:
        with pytest.raises(ForbiddenError):
            shelf.pop("1")
        assert "1" in shelf


# diskcache


@pytest.fixture
def cache(tmp_path):
    with diskcache.Cache(tmp_path / "store", disk=Disk) as cache:
        yield cache


MANY = [Order(number, number) for number in range(5_000)]
VALUES = [None, 7, 2**80, 1.5, "a", "a" * 50_000, b"a", b"a" * 50_000, Order(1, 2), MANY]


def test_plain_cache_and_ours(tmp_path):
    """Plain diskcache reads what ours stores, in columns and in files, and the reverse."""
    for disk, other in [(diskcache.Disk, Disk), (Disk, diskcache.Disk)]:
        with diskcache.Cache(tmp_path / "store", disk=disk) as cache:
            for number, value in enumerate(VALUES):
                cache["value", number] = value
        with diskcache.Cache(tmp_path / "store", disk=other) as cache:
            assert VALUES == [cache["value", number] for number in range(len(VALUES))]
            assert [] == cache.check()
            assert len(VALUES) == len(cache)


def test_large_value_that_is_forbidden(cache, tmp_path):
    """What stands in a file of its own is refused as well, and stays."""
    with diskcache.Cache(tmp_path / "store") as unaware:
        unaware["large"] = string.Template("$x" * 50_000)

    with pytest.raises(ForbiddenError):
        _ = cache["large"]
    assert [] == cache.check()


def test_key_that_is_forbidden(cache, tmp_path):
    """Keys are loaded by us, too."""
    with diskcache.Cache(tmp_path / "store") as unaware:
        unaware[string.Template] = 1

    with pytest.raises(ForbiddenError):
        list(cache)


def test_yesterdays_key(cache):
    """A key is found by its bytes: that of another version is another key."""
    yesterday = versionpickle.dumps(Order(7, 12), versions={Order: 1})
    cache[Order(7, 12)] = "today's"
    with contextlib.closing(sqlite3.connect(Path(cache.directory, "cache.db"))) as connection:
        connection.execute("UPDATE Cache SET key = ?", (yesterday,))
        connection.commit()

    assert Order(7, 12) not in cache
    assert [Order(7, 12)] == list(cache)


@pytest.mark.parametrize("take", [lambda cache: cache.pop("1"), lambda cache: cache.pull()])
def test_popped_from_a_cache(cache, take):
    """diskcache deletes what it pops before it is loaded: an error loses it."""
    with diskcache.Cache(cache.directory) as unaware:
        unaware["1"] = string.Template("$x")
        unaware.push(string.Template("$x"))

    with pytest.raises(ForbiddenError):
        take(cache)
    assert 1 == len(cache)


def test_memoize(cache):
    """What a memoized function returned is kept."""
    calls = []

    @cache.memoize()
    def order(number):
        calls.append(number)
        return Order(number, 1)

    assert [Order(7, 1)] * 2 == [order(7), order(7)]
    assert [7] == calls


def test_index(tmp_path):
    """An index is written anew by a loop."""
    write(tmp_path, "diskcache", "shop.Order(7, '12')")

    with diskcache.Cache(tmp_path / "store", disk=Disk, eviction_policy="none") as cache:
        index = diskcache.Index.fromcache(cache)
        for key in index:
            index[key] = index[key]
        assert {"1": Order(7, 12), "2": "untouched"} == dict(index)
    assert pickle.dumps(Order(7, 12), 5) == stored(tmp_path, "diskcache")


@pytest.mark.parametrize("transaction", [contextlib.nullcontext, "transact"])
def test_index_with_a_bad_record(cache, transaction):
    """The loop leaves all records as they are; within a transaction diskcache loses large ones."""
    index = diskcache.Index.fromcache(cache)
    index["large"] = MANY
    with diskcache.Cache(cache.directory) as unaware:
        unaware["bad"] = string.Template("$x")

    within = index.transact if transaction == "transact" else transaction
    with pytest.raises(ForbiddenError), within():
        for key in index:
            index[key] = index[key]
    assert (transaction == "transact") == (index.get("large") != MANY)
    with pytest.raises(ForbiddenError):
        _ = index["bad"]


# SQLAlchemy


@pytest.fixture
def session(tmp_path):
    """A session of a table whose first job was stored by yesterday's code."""
    with session_in(tmp_path) as session:
        data = versionpickle.dumps(Order(7, 12), versions={Order: 1})
        session.execute(sqlalchemy.text("INSERT INTO jobs VALUES (1, :data)"), {"data": data})
        session.commit()
        yield session


def payload(session, job=Job):
    """Return the bytes of the first job."""
    raw = sqlalchemy.type_coerce(job.payload, sqlalchemy.LargeBinary)
    return session.scalars(sqlalchemy.select(raw).where(job.id == 1)).one()


def test_reading_writes_nothing(session):
    """An object that was upgraded when it was read is not written for that."""
    assert Order(7, 12) == session.get(Job, 1).payload

    session.commit()
    assert [1] == versions(payload(session))


def test_equal_payload(session):
    """An object that is equal to the stored one is not written."""
    session.get(Job, 1).payload = Order(7, 12)

    session.commit()
    assert [1] == versions(payload(session))


def test_other_payload(session):
    """Another one is."""
    session.get(Job, 1).payload = Order(7, 13)

    session.commit()
    assert [2] == versions(payload(session))


def test_changed_in_place(session):
    """A change within the object is not noticed, and lost."""
    job = session.get(Job, 1)
    job.payload.amount = 13

    session.commit()
    assert Order(7, 12) == job.payload


def test_flag_modified(session):
    """flag_modified has an object written that is the same, or was changed in place."""
    job = session.get(Job, 1)
    job.payload.amount = 13
    orm.attributes.flag_modified(job, "payload")

    session.commit()
    assert Order(7, 13) == job.payload
    assert [2] == versions(payload(session))


def test_comparator(tmp_path):
    """A comparator that finds nothing equal has each assignment written."""
    kind = sqlalchemy.PickleType(pickler=versionpickle, comparator=lambda one, other: False)
    job = model(kind)

    with session_in(tmp_path, job) as session:
        session.add(job(id=1, payload=Order(7, 12)))
        session.commit()
        session.get(job, 1).payload = Order(7, 12)
        assert [session.get(job, 1)] == list(session.dirty)
        assert session.is_modified(session.get(job, 1))


def test_noticed_in_place(tmp_path):
    """A change within an object of a Mutable class is written; nothing of SQLAlchemy's is."""
    job = model(NoticedOrder.as_mutable(typed(versionpickle)))
    old = versionpickle.dumps(NoticedOrder(7, 12), versions={NoticedOrder: 1})

    with session_in(tmp_path, job) as session:
        session.execute(sqlalchemy.text("INSERT INTO jobs VALUES (1, :data)"), {"data": old})
        session.commit()
        found = session.get(job, 1)
        assert NoticedOrder(7, 12) == found.payload
        assert not session.dirty
        found.payload.amount = 13
        session.commit()

        assert NoticedOrder(7, 13) == found.payload
        assert [("number", "amount")] == [
            known.fields for known in versionpickle.inspect(payload(session, job)).classes
        ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [(MutableDict, {"order": Order(7, 12)}), (MutableList, [Order(7, 12)]), (MutableSet, {7})],
)
def test_mutable_containers(tmp_path, kind, value):
    """SQLAlchemy stores its own containers as such: they have to be allowed."""
    job = model(kind.as_mutable(typed(versionpickle)))

    with session_in(tmp_path, job) as session:
        session.add(job(id=1, payload=value))
        session.commit()
        with pytest.raises(ForbiddenError) as caught:
            _ = session.get(job, 1).payload
        data = payload(session, job)
    assert (f"sqlalchemy.ext.mutable:{kind.__name__}",) == caught.value.refs
    assert value == versionpickle.loads(data, allow=[kind])


def test_compared_by_the_database(session):
    """A query compares bytes: yesterday's are not those of an equal object of today."""
    same = sqlalchemy.select(Job).where(Job.payload == Order(7, 12))

    assert [] == session.scalars(same).all()
    orm.attributes.flag_modified(session.get(Job, 1), "payload")
    session.commit()
    assert [session.get(Job, 1)] == session.scalars(same).all()


def test_one_bad_row(session):
    """A query fails by one bad row; the bytes can be asked for, and the session goes on."""
    session.execute(
        sqlalchemy.text("INSERT INTO jobs VALUES (2, :data)"),
        {"data": pickle.dumps(string.Template("$x"))},
    )
    with pytest.raises(ForbiddenError):
        session.scalars(sqlalchemy.select(Job)).all()

    raw = sqlalchemy.type_coerce(Job.payload, sqlalchemy.LargeBinary)
    for number, data in session.execute(sqlalchemy.select(Job.id, raw)):
        with contextlib.nullcontext() if number == 1 else pytest.raises(ForbiddenError):
            versionpickle.loads(data)
    assert Order(7, 12) == session.get(Job, 1).payload


def test_pickler_with_settings(tmp_path):
    """Any class with dumps and loads is a pickler: one that allows more, one with limits."""
    allowing, bounded = model(typed(Allowing)), model(typed(Bounded))

    with session_in(tmp_path, allowing) as session:
        session.add(allowing(id=1, payload=string.Template("$x")))
        session.add(bounded(id=2, payload=[0] * 1_001))
        session.add(bounded(id=3, payload=Order(7, 12)))
        session.commit()
        assert "$x" == session.get(allowing, 1).payload.template
        with pytest.raises(ForbiddenError):
            session.get(bounded, 1)
        with pytest.raises(LimitError):
            _ = session.get(bounded, 2).payload
        assert Order(7, 12) == session.get(bounded, 3).payload


def test_pickler_that_has_no_hash(session):
    """A pickler is part of what SQLAlchemy looks up: it needs a hash."""
    loose = model(typed(types.SimpleNamespace(dumps=pickle.dumps, loads=pickle.loads)))

    with pytest.raises(TypeError, match="unhashable"):
        session.scalars(sqlalchemy.select(loose).where(loose.payload == 1))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda obj: pickle.loads(pickle.dumps(obj))])
def test_copied_metadata(copied):
    """SQLAlchemy drops the pickler where what has it is pickled, or copied deeply."""
    column = Job.metadata.tables["jobs"].c.payload
    assert versionpickle is column.type.pickler

    assert pickle is copied(column.type).pickler
    assert pickle is copied(Job.metadata).tables["jobs"].c.payload.type.pickler


# multiprocessing

MODELS = """
import attrs
from versionpickle import migration, versioned
from versionpickle.migrations import convert

@versioned(version=2, name="dropin.named")
@attrs.frozen
class Named:
    number: int

migration(Named, 1, convert("number", int, back=str))

@versioned
@attrs.frozen
class Order:
    number: int
"""
WORK = """
import versionpickle

def back(obj):
    return obj

def load(data):
    return versionpickle.loads(data)

def pass_on(queue, answers):
    answers.put(queue.get(timeout=10))
"""


def said(folder, source):
    """Return the lines that a program prints; children that it spawns do not run it."""
    define(folder, {"shop": MODELS, "work": WORK})
    return run(folder, f"import multiprocessing, shop, work\n{inspect.cleandoc(source)}").decode()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_across_processes(tmp_path, method):
    """Objects go through pools, queues and managers; the child imports their module."""
    assert "[Order(number=7)]\n" * 3 == said(
        tmp_path,
        f"""
        context = multiprocessing.get_context("{method}")
        orders = [shop.Order(7)]

        with context.Pool(1) as pool:
            print(pool.apply_async(work.back, (orders,)).get(timeout=10))

        queue, answers = context.Queue(), context.Queue()
        child = context.Process(target=work.pass_on, args=(queue, answers))
        child.start()
        queue.put(orders)
        print(answers.get(timeout=10))
        child.join()

        with context.Manager() as manager:
            kept = manager.dict(orders=orders)
            print(kept["orders"])
        """,
    )


def test_stable_name_in_a_spawned_child(tmp_path):
    """A child knows a stable name, and our own loads know any, when their module is imported."""
    assert [
        "UnknownClassError dropin.named",
        "UnknownClassError shop:Order",
        "BrokenProcessPool",
        "Named(number=7)",
        "Order(number=7)",
        "Named(number=7)",
    ] == said(
        tmp_path,
        """
        import importlib, versionpickle
        from multiprocessing.managers import SyncManager
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")
        named, order = shop.Named(7), shop.Order(7)

        with ProcessPoolExecutor(1, context) as pool:
            for obj in (named, order):
                error = pool.submit(work.load, versionpickle.dumps(obj)).exception()
                print(type(error).__name__, error.ref)
            print(type(pool.submit(work.back, named).exception()).__name__)

        settings = {"initializer": importlib.import_module, "initargs": ["shop"]}
        with ProcessPoolExecutor(1, context, **settings) as pool:
            print(pool.submit(work.back, named).result())
            print(pool.submit(work.load, versionpickle.dumps(order)).result())

        manager = SyncManager(ctx=context)
        manager.start(importlib.import_module, ["shop"])
        with manager:
            print(manager.list([named])[0])
        """,
    ).splitlines()


def test_class_of_the_main_module(tmp_path):
    """A class of the program itself goes to spawned children and back, with or without a name."""
    (tmp_path / "main.py").write_text(
        f"""
import multiprocessing
{MODELS}
def more(order):
    return type(order)(order.number + 1)

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply_async(more, (Named(7),)).get(timeout=10))
        print(pool.apply_async(more, (Order(7),)).get(timeout=10))
"""
    )
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, check=True, timeout=30
    )

    assert b"Named(number=8)\nOrder(number=8)\n" == done.stdout


def test_errors_across_processes(tmp_path):
    """What is raised in a child has its facts in the parent, with the child's traceback."""
    assert [
        "StepError shop:Named 1 2 obj[0] True",
        "ForbiddenError ('string:Template',)",
    ] == said(
        tmp_path,
        """
        import pickle, string, versionpickle

        data = versionpickle.dumps([shop.Named("free")], versions={shop.Named: 1})
        with multiprocessing.get_context("fork").Pool(1) as pool:
            try:
                pool.apply(work.load, [data])
            except versionpickle.exceptions.StepError as error:
                is_told = "ValueError: invalid literal" in str(error.__cause__)
                print("StepError", error.ref, error.version, error.current, error.path, is_told)
            try:
                pool.apply(work.load, [pickle.dumps(string.Template("$x"))])
            except versionpickle.exceptions.ForbiddenError as error:
                print("ForbiddenError", error.refs)
        """,
    ).splitlines()


def test_queue_of_what_cannot_be_pickled(tmp_path):
    """A queue drops what it cannot pickle, later; who pickles it first is told at once."""
    assert "order.number\n[8]\n" == said(
        tmp_path,
        """
        import versionpickle

        queue = multiprocessing.get_context("fork").Queue()
        queue.put(shop.Order(lambda: 0))
        try:
            queue.put(versionpickle.dumps(shop.Order(lambda: 0)))
        except versionpickle.exceptions.UnpicklableError as error:
            print(error.path)
        queue.put([8])
        print(queue.get(timeout=10))
        queue.close()
        """,
    )


def test_bytes_through_a_pipe():
    """Who sends bytes, and loads them, decides what may be built."""
    ours, theirs = multiprocessing.Pipe()

    with ours, theirs:
        ours.send_bytes(versionpickle.dumps(Order(7, 12), versions={Order: 1}))
        assert Order(7, 12) == versionpickle.loads(theirs.recv_bytes())
        ours.send(string.Template("$x"))
        with pytest.raises(ForbiddenError):
            versionpickle.loads(theirs.recv_bytes())
