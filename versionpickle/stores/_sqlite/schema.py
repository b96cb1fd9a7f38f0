"""The SQL tables of a store."""

from __future__ import annotations

import os
import time

from collections.abc import Callable
from typing import Any

from versionpickle.exceptions import DamagedStoreError, LockedStoreError, NotAStoreError

from .database import Database


FORMAT = 1
"""See docs/reference/store-format.md."""

APPLICATION = 0x5650_4B4C
"""What the header of the file identifies it by: "VPKL"."""

SCHEMA = (
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        data BLOB NOT NULL,
        sum INTEGER NOT NULL,
        label INTEGER NOT NULL,
        migrated INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX records_by_label ON records (label, key)",
    """CREATE TABLE labels (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE,
        sum INTEGER NOT NULL
    )""",
    """CREATE TABLE originals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        count INTEGER NOT NULL,
        sum INTEGER NOT NULL,
        data BLOB NOT NULL
    )""",
    """CREATE TABLE parked (
        key TEXT PRIMARY KEY,
        ref TEXT,
        version INTEGER,
        step TEXT,
        reason TEXT NOT NULL,
        record INTEGER NOT NULL,
        sum INTEGER NOT NULL
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)

_IDENTITY = """SELECT (SELECT COUNT(*) FROM sqlite_schema), application_id, user_version
    FROM pragma_application_id, pragma_user_version"""
"""In one statement, because others may make it a store at this moment."""


def prepare(database: Database, timeout: float) -> None:
    """Make the file a store, unless it is one already."""
    if is_store(database):
        return
    if database.is_read_only:
        problem = "it is empty: nothing was ever stored in it"
        raise NotAStoreError(database.path, problem, "open it once without read_only=True")
    _retry(timeout, lambda: database.read("PRAGMA journal_mode = WAL"))
    with database.transaction():
        for statement in () if is_store(database) else SCHEMA:  # of several, one makes it
            database.write(statement)


def is_store(database: Database) -> bool:
    """Return whether this is a store already; False if it may be made one."""
    ((tables, application, number),) = _identity(database)
    if application == APPLICATION and number > FORMAT:
        problem = f"it has format {number}, and this code knows formats up to {FORMAT}"
        raise NotAStoreError(database.path, problem, "update versionpickle")
    if application == APPLICATION and number == FORMAT:
        return True
    if not tables and not application:
        return False
    problem = "this is an SQLite database, but not a store of versionpickle"
    table = f"'sqlite:{database.path}?table=...&value=...'"
    cure = f"name another file, or one of its tables: {table}"
    raise NotAStoreError(database.path, problem, cure)


def _identity(database: Database) -> list[Any]:
    try:
        return database.read(_IDENTITY)
    except DamagedStoreError as exc:
        if getattr(exc.__cause__, "sqlite_errorname", "") != "SQLITE_NOTADB":
            raise
        problem = "this is neither a store nor an SQLite database"
        cure = "name the right file, or its kind: 'shelve:FILE', or 'dir:FOLDER/*.pickle'"
        raise NotAStoreError(database.path, problem, cure) from exc


def check_path(path: str, *, read_only: bool) -> None:
    """Refuse what SQLite would only report as a file that it cannot open."""
    if os.path.isdir(path):
        problem = "this is a folder"
        cure = f"name a file, or 'dir:{path}/*.pickle' for the files in it"
        raise NotAStoreError(path, problem, cure)
    if read_only and not os.path.exists(path):
        raise NotAStoreError(path, "there is no such file", "check the path")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise NotAStoreError(path, f"there is no folder {folder}", "create it first")


def _retry(timeout: float, attempt: Callable[[], object]) -> None:
    """Try until no other process holds the file: SQLite does not wait when it turns the log on."""
    end = time.monotonic() + timeout
    while True:
        try:
            attempt()
        except LockedStoreError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return
