"""A column of pickles in somebody's SQLite database."""

from __future__ import annotations

import os

from collections.abc import Iterator

from versionpickle.exceptions import NotAStoreError
from versionpickle.stores._records import Damage, Key, Record
from versionpickle.stores._sqlite.database import Database, first

from .journal import SUFFIX
from .records import ExternalRecords


_PAGE = 500


class Table(ExternalRecords):
    """The rows of a table that hold a pickle, by a column that tells them apart."""

    def __init__(self, address: str, path: str, table: str, key: str, value: str) -> None:
        if not os.path.isfile(path):
            raise NotAStoreError(address, f"there is no file {path!r}", "look at its name")
        self._database = Database(path)
        super().__init__(address, f"{path}-{table}{SUFFIX}")
        try:
            self._check(table, key, value)
        except BaseException:
            self._database.close()
            raise
        self._table, self._key, self._value = map(_quoted, (table, key, value))

    def _check(self, table: str, key: str, value: str) -> None:
        columns = self._database.read(f"PRAGMA table_info({_quoted(table)})")
        if not columns:
            rows = self._database.read("SELECT name FROM sqlite_schema WHERE type = 'table'")
            names = ", ".join(name for (name,) in rows) or "none"
            raise NotAStoreError(self.address, f"it has no table {table!r}", f"it has: {names}")
        known = [name for _, name, *_ in columns]
        for wanted in (key, value):
            if wanted not in {*known, "rowid"}:
                problem = f"its table has no column {wanted!r}"
                raise NotAStoreError(self.address, problem, f"it has: {', '.join(known)}")
        if key != "rowid" and not self._is_unique(table, key, columns):
            problem = f"several rows may have the same {key!r}"
            cure = "leave key= out, to tell rows by their rowid"
            raise NotAStoreError(self.address, problem, cure)

    def _is_unique(self, table: str, key: str, columns: list[tuple[str, ...]]) -> bool:
        if [name for _, name, *_, is_primary in columns if is_primary] == [key]:
            return True
        indexes = self._database.read(f"PRAGMA index_list({_quoted(table)})")
        return any(
            is_unique and not is_partial and self._columns_of(name) == [key]
            for _, name, is_unique, _, is_partial in indexes
        )

    def _columns_of(self, index: str) -> list[str]:
        rows = self._database.read(f"PRAGMA index_info({_quoted(index)})")
        return [name for _, _, name in rows]

    def close(self) -> None:
        self._database.close()
        super().close()

    def count(self) -> int:
        ((count,),) = self._database.read(f"SELECT COUNT({self._value}) FROM {self._table}")
        return int(count)

    def key_of(self, key: Key) -> Key:
        return key

    def keys(self, prefix: str = "") -> Iterator[Key]:
        return (record.key for record in self.scan(prefix))

    def read(self, key: Key) -> bytes:
        sql = f"SELECT {self._value} FROM {self._table} WHERE {self._key} = ?"
        row = self._database.fetch(first, sql, (key,))
        if row is None or not isinstance(row[0], bytes):
            raise KeyError(key)
        return row[0]

    def scan(self, prefix: str = "") -> Iterator[Record]:
        sql = (
            f"SELECT {self._key}, {self._value} FROM {self._table} "
            f"WHERE {self._value} IS NOT NULL AND {{}} ORDER BY {self._key} LIMIT {_PAGE}"
        )
        rows = self._database.read(sql.format("1"))
        while rows:
            for key, data in rows:
                if str(key).startswith(prefix):
                    yield _record(key, data)
            rows = self._database.read(sql.format(f"{self._key} > ?"), (rows[-1][0],))

    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        sql = (
            f"UPDATE {self._table} SET {self._value} = ? "
            f"WHERE {self._key} = ? AND {self._value} = ?"
        )
        with self._database.transaction():
            return {
                key
                for key, before, after in changes
                if not self._database.write(sql, (after, key, before), size=len(after))
            }

    def write(self, pickles: list[tuple[Key, bytes]]) -> None:
        with self._database.transaction():
            for key, data in pickles:
                change = f"UPDATE {self._table} SET {self._value} = ? WHERE {self._key} = ?"
                if not self._database.write(change, (data, key), size=len(data)):
                    self._database.write(
                        f"INSERT INTO {self._table} ({self._value}, {self._key}) VALUES (?, ?)",
                        (data, key),
                    )

    def examine(self) -> Iterator[int | Damage]:
        for (line,) in self._database.read("PRAGMA integrity_check(100)"):
            if line != "ok":
                yield Damage(None, f"SQLite says: {line}")
        yield from super().examine()


def _record(key: Key, data: object) -> Record:
    if isinstance(data, bytes):
        return Record(key, data)
    return Record(key, b"", problem=f"it is no bytes, but {type(data).__name__}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if name != "rowid" else name
