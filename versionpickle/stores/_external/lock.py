"""The lock of a place: one sweep at a time."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from collections.abc import Iterator

from versionpickle.exceptions import StoreError
from versionpickle.stores._sqlite.errors import store_error


_TIMEOUT = 0.5
"""Seconds for which a sweep waits for another one to end."""


class HeldError(Exception):
    """Another sweep holds the lock; never leaves a place."""


@contextlib.contextmanager
def lock(path: str) -> Iterator[None]:
    """
    Hold the lock that the file at *path* is, and delete that at the end.

    It is SQLite's own lock of an empty database: it works on every system, between threads
    as between processes, and ends with the process.
    """
    connection = _locked(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # where open files cannot be deleted
            os.unlink(path)
        connection.close()


def _locked(path: str) -> sqlite3.Connection:
    while True:
        before = _created(path)
        connection = sqlite3.connect(
            path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as exc:
            connection.close()
            if getattr(exc, "sqlite_errorname", "") == "SQLITE_BUSY":
                raise HeldError from None
            if before != _inode(path):  # who held it has deleted it at this moment
                continue
            raise store_error(path, exc, is_read_only=False) from exc
        if before == _inode(path):
            return connection
        connection.close()  # its holder has deleted it


def _created(path: str) -> int | None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as exc:
        problem = f"it cannot be created: {exc.strerror}"
        raise StoreError(path, problem, "check the permissions of its folder") from exc
    return _inode(path)


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except FileNotFoundError:
        return None
