"""A column of pickles in an SQLite table of other code."""

from __future__ import annotations

import contextlib
import functools
import json

from collections.abc import Iterator
from typing import Any

from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._records import Damage, Key, Record
from versionpickle.stores._sqlite.database import Database, fetch_limited, fetch_one
from versionpickle.stores._sqlite.undecodable import UndecodableText, raw_key

from .coding import Coding
from .columns import Columns
from .journal import SUFFIX, Journal
from .records import ExternalRecords


_PAGE = 500
_BESIDE_DATA = 1000
"""Bytes that a row of a journal may have beside the original."""


class Table(ExternalRecords):
    """The rows of a table that hold a pickle, by a column that identifies them."""

    def __init__(self, address: str, path: str, columns: Columns, coding: Coding) -> None:
        self.coding = coding
        self._path = path
        self._database = Database(path, read_only=True)
        self._writing: Database | None = None
        self._given = columns
        super().__init__(address, self._named_journal)
        try:
            self._check_encoding()
            self._columns  # noqa: B018 - raises what is wrong with them
        except BaseException as exc:
            if not _is_unfinished(exc):
                self._database.close()
                raise

    def _check_encoding(self) -> None:
        ((encoding,),) = self._database.read("PRAGMA encoding")
        if self.coding.is_text and encoding != "UTF-8":
            problem = f"its texts are stored as {encoding}, which codec= does not decode"
            raise NotAStoreError(self.address, problem, "copy it into a database of UTF-8")

    @functools.cached_property
    def _columns(self) -> Columns:
        return self._given.checked(self._database, self.address)

    @property
    def _table(self) -> str:
        return self._columns.table_sql

    @property
    def _key(self) -> str:
        return self._columns.key_sql

    @property
    def _order(self) -> str:
        return self._columns.order_sql

    @property
    def _value(self) -> str:
        return self._columns.value_sql

    def _named_journal(self) -> Journal:
        names = self._columns
        place = json.dumps([names.table, names.key, names.value])
        path = f"{self._path}-{_file_name(names.table)}{SUFFIX}"
        return Journal(path, place, self._path, has_text_keys=False)

    @contextlib.contextmanager
    def sweep(self, purpose: str) -> Iterator[None]:
        """Let SQLite first undo a transaction during which a program was stopped."""
        self._writer.read("SELECT 1 FROM sqlite_schema")
        self._check_encoding()
        with super().sweep(purpose):
            yield

    @property
    def _writer(self) -> Database:
        """What writes; until it is needed, the file is only read."""
        if self._writing is None:
            self._writing = Database(self._path, durability="extra")
        return self._writing

    def close(self) -> None:
        self._database.close()
        if self._writing is not None:
            self._writing.close()

    def count(self) -> int:
        sql = f"SELECT COUNT(*) FROM {self._table} WHERE {self._is_there}"
        ((count,),) = self._database.read(sql)
        return int(count)

    @property
    def _is_there(self) -> str:
        return f"{self._value} IS NOT NULL AND {self._key} IS NOT NULL"

    def key_of(self, key: Key) -> Key:
        return key

    def keys(self, prefix: str = "") -> Iterator[Key]:
        return (record.key for record in self.scan(prefix))

    def read_stored(self, key: Key) -> bytes:
        sql = f"SELECT {self._stored_sql} FROM {self._table} WHERE {self._order} = ?"
        if problem := _problem_of_key(key):
            raise self.unreadable(key, problem)
        row = self._database.fetch(fetch_one, sql, (key,))
        if row is None or row[1] == "null":
            raise KeyError(key)
        data, kind = row
        if problem := self._problem(kind):
            raise self.unreadable(key, problem)
        return bytes(data)

    @property
    def _stored_sql(self) -> str:
        return f"CAST({self._value} AS BLOB), typeof({self._value})"

    def _problem(self, kind: str) -> str:
        """Return why no value of this kind is read; empty if it is."""
        if kind == "blob" or (kind == "text" and self.coding.names):
            return ""
        cure = "; add &codec=base64, or how it is written, to the address"
        return f"it is not bytes, but {kind}" + cure * (kind == "text")

    def scan(self, prefix: str = "") -> Iterator[Record]:
        sql = (
            f"SELECT {self._key}, {self._stored_sql} FROM {self._table} "
            f"WHERE {self._is_there} AND {{}} ORDER BY {self._order} LIMIT {_PAGE}"
        )
        rows = self._database.fetch(fetch_limited, sql.format("1"), ())
        while rows:
            for key, data, kind in rows:
                if str(key).startswith(prefix):
                    yield self._record(key, data, kind)
            place, value = _place(rows[-1][0])
            after = sql.format(f"{self._order} > {place}")
            rows = self._database.fetch(fetch_limited, after, (value,))

    def _record(self, key: Key, data: bytes, kind: str) -> Record:
        if problem := _problem_of_key(key) or self._problem(kind):
            return Record(key, b"", problem=problem)
        try:
            return Record(key, self.coding.decode(data))
        except ValueError as exc:
            return Record(key, b"", problem=str(exc))

    def max_size(self) -> int:
        return self._database.max_size() - _BESIDE_DATA

    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        sql = (
            f"UPDATE {self._table} SET {self._set_sql} WHERE {self._order} = ? "
            f"AND CAST({self._value} AS BLOB) = ?"
        )
        with self._writer.transaction():
            conflicts = {
                key
                for key, before, after in changes
                if not self._writer.write(sql, (after, after, key, before), size=len(after))
            }
            if self._has_triggers():
                self._check_triggers(changes, conflicts)
        self._writer.checkpoint()
        return conflicts

    def _has_triggers(self) -> bool:
        sql = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
        return bool(self._writer.read(sql, (self._columns.table,)))

    def _check_triggers(
        self, changes: list[tuple[Key, bytes, bytes]], conflicts: set[Key]
    ) -> None:
        """Refuse a batch of which a trigger has kept or changed a record."""
        sql = f"SELECT CAST({self._value} AS BLOB) FROM {self._table} WHERE {self._order} = ?"
        for key, before, after in changes:
            found = self._writer.fetch(fetch_one, sql, (key,))
            if (found != (after,)) if key not in conflicts else (found == (before,)):
                problem = f"a trigger of its table undoes what is written under {key!r}"
                cure = "nothing was changed: drop the trigger while you migrate or roll back"
                raise StoreError(self.address, problem, cure)

    @property
    def _set_sql(self) -> str:
        """Keep the kind of a value: text is replaced by text."""
        kind = f"typeof({self._value})"
        return f"{self._value} = CASE {kind} WHEN 'text' THEN CAST(? AS TEXT) ELSE ? END"

    def write(self, values: list[tuple[Key, bytes]]) -> None:
        change = f"UPDATE {self._table} SET {self._set_sql} WHERE {self._order} = ?"
        new = "CAST(? AS TEXT)" if self.coding.is_text else "?"
        insert = f"INSERT INTO {self._table} ({self._value}, {self._key}) VALUES ({new}, ?)"
        with self._writer.transaction():
            for key, data in values:
                if not self._writer.write(change, (data, data, key), size=len(data)):
                    self._writer.write(insert, (data, key))

    def examine(self) -> Iterator[int | Damage]:
        for (line,) in self._database.read("PRAGMA integrity_check(100)"):
            if line != "ok":
                yield Damage(None, f"SQLite reports: {line}")
        yield from super().examine()


def _is_unfinished(exc: BaseException) -> bool:
    """Return whether a program was stopped within a transaction, which a sweep undoes."""
    return getattr(exc.__cause__, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK"


def _problem_of_key(key: Key) -> str:
    return "its key is not UTF-8" if isinstance(key, UndecodableText) else ""


def _place(key: Key) -> tuple[str, Any]:
    """Return a key as SQL and its value."""
    return ("CAST(? AS TEXT)", raw_key(key)) if isinstance(key, UndecodableText) else ("?", key)


def _file_name(table: str) -> str:
    """Return the name of a table as part of the name of a file."""
    return "".join(f"%{ord(char):02X}" if char in "/\\\0:" else char for char in table)
