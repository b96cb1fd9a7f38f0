"""Connections to an SQLite file: one per thread, none inherited by a fork."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar


_R = TypeVar("_R")

Act: TypeAlias = Callable[[sqlite3.Connection, str, Any], _R]
"""What is done with a connection, a statement and its values."""

_PATIENCE = 1.0
"""Seconds for which a fork waits until statements and transactions have ended."""

_MOMENT = 0.001


class ClosedError(Exception):
    """The connections were closed; never leaves a database."""


class ForkedError(Exception):
    """A connection was inherited by a fork; never leaves a database."""


class Handle:
    """The connection of one thread; the holder of the lock may use or close it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection: sqlite3.Connection | None = connection
        self.lock = threading.Lock()
        self._process = os.getpid()

    @property
    def is_in_transaction(self) -> bool:
        connection = self.connection
        try:
            return connection is not None and connection.in_transaction
        except sqlite3.ProgrammingError:  # it was closed at this very moment
            return False

    def could_close(self) -> bool:
        """Close it, unless a thread is using it; then end the statement that it carries out."""
        if self.lock.acquire(timeout=_MOMENT):
            self.close()
            self.lock.release()
            return True
        with contextlib.suppress(AttributeError, sqlite3.ProgrammingError):  # it has just ended
            self.connection.interrupt()  # type: ignore[union-attr] # as above
        return False

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        if self._process == os.getpid():  # those of a parent process must not be closed
            self.close()


class Connections:
    """
    Open a connection for each thread that needs one.

    SQLite does not survive a fork: in the child it counts on locks that only the parent has.
    So all connections are closed before one, and opened again where they are needed.
    Those within a transaction cannot be; then the child may not use the file.
    """

    def __init__(self, file: str, connect: Callable[[], sqlite3.Connection]) -> None:
        self._file = os.path.realpath(file)
        self._connect = connect
        self.is_closed = False
        self.local = threading.local()
        """Holds the `handle` of each thread that has one."""

        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        vars(self.local).clear()  # there is but one thread
        self._handles: weakref.WeakSet[Handle] = weakref.WeakSet()
        self.lock = threading.RLock()
        """Held while connections are opened or closed."""

        self._held: list[Handle] = []

    def mine(self) -> Handle:
        """Return what this thread has, and open it if need be."""
        handle = self.current
        if handle is None:
            with self.lock:
                if self.is_closed:
                    raise ClosedError
                if self._file in _INHERITED:
                    raise ForkedError
                handle = self.local.handle = Handle(self._connect())
                self._handles.add(handle)
        return handle

    def drop_mine(self) -> None:
        """Let this thread open another one."""
        self.local.handle.close()
        del self.local.handle

    @property
    def current(self) -> Handle | None:
        """What this thread has already, closed or not."""
        handle: Handle | None = getattr(self.local, "handle", None)
        return handle

    def close(self) -> None:
        """Close all, and end what runs."""
        self.is_closed = True
        with self.lock:
            left = list(self._handles)
            while left:  # one may wait for what another one holds
                left = [handle for handle in left if not handle.could_close()]

    # Forks

    def prepare_for_fork(self) -> None:
        """Close what can be closed, and block all others until the fork is done."""
        self.lock.acquire()
        end = time.monotonic() + _PATIENCE
        mine = self.current
        left = list(self._handles)
        while left and time.monotonic() < end:  # one may wait for what another one holds
            left = [handle for handle in left if not self._could_hold(handle, mine)]

    def _could_hold(self, handle: Handle, mine: Handle | None) -> bool:
        if not handle.lock.acquire(timeout=_MOMENT):
            return False
        if handle.is_in_transaction and handle is not mine:
            handle.lock.release()
            time.sleep(_MOMENT)
            return False
        self._held.append(handle)
        if not handle.is_in_transaction:
            handle.close()
        return True

    def go_on(self) -> None:
        """Let all threads go on, in the parent."""
        for handle in self._held:
            handle.lock.release()
        self._held.clear()
        self.lock.release()

    def begin_anew(self) -> None:
        """Begin without connections, in the child."""
        left = [handle for handle in self._handles if handle.connection is not None]
        if left:
            _INHERITED.setdefault(self._file, []).extend(left)
        self._begin()


_ALL: weakref.WeakSet[Connections] = weakref.WeakSet()
_FORKED: list[Connections] = []
"""Those that were there when a fork began."""

_FORKING = threading.Lock()
"""Held by the thread that forks, and released in both processes."""

_INHERITED: dict[str, list[Handle]] = {}
"""What a child must neither use nor close, by the file."""


def _before() -> None:
    _FORKING.acquire()
    _FORKED[:] = list(_ALL)
    for connections in _FORKED:
        connections.prepare_for_fork()


def _in_parent() -> None:
    for connections in _FORKED:
        connections.go_on()
    _FORKED.clear()
    _FORKING.release()


def _in_child() -> None:
    for connections in _FORKED:
        connections.begin_anew()
    _FORKED.clear()
    _FORKING.release()


def _register(**handlers: Callable[[], None]) -> None:
    """Let nothing happen where there are no forks."""


getattr(os, "register_at_fork", _register)(
    before=_before, after_in_parent=_in_parent, after_in_child=_in_child
)
