"""An SQLite file that any number of threads and processes may use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from versionpickle.exceptions import DamagedStoreError, LockedStoreError, StoreError


Durability: TypeAlias = Literal["full", "normal"]

_CHECKPOINT_AFTER = 8_000_000
"""Bytes in the write-ahead log after which they are moved into the file itself."""

_LOOK_EACH = 0.1
"""Seconds after which a reader looks whether the file is still there; a writer always does."""

_PER_WRITE = 20_000
"""What a single write adds to the log, beside its data: a few pages."""


class Database:
    """
    An SQLite file with a write-ahead log.

    Each thread has a connection of its own, and so has each process after a fork.
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
        self._is_closed = False
        self._forget()
        _DATABASES.add(self)

    def _forget(self) -> None:
        """Begin without connections; after a fork, nobody may even close those of the parent."""
        self._local = threading.local()
        self._handles: weakref.WeakSet[_Handle] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._in_log = 0

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        try:
            handle: _Handle = self._local.handle
        except AttributeError:
            handle = self._local.handle = self._open()
        if self._is_closed:
            raise StoreError(self.path, "this store was closed", "open it again")
        return handle.connection

    def _open(self) -> _Handle:
        handle = _Handle(self._connect())
        with self._lock:
            self._handles.add(handle)
        return handle

    def _connect(self) -> sqlite3.Connection:
        uri = Path(self._file).as_uri()
        mode = "rwc" if self._identity is None else "rw"
        if self.is_read_only:
            mode = "ro&immutable=1" if self._cannot_change() else "ro"
        with self.telling_errors():
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
        connection.text_factory = _text
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
        try:
            found = os.stat(self._file)
        except (FileNotFoundError, NotADirectoryError):
            problem = "the file was deleted while it was open"
            raise StoreError(self.path, problem, "restore it, and open it again") from None
        if self._identity is None:
            self._identity = found.st_dev, found.st_ino
        elif self._identity != (found.st_dev, found.st_ino):
            problem = "the file was replaced by another one while it was open"
            raise StoreError(self.path, problem, "open it again")

    def _look_in_place(self) -> None:
        """Check that as well, but not for each read: it would take longer than the read."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EACH
            self.check_in_place()

    # Statements

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        connection = self.connection
        self._look_in_place()
        try:
            return connection.execute(sql, values).fetchall()
        except _FAILURES as exc:
            raise self.told(exc) from exc

    def read_one(self, sql: str, values: Sequence[Any]) -> Any:
        """Return the first row of a query, or None."""
        connection = self.connection
        self._look_in_place()
        try:
            return connection.execute(sql, values).fetchone()
        except _FAILURES as exc:
            raise self.told(exc) from exc

    def write(self, sql: str, values: Sequence[Any] = (), *, size: int = 0) -> int:
        """Carry out one statement, and return how many rows it changed."""
        connection = self.connection
        self.check_in_place()
        try:
            changed = connection.execute(sql, values).rowcount
        except _FAILURES as exc:
            raise self.told(exc) from exc
        self._wrote(size + _PER_WRITE)
        return changed

    def write_many(self, sql: str, rows: Iterable[Sequence[Any]], *, size: int = 0) -> int:
        """Carry out one statement for each row, within a transaction."""
        with self.telling_errors():
            changed = self.connection.executemany(sql, rows).rowcount
        self._wrote(3 * size)
        return changed

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all writes within happen together, or not at all; it may be nested."""
        connection = self.connection
        if connection.in_transaction:
            with self._savepoint(connection):
                yield
            return
        self.check_in_place()
        with self.telling_errors():
            connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._check_not_forked(connection)
            with self.telling_errors():
                connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        self._wrote(_PER_WRITE)

    def _check_not_forked(self, connection: sqlite3.Connection) -> None:
        if connection is not self.connection:
            problem = "a process that was forked within a transaction cannot end it"
            raise StoreError(self.path, problem, "begin another one there")

    @contextlib.contextmanager
    def _savepoint(self, connection: sqlite3.Connection) -> Iterator[None]:
        with self.telling_errors():
            connection.execute("SAVEPOINT within")
        try:
            yield
        except BaseException:
            if connection.in_transaction:  # SQLite ends it itself where the disk is full
                connection.execute("ROLLBACK TO within")
                connection.execute("RELEASE within")
            raise
        with self.telling_errors():
            connection.execute("RELEASE within")

    @property
    def is_in_transaction(self) -> bool:
        return self.connection.in_transaction

    # The log

    def _wrote(self, size: int) -> None:
        self._in_log += size
        if self._in_log >= _CHECKPOINT_AFTER and not self.connection.in_transaction:
            self._in_log = 0
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Move the log into the file, while nobody can commit."""
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # somebody writes, and will come to this as well
            return
        try:
            with contextlib.closing(self._connect()) as other:
                other.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.Error, StoreError):  # all is safe in the log; the next one tries again
            pass
        finally:
            _roll_back(connection)

    def close(self) -> None:
        """Close all connections; the last one to close moves the log into the file."""
        self._is_closed = True
        with self._lock:
            for handle in list(self._handles):
                handle.close()

    # Errors

    @contextlib.contextmanager
    def telling_errors(self) -> Iterator[None]:
        """Say in our words what SQLite says."""
        try:
            yield
        except _FAILURES as exc:
            raise self.told(exc) from exc

    def told(self, exc: sqlite3.Error | UnicodeDecodeError) -> StoreError:
        if self._is_closed:
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
        "say read_only=True if you only want to read, or mend the permissions",
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


class _Handle:
    """Close a connection when its thread has ended."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._process = os.getpid()

    def close(self) -> None:
        self.connection.close()

    def __del__(self) -> None:
        if self._process == os.getpid():
            self.connection.close()


def _text(raw: bytes) -> str:
    """Read a text, also one that a flipped bit has spoiled: verify() has to name it."""
    return str(raw, "utf-8", "backslashreplace")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):  # what broke it is told already
            connection.execute("ROLLBACK")


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()
_INHERITED: list[_Handle] = []
"""What a forked process must neither use nor close."""


def _hold_connections() -> None:
    for database in list(_DATABASES):
        _INHERITED.extend(database._handles)


def _begin_anew() -> None:
    for database in list(_DATABASES):
        database._forget()


def _register(**handlers: Callable[[], None]) -> None:
    """Let nothing happen where there are no forks."""


getattr(os, "register_at_fork", _register)(
    before=_hold_connections, after_in_parent=_INHERITED.clear, after_in_child=_begin_anew
)
