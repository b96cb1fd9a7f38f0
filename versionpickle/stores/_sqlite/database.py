"""An SQLite file that any number of threads and processes may use."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeAlias, TypeVar

from versionpickle.exceptions import DamagedStoreError, LockedStoreError, StoreError
from versionpickle.stores._records import MUCH

from .connections import Act, ClosedError, Connections, ForkedError, Handle


_R = TypeVar("_R")

Durability: TypeAlias = Literal["full", "normal"]

State: TypeAlias = tuple[Handle, int, int]
"""A connection, the version that it sees, and how much it has changed itself."""

_CHECKPOINT_AFTER = 16_000_000
"""Bytes in the write-ahead log after which they are moved into the file itself."""

_LOOK_EACH = 0.1
"""Seconds after which a reader looks whether the file is still there; a writer always does."""


_PER_WRITE = 20_000
"""What a single write adds to the log, beside its data: a few pages."""


class Database:
    """
    An SQLite file with a write-ahead log.

    Each thread has a connection of its own.
    Checkpoints are ours: one runs only while this process holds the lock for writing.
    SQLite up to 3.51.2 can lose a transaction that is committed during a checkpoint.
    """

    def __init__(
        self,
        path: str,
        *,
        read_only: bool = False,
        durability: Durability = "full",
        timeout: float = 30,
    ) -> None:
        self.path = path
        self._file = os.path.abspath(path)  # wherever the program goes
        self.is_read_only = read_only
        self._durability = durability
        self._timeout = timeout
        self._identity: tuple[int, int] | None = None
        self._next_look = 0.0
        self._in_log = 0
        self._connections = Connections(self._file, self._connect)

    def _connect(self) -> sqlite3.Connection:
        uri = Path(self._file).as_uri()
        mode = "rwc" if self._identity is None else "rw"
        if self.is_read_only:
            mode = "ro&immutable=1" if self._cannot_change() else "ro"
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

    def _cannot_change(self) -> bool:
        """Tell whether nobody can write there: SQLite would fail to make its shared memory."""
        if os.path.exists(f"{self._file}-wal"):
            return False
        return bool(os.statvfs(self._file).f_flag & os.ST_RDONLY)

    def check_in_place(self) -> None:
        """Refuse to go on with a file that was deleted or replaced: who looks finds another."""
        if self._identity is None:
            self._use(_all, "SELECT 1")  # which makes the file, or finds it
        try:
            found = os.stat(self._file)
        except (FileNotFoundError, NotADirectoryError):
            problem = "the file was deleted while it was open"
            raise StoreError(
                self.path,
                problem,
                "restore it, without -wal and -shm files beside it, and open it again",
            ) from None
        now = found.st_dev, found.st_ino
        if now != (self._identity or now):
            problem = "the file was replaced by another one while it was open"
            raise StoreError(self.path, problem, "open it again")
        self._identity = now

    # Statements

    def _use(self, act: Act[_R], sql: str, values: Any = ()) -> _R:
        """Let *act* use the connection of this thread; say in our words what goes wrong."""
        try:
            return self._connections.use(act, sql, values)
        except ForkedError:
            problem = "this process was forked while its parent was within a transaction"
            cure = "open it in a process that is not forked then, or begin processes by spawn"
            raise StoreError(self.path, problem, cure) from None
        except (ClosedError, *_FAILURES) as exc:
            if _NO_TEXT in str(exc):
                return self._use(_leniently(act), sql, values)
            raise self._told(exc) from exc

    def fetch(self, act: Act[_R], sql: str, values: Sequence[Any]) -> _R:
        """
        Return what *act* takes of the rows of a query: the `first`, or `some`.

        Looks whether the file is in place now and then: each time takes longer than a read.
        """
        if monotonic() >= self._next_look:
            self._next_look = monotonic() + _LOOK_EACH
            self.check_in_place()
        return self._use(act, sql, values)

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        return self.fetch(_all, sql, values)

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
        """Carry out one statement, and return how many rows it changed."""
        self.check_in_place()
        changed = self._use(_changed, sql, values)
        self._wrote(size + _PER_WRITE)
        return changed

    def write_many(self, sql: str, rows: Iterable[Sequence[Any]], *, size: int = 0) -> int:
        """Carry out one statement for each row, within a transaction."""
        changed = self._use(_changed_by_many, sql, rows)
        self._wrote(3 * size)
        return changed

    # Transactions

    @property
    def is_in_transaction(self) -> bool:
        return self._connections.is_in_transaction

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all writes within happen together, or not at all; it may be nested."""
        if self.is_in_transaction:
            with self._savepoint():
                yield
            return
        self.check_in_place()
        self._say("BEGIN IMMEDIATE")
        handle = self._connections.current  # which no fork takes away from us now
        try:
            yield
            self._check_not_forked(handle)
            self._say("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self._wrote(_PER_WRITE)

    def _check_not_forked(self, handle: Handle | None) -> None:
        if handle is not self._connections.current:
            problem = "a process that was forked within a transaction cannot end it"
            raise StoreError(self.path, problem, "leave the block in the parent alone")

    def _say(self, sql: str) -> None:
        self._use(_all, sql)

    def _roll_back(self) -> None:
        if self.is_in_transaction:  # SQLite ends it itself where the disk is full
            with contextlib.suppress(StoreError):  # what broke it is told already
                self._say("ROLLBACK")

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._say("SAVEPOINT within")
        try:
            yield
        except BaseException:
            if self.is_in_transaction:
                self._say("ROLLBACK TO within")
                self._say("RELEASE within")
            raise
        self._say("RELEASE within")

    def state(self) -> State:
        """Return what is different after any change, by anybody."""
        ((version,),) = self.read("PRAGMA data_version")
        return self._connections.mine(), version, self._use(_changes, "")

    # The log

    def _wrote(self, size: int) -> None:
        self._in_log += size
        if self._in_log >= _CHECKPOINT_AFTER and not self.is_in_transaction:
            self._in_log = 0
            # All is safe in the log: if this fails, the next one tries again.
            with contextlib.suppress(sqlite3.Error, StoreError):
                self._checkpoint()

    def _checkpoint(self) -> None:
        """Move the log into the file, while nobody can commit."""
        self._say("BEGIN IMMEDIATE")
        try:
            with contextlib.closing(self._connect()) as other:
                other.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close all connections; the last one to close moves the log into the file."""
        self._connections.close()

    # Errors

    def _told(self, exc: Exception) -> StoreError:
        """Say in our words what SQLite says."""
        if self._connections.is_closed:
            return StoreError(self.path, "this store was closed", "open it again")
        is_garbled = isinstance(exc, UnicodeDecodeError)
        name = "SQLITE_CORRUPT" if is_garbled else getattr(exc, "sqlite_errorname", "")
        for begin, (kind, problem, cure) in _TOLD.items():
            if name.startswith(begin):
                return kind(self.path, f"{problem} ({exc})", cure)
        return StoreError(self.path, f"SQLite says: {exc}", "nothing was changed")


_FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What a statement may raise; the second where SQLite quotes damaged bytes in its message."""

_TOLD: dict[str, tuple[type[StoreError], str, str]] = {
    "SQLITE_BUSY": (
        LockedStoreError,
        "another program is writing to it for too long",
        "nothing was changed: try again, or wait longer with timeout=",
    ),
    "SQLITE_LOCKED": (
        LockedStoreError,
        "another program is using it",
        "nothing was changed: try again",
    ),
    "SQLITE_CORRUPT": (
        DamagedStoreError,
        "the file is damaged",
        "run 'versionpickle verify' on it, and restore what that names from a backup",
    ),
    "SQLITE_NOTADB": (
        DamagedStoreError,
        "the file is damaged, or no store",
        "restore it from a backup, or name the right file",
    ),
    "SQLITE_READONLY": (
        StoreError,
        "it cannot be written to",
        "say read_only=True if you only want to read, or mend the permissions and open it again",
    ),
    "SQLITE_FULL": (
        StoreError,
        "the disk is full",
        "nothing was changed: make room, and try again",
    ),
    "SQLITE_IOERR": (
        StoreError,
        "the disk failed",
        "look at the disk, and then at what was written last: all of that is there, or nothing",
    ),
    "SQLITE_CANTOPEN": (
        StoreError,
        "the file cannot be opened",
        "look at its folder and its permissions, or say read_only=True if you only want to read",
    ),
}


def _all(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[Any]:
    return connection.execute(sql, values).fetchall()


def first(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Any:
    """Return the first row of a query, or None."""
    return connection.execute(sql, values).fetchone()


def some(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[Any]:
    """Return the first rows of a query; fewer where the second column holds long data."""
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


def _changed(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> int:
    return connection.execute(sql, values).rowcount


def _changed_by_many(
    connection: sqlite3.Connection, sql: str, rows: Iterable[Sequence[Any]]
) -> int:
    return connection.executemany(sql, rows).rowcount


def _changes(connection: sqlite3.Connection, _: str, __: object) -> int:
    return connection.total_changes


def _leniently(act: Act[_R]) -> Act[_R]:
    """Let *act* read any text: verify() has to name one that a flipped bit has spoiled."""

    def read(connection: sqlite3.Connection, sql: str, values: Any) -> _R:
        connection.text_factory = _text
        return act(connection, sql, values)

    return read


_NO_TEXT = "Could not decode to UTF-8"
"""What Python's module says of such a text; to look at each would make all reads slower."""


class UndecodableText(str):
    """What is left of a text that is no UTF-8 any more."""

    __slots__ = ("raw",)
    raw: bytes


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        spoiled = UndecodableText(raw, "utf-8", "backslashreplace")
        spoiled.raw = raw
        return spoiled
