"""The file of a journal: its tables, older formats, and whether it can be trusted."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile

from collections.abc import Iterator

from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._sqlite.database import Database


SUFFIX = ".versionpickle"

APPLICATION = 0x5650_4B45
"""What the header of the file identifies it by: "VPKE"."""

FORMAT = 2

_TABLES = {
    "originals": "place TEXT, key, before BLOB, after INTEGER, UNIQUE (place, key)",
    "in_progress": "place TEXT, key, data BLOB, kept BLOB, prior INTEGER, UNIQUE (place, key)",
    "sidecar": "place TEXT, name TEXT, data BLOB, UNIQUE (place, name)",
    "failures": """place TEXT, key, ref TEXT, version INTEGER, step TEXT, reason TEXT, sum INTEGER,
        UNIQUE (place, key)""",
    "sweeps": "pid INTEGER, purpose TEXT",
}
"""Each row of an original or a failure names its place; the empty one is of older releases."""

_SOURCES = {
    FORMAT: {table: table for table in _TABLES}
    | {"originals": "(SELECT rowid AS number, * FROM originals)"},
    1: {
        "originals": "(SELECT rowid AS number, '' AS place, key, before, after FROM originals)",
        "in_progress": """(SELECT '' AS place, key, before AS data, NULL AS kept, prior
            FROM begun JOIN originals USING (key))""",
        "sidecar": "(SELECT '' AS place, name, data FROM aside)",
        "failures": """(SELECT '' AS place, key, ref, version, step, reason, sum FROM parked)""",
        "sweeps": "(SELECT 0 AS pid, '' AS purpose WHERE 0)",
    },
}


def sources(number: int) -> dict[str, str]:
    """Return what the tables of today are in a file of this format."""
    return _SOURCES[number]


@contextlib.contextmanager
def reading(path: str) -> Iterator[Database]:
    """
    Open a journal to read it, and write nothing beside it.

    What a process that was killed has left is undone in a copy.
    """
    with contextlib.ExitStack() as stack:
        if _is_unfinished(path):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = _copied(path, folder)
            database = Database(path)
        else:
            database = Database(path, read_only=True)
        yield stack.enter_context(contextlib.closing(database))


def _is_unfinished(path: str) -> bool:
    if os.path.exists(f"{path}-wal"):  # which older releases wrote
        return True
    if not os.path.exists(f"{path}-journal"):
        return False
    try:
        with contextlib.closing(Database(path, read_only=True)) as database:
            database.read(_IDENTITY)
    except StoreError:
        return True
    return False


def _copied(path: str, folder: str) -> str:
    target = os.path.join(folder, "journal")
    for suffix in ("", "-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{suffix}", f"{target}{suffix}")
    return target


def format_of(database: Database) -> int:
    """Return the format of a journal, 0 for an empty file; refuse any other file."""
    ((tables, application, number),) = database.read(_IDENTITY)
    if not tables and not application:
        return 0
    if application != APPLICATION:
        problem = "this file is where the originals of a migration are kept"
        raise NotAStoreError(database.path, problem, "move it away")
    if number > FORMAT:
        problem = f"it has format {number}, and this code knows formats up to {FORMAT}"
        raise NotAStoreError(database.path, problem, "update versionpickle")
    return FORMAT if number == FORMAT else 1


_IDENTITY = """SELECT (SELECT COUNT(*) FROM sqlite_schema), application_id, user_version
    FROM pragma_application_id, pragma_user_version"""


def check_file(path: str, beside: str) -> bool:
    """Return whether the file is there; refuse one that another user could have written."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode):
        raise _untrusted(path, "it is not a regular file")
    place = os.stat(beside)
    if hasattr(os, "geteuid") and status.st_uid not in {0, os.geteuid(), place.st_uid}:
        raise _untrusted(path, "it belongs to another user")
    if status.st_mode & ~place.st_mode & _WRITABLE:
        raise _untrusted(path, "more people may write to it than to what it is beside")
    return True


_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def check_content(database: Database, number: int) -> None:
    """Refuse rows that versionpickle does not write."""
    for query in _CHECKS:
        if database.read(query.format(**sources(number))):
            raise _untrusted(database.path, "it holds what versionpickle does not write")


_CHECKS = (
    """SELECT 1 FROM {originals} WHERE typeof(before) <> 'blob'
        OR typeof(after) <> 'integer' OR typeof(key) = 'null' LIMIT 1""",
    """SELECT 1 FROM {in_progress} WHERE typeof(data) <> 'blob'
        OR typeof(kept) NOT IN ('blob', 'null') OR typeof(prior) NOT IN ('integer', 'null')
        LIMIT 1""",
    "SELECT 1 FROM {sidecar} WHERE typeof(data) <> 'blob' OR typeof(name) <> 'text' LIMIT 1",
    """SELECT 1 FROM {failures} WHERE typeof(reason) <> 'text'
        OR typeof(step) NOT IN ('text', 'null')
        OR typeof(ref) NOT IN ('text', 'null') OR typeof(version) NOT IN ('integer', 'null')
        OR typeof(sum) NOT IN ('integer', 'null') LIMIT 1""",
)


def _untrusted(path: str, problem: str) -> NotAStoreError:
    cure = "find out who wrote it, or move it away"
    return NotAStoreError(path, f"this journal cannot be trusted: {problem}", cure)


def upgrade(database: Database) -> None:
    """Give a file the tables of today, and take over what an older release kept."""
    number = format_of(database)
    database.read("PRAGMA journal_mode = DELETE")  # a reader of a write-ahead log writes files
    if number == FORMAT:
        return
    if number:
        check_content(database, number)
    with database.transaction():
        for table, columns in _TABLES.items():
            database.write(f"CREATE TABLE new_{table} ({columns})")
            if number:
                _take_over(database, table)
        for table in _OLDER if number else ():
            database.write(f"DROP TABLE {table}")
        for table in _TABLES:
            database.write(f"ALTER TABLE new_{table} RENAME TO {table}")
        database.write(f"PRAGMA application_id = {APPLICATION}")
        database.write(f"PRAGMA user_version = {FORMAT}")


def _take_over(database: Database, table: str) -> None:
    names = [name for _, name, *_ in database.read(f"PRAGMA table_info(new_{table})")]
    columns = ", ".join(names)
    database.write(f"INSERT INTO new_{table} SELECT {columns} FROM {_SOURCES[1][table]}")


_OLDER = ("originals", "begun", "aside", "parked")
