"""An SQLite file that any number of threads and processes may use."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeAlias, TypeVar

from versionpickle.exceptions import DamagedStoreError, StoreError
from versionpickle.stores._records import MUCH

from .connections import Act, ClosedError, Connections, ForkedError, Handle
from .errors import REPORTED, store_error
from .undecodable import UNDECODED, leniently
from .unopened import Unopened


_R = TypeVar("_R")

Durability: TypeAlias = Literal["full", "normal"]

State: TypeAlias = tuple[Handle, int, int]
"""A connection, the version that it sees, and how much it has changed itself."""

_CHECKPOINT_AFTER = 16_000_000
"""Bytes in the write-ahead log after which they are moved into the file itself."""

_CHECK_EACH = 0.1
"""Seconds after which a reader checks that the file is still there; a writer always does."""


_PER_WRITE = 20_000
"""What a single write adds to the log, beside its data: a few pages."""


class Database:
    """
    An SQLite file, in most cases with a write-ahead log.

    Each thread has a connection of its own.
    Checkpoints are ours: one runs only while this process holds the lock for writing.
    SQLite up to 3.51.2 can lose a transaction that is committed during a checkpoint.
    """

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        durability: Durability | Literal["extra"] = "full",
        timeout: float = 30,
    ) -> None:
        self.path = path
        self._file = os.path.abspath(path)  # wherever the program goes
        self.is_read_only = read_only
        self._durability = durability
        self._timeout = timeout
        self._identity: tuple[int, int] | None = None
        self._next_check = 0.0
        self._in_log = 0
        self._unopened: Unopened | None = None
        self._connections = Connections(self._file, self._connect)
        self._local = self._connections.local

    def _connect(self) -> sqlite3.Connection:
        uri = Path(self._file).as_uri()
        mode = "rwc" if self._identity is None else "rw"
        if self.is_read_only:
            self._unopened = Unopened.settled(self._file)
            mode = "ro" if self._unopened is None else "ro&immutable=1"
        connection = sqlite3.connect(
            f"{uri}?mode={mode}",
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute(f"PRAGMA synchronous = {self._durability.upper()}")

    def check_in_place(self) -> None:
        """Refuse to go on with a file that was deleted or replaced: others use another one."""
        if self._identity is None:
            self._use(_fetch_all, "SELECT 1")  # which creates the file, or finds it
        try:
            status = os.stat(self._file)
        except (FileNotFoundError, NotADirectoryError):
            problem = "the file was deleted while it was open"
            cure = "restore it, without -wal and -shm files beside it, and open it again"
            raise StoreError(self.path, problem, cure) from None
        now = status.st_dev, status.st_ino
        if now != (self._identity or now):
            problem = "the file was replaced by another one while it was open"
            raise StoreError(self.path, problem, "open it again")
        self._identity = now

    # Statements

    def _use(self, act: Act[_R], sql: str, values: Any = ()) -> _R:
        """Let *act* use the connection of this thread; raise errors of ours."""
        try:
            return self._act(act, sql, values)
        except ForkedError:
            problem = "this process was forked while its parent was within a transaction"
            cure = "open it in a process that is not forked then, or start processes by spawn"
            raise StoreError(self.path, problem, cure) from None
        except (ClosedError, *REPORTED) as exc:
            if UNDECODED in str(exc):
                return self._use(leniently(act), sql, values)
            if self._connections.is_closed:
                raise StoreError(self.path, "this store was closed", "open it again") from exc
            raise store_error(self.path, exc, is_read_only=self.is_read_only) from exc

    def _act(self, act: Act[_R], sql: str, values: Any) -> _R:
        while True:
            try:
                handle: Handle = self._local.handle
            except AttributeError:
                handle = self._connections.mine()
            with handle.lock:
                connection = handle.connection
                if connection is not None:
                    return act(connection, sql, values)
            self._connections.drop_mine()  # it was closed before a fork

    def fetch(self, act: Act[_R], sql: str, values: Sequence[Any]) -> _R:
        """
        Return what *act* takes of the rows of a query: `fetch_one` or `fetch_limited`.

        Checks now and then that the file is in place: each check takes longer than a read.
        """
        if monotonic() >= self._next_check:
            self._next_check = monotonic() + _CHECK_EACH
            self.check_in_place()
        if self.is_read_only:
            return self._fetch_unopened(act, sql, values)
        return self._use(act, sql, values)

    def _fetch_unopened(self, act: Act[_R], sql: str, values: Sequence[Any]) -> _R:
        """Read a file that no other process has open; begin again if one opened it meanwhile."""
        while True:
            try:
                result = self._use(act, sql, values)
            except StoreError:
                if self._connections.is_closed or self._is_undisturbed():
                    raise
            else:
                if self._is_undisturbed():
                    return result
            self._connections.drop_mine()

    def _is_undisturbed(self) -> bool:
        return self._unopened is None or self._unopened.is_unchanged(self._file)

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        return self.fetch(_fetch_all, sql, values)

    def readable(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query, up to the first that cannot be read."""
        rows: list[Any] = []

        def read(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> None:
            rows.clear()  # if it is the second time
            rows.extend(connection.execute(sql, values))

        with contextlib.suppress(DamagedStoreError):
            self._use(read, sql, values)
        return rows

    def write(self, sql: str, values: Sequence[Any] = (), *, size: int = 0) -> int:
        """Execute one statement, and return how many rows it changed."""
        self.check_in_place()
        changed = self._use(_execute, sql, values)
        self._wrote(size + _PER_WRITE)
        return changed

    def write_many(self, sql: str, rows: Iterable[Sequence[Any]], *, size: int = 0) -> int:
        """Execute one statement for each row, within a transaction."""
        changed = self._use(_execute_many, sql, rows)
        self._wrote(3 * size)
        return changed

    def max_size(self) -> int:
        """Return how many bytes a single row may have."""
        return self._use(_max_size, "")

    # Transactions

    @property
    def is_in_transaction(self) -> bool:
        handle = getattr(self._local, "handle", None)
        return handle is not None and handle.is_in_transaction

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all writes within happen together, or not at all; it may be nested."""
        if self.is_in_transaction:
            with self._savepoint():
                yield
            return
        self.check_in_place()
        self._execute("BEGIN IMMEDIATE")
        handle = getattr(self._local, "handle", None)  # which no fork takes away from us now
        try:
            yield
            self._check_not_forked(handle)
            self._execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self._wrote(_PER_WRITE)

    def _check_not_forked(self, handle: Handle | None) -> None:
        if handle is not getattr(self._local, "handle", None):
            problem = "a process that was forked within a transaction cannot end it"
            raise StoreError(self.path, problem, "end the block in the parent alone")

    def _execute(self, sql: str) -> None:
        self._use(_fetch_all, sql)

    def _roll_back(self) -> None:
        if self.is_in_transaction:  # SQLite ends it itself if the disk is full
            with contextlib.suppress(StoreError):  # the cause is raised already
                self._execute("ROLLBACK")

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._execute("SAVEPOINT within")
        try:
            yield
        except BaseException:
            if self.is_in_transaction:
                self._execute("ROLLBACK TO within")
                self._execute("RELEASE within")
            raise
        self._execute("RELEASE within")

    def state(self) -> State:
        """Return what is different after any change, by anybody."""
        ((version,),) = self.read("PRAGMA data_version")
        return self._local.handle, version, self._use(_total_changes, "")

    # The log

    def _wrote(self, size: int) -> None:
        self._in_log += size
        if self._in_log >= _CHECKPOINT_AFTER and not self.is_in_transaction:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Move the log into the file, if anything was written and no one else is writing."""
        if not self._in_log or self.is_in_transaction:
            return
        self._in_log = 0
        # All is safe in the log: if this fails, the next one tries again.
        with contextlib.suppress(sqlite3.Error, StoreError):
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Move the log into the file while commits are blocked."""
        self._execute("BEGIN IMMEDIATE")
        try:
            with contextlib.closing(self._connect()) as other:
                other.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close all connections; the last one to close moves the log into the file."""
        self._connections.close()


def _fetch_all(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[Any]:
    return connection.execute(sql, values).fetchall()


def fetch_one(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Any:
    """Return the first row of a query, or None."""
    return connection.execute(sql, values).fetchone()


def fetch_limited(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[Any]:
    """Return the first rows of a query; fewer if the second column holds long data."""
    rows: list[Any] = []
    size = 0
    with contextlib.closing(connection.execute(sql, values)) as cursor:
        for row in cursor:
            rows.append(row)
            if type(row[1]) is bytes:
                size += len(row[1])
                if size >= MUCH:
                    break
    return rows


def _execute(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> int:
    return connection.execute(sql, values).rowcount


def _execute_many(connection: sqlite3.Connection, sql: str, rows: Iterable[Sequence[Any]]) -> int:
    return connection.executemany(sql, rows).rowcount


def _total_changes(connection: sqlite3.Connection, _: str, __: object) -> int:
    return connection.total_changes


def _max_size(connection: sqlite3.Connection, _: str, __: object) -> int:
    return connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
