"""The stores that are compared, each tuned as somebody would who knows it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import pickle
import shelve
import sqlite3

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import diskcache
import lmdb
import sqlitedict
import store_orders
import transaction
import ZODB

from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB.FileStorage import FileStorage

import versionpickle

from versionpickle.migrations import Registry


PROTOCOL = 5
BATCH = 1000
"""How many records a transaction holds."""

Pairs: TypeAlias = list[tuple[str, Any]]
dumps = functools.partial(pickle.dumps, protocol=PROTOCOL)


def nothing() -> None:
    pass


@attrs.frozen
class Opened:
    """A store, as its user calls it."""

    get: Callable[[str], Any]
    put: Callable[[str, Any], object]
    put_many: Callable[[Pairs], object]
    """Puts all of them in one transaction, where there are such."""

    close: Callable[[], object]
    settle: Callable[[], object] = nothing
    """Waits until what was put is written."""


@attrs.frozen
class Contender:
    name: str
    open: Callable[[Path, bool], Opened]
    """With True, each put is on the disk when it returns."""

    modes: tuple[bool, ...] = (True, False)
    """Whether it offers that, and whether it can do without."""

    make: type = store_orders.Plain


def ours(path: Path, is_durable: bool, registry: Registry | None = None) -> Opened:
    durability = "full" if is_durable else "normal"
    store = versionpickle.open(path, registry=registry, durability=durability)
    return Opened(store.__getitem__, store.__setitem__, store.update, store.close)


def raw_connection(path: Path, *, is_durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
    connection.execute("PRAGMA cache_size = -8000")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
    )
    return connection


def raw(path: Path, is_durable: bool) -> Opened:
    connection = raw_connection(path, is_durable=is_durable)
    execute = connection.execute
    read = "SELECT value FROM records WHERE key = ?"
    write = "INSERT OR REPLACE INTO records VALUES (?, ?)"

    def get(key: str) -> Any:
        row = execute(read, (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return pickle.loads(row[0])

    def put(key: str, obj: Any) -> None:
        execute(write, (key, pickle.dumps(obj, PROTOCOL)))

    def put_many(pairs: Pairs) -> None:
        execute("BEGIN IMMEDIATE")
        connection.executemany(write, [(key, pickle.dumps(obj, PROTOCOL)) for key, obj in pairs])
        execute("COMMIT")

    return Opened(get, put, put_many, connection.close)


def shelf(path: Path, is_durable: bool) -> Opened:
    store = shelve.open(str(path), protocol=PROTOCOL)  # noqa: SIM115 - Opened has its close
    return Opened(store.__getitem__, store.__setitem__, store.update, store.close)


def sqlite_dict(path: Path, is_durable: bool) -> Opened:
    store = sqlitedict.SqliteDict(path, journal_mode="WAL", encode=dumps, decode=pickle.loads)

    def put(key: str, obj: Any) -> None:
        store[key] = obj
        store.commit(blocking=False)

    def put_many(pairs: Pairs) -> None:
        store.update(pairs)
        store.commit(blocking=False)

    return Opened(store.__getitem__, put, put_many, store.close, store.commit)


def disk_cache(path: Path, is_durable: bool) -> Opened:
    store = diskcache.Cache(
        path,
        eviction_policy="none",
        size_limit=1 << 50,
        cull_limit=0,
        disk_pickle_protocol=PROTOCOL,
        sqlite_synchronous=2 if is_durable else 1,
    )

    def put_many(pairs: Pairs) -> None:
        with store.transact():
            for key, obj in pairs:
                store.set(key, obj)

    return Opened(store.__getitem__, store.set, put_many, store.close)


class Persisted(Persistent):
    """An order as ZODB wants it: each in a record of its own."""

    def __init__(self, number, total, currency, customer, tags):
        self.number = number
        self.total = total
        self.currency = currency
        self.customer = customer
        self.tags = tags


def zodb(path: Path, is_durable: bool) -> Opened:
    database = ZODB.DB(FileStorage(str(path)), cache_size=20_000)
    connection = database.open()
    tree = connection.root().setdefault("orders", OOBTree())
    transaction.commit()

    def get(key: str) -> Any:
        obj = tree[key]
        obj._p_deactivate()  # the others do not keep it in memory either
        obj._p_activate()
        return obj

    def put(key: str, obj: Any) -> None:
        tree[key] = obj
        transaction.commit()

    def put_many(pairs: Pairs) -> None:
        tree.update(pairs)
        transaction.commit()

    return Opened(get, put, put_many, database.close)


def lightning(path: Path, is_durable: bool) -> Opened:
    environment = lmdb.open(str(path), map_size=1 << 36, sync=is_durable, subdir=False)

    def get(key: str) -> Any:
        with environment.begin(buffers=True) as reading:
            return pickle.loads(reading.get(key.encode()))

    def put(key: str, obj: Any) -> None:
        with environment.begin(write=True) as writing:
            writing.put(key.encode(), pickle.dumps(obj, PROTOCOL))

    def put_many(pairs: Pairs) -> None:
        with environment.begin(write=True) as writing:
            for key, obj in pairs:
                writing.put(key.encode(), pickle.dumps(obj, PROTOCOL))

    return Opened(get, put, put_many, environment.close)


def filled(
    contender: Contender,
    path: Path,
    numbers: Iterable[int],
    *,
    is_durable: bool = False,
    kind: type = float,
) -> Opened:
    """Open a new store with orders of these *numbers* in it."""
    store = contender.open(path, is_durable)
    coming = store_orders.orders(contender.make, numbers, kind)
    while batch := list(itertools.islice(coming, BATCH)):
        store.put_many(batch)
    store.settle()
    return store


def migrate(path: Path, workers: int = 0) -> None:
    with versionpickle.open(path) as store:
        done = store.migrate(workers=workers)
    assert done.migrated == done.total > 0


def migrate_by_hand(path: Path, *, is_durable: bool = True) -> None:
    """Do what `migrate` does to plain orders, in a bare loop that keeps nothing."""
    after = ""
    with contextlib.closing(raw_connection(path, is_durable=is_durable)) as connection:
        while rows := connection.execute(_NEXT, (after, BATCH)).fetchall():
            written = []
            for key, data in rows:
                order = store_orders.by_hand(pickle.loads(data))
                written.append((pickle.dumps(order, PROTOCOL), key))
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE records SET value = ? WHERE key = ?", written)
            connection.execute("COMMIT")
            after = rows[-1][0]


_NEXT = "SELECT key, value FROM records WHERE key > ? ORDER BY key LIMIT ?"

RAW = Contender("raw sqlite3", raw)
OURS = Contender("versionpickle", ours, make=store_orders.Versioned)
OURS_OF_YESTERDAY = Contender(
    OURS.name,
    functools.partial(ours, registry=store_orders.YESTERDAY),
    make=store_orders.First,
)
CONTENDERS = (
    OURS,
    RAW,
    Contender("shelve", shelf, (False,)),
    Contender("sqlitedict", sqlite_dict, (False,)),
    Contender("diskcache", disk_cache),
    Contender("ZODB", zodb, (True,), make=Persisted),
    Contender("lmdb", lightning),
)
