"""Turn SQLite's errors into ours."""

from __future__ import annotations

import sqlite3

from versionpickle.exceptions import DamagedStoreError, LockedStoreError, StoreError


REPORTED = (sqlite3.Error, UnicodeDecodeError)
"""What a statement may raise; the second if SQLite quotes damaged bytes in its message."""


def store_error(path: str, exc: Exception, *, is_read_only: bool) -> StoreError:
    """Return the error of ours for one of SQLite's."""
    is_garbled = isinstance(exc, UnicodeDecodeError)
    name = "SQLITE_CORRUPT" if is_garbled else getattr(exc, "sqlite_errorname", "")
    for prefix, (kind, problem, cure) in _ERRORS.items():
        if name.startswith(prefix):
            other = _NOT_TO_WRITE.get(prefix, cure)
            return kind(path, f"{problem} ({exc})", other if is_read_only else cure)
    return StoreError(path, f"SQLite reports: {exc}", "this change was not made")


_ERRORS: dict[str, tuple[type[StoreError], str, str]] = {
    "SQLITE_BUSY": (
        LockedStoreError,
        "another program has been writing to it for too long",
        "this change was not made: try again, or wait longer with timeout=",
    ),
    "SQLITE_LOCKED": (
        LockedStoreError,
        "another program is using it",
        "this change was not made: try again",
    ),
    "SQLITE_CORRUPT": (
        DamagedStoreError,
        "the file is damaged",
        "run 'versionpickle verify' on it, and restore what that reports from a backup",
    ),
    "SQLITE_NOTADB": (
        DamagedStoreError,
        "the file is damaged, or not a store",
        "restore it from a backup, or name the right file",
    ),
    "SQLITE_READONLY_ROLLBACK": (
        StoreError,
        "a program was stopped while it wrote to it, and left a transaction to be undone",
        "open it once for writing, which undoes that, as migrate and rollback do",
    ),
    "SQLITE_READONLY": (
        StoreError,
        "it cannot be written to",
        "fix its permissions and open it again, or pass read_only=True to read a store",
    ),
    "SQLITE_FULL": (
        StoreError,
        "the disk is full",
        "this change was not made: free some space, and try again",
    ),
    "SQLITE_IOERR": (
        StoreError,
        "the disk failed",
        "check the disk, and then the last write: all of it is there, or nothing",
    ),
    "SQLITE_CANTOPEN": (
        StoreError,
        "the file cannot be opened",
        "check its folder and its permissions, or pass read_only=True to read a store",
    ),
}

_NOT_TO_WRITE = {
    "SQLITE_READONLY": "open it without read_only=True",
    "SQLITE_CANTOPEN": "check its folder and its permissions",
}
"""The cure for those who only read."""
