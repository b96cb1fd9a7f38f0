"""Find the columns of a table that hold the pickles and their keys."""

from __future__ import annotations

from typing import Any

import attrs

from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._sqlite.database import Database


_ROWID = ("rowid", "_rowid_", "oid")
"""What SQLite calls the number of a row, unless a column is called so."""

_GENERATED = (2, 3)
"""What SQLite calls a generated column in its list of columns."""

_ONE_BY_ONE = "leave key= out, to identify rows by their rowid"


@attrs.frozen
class Columns:
    """The names of an address."""

    table: str
    key: str
    """Empty for the number of the row."""

    value: str
    collation: str = ""
    """That under which the keys are unique; empty for numbers."""

    @property
    def table_sql(self) -> str:
        return quoted(self.table)

    @property
    def value_sql(self) -> str:
        return quoted(self.value)

    @property
    def key_sql(self) -> str:
        return self.key if not self.collation and self.key in _ROWID else quoted(self.key)

    @property
    def order_sql(self) -> str:
        return (
            f"{self.key_sql} COLLATE {quoted(self.collation)}" if self.collation else self.key_sql
        )

    def checked(self, database: Database, address: str) -> Columns:
        """Return them as the database has them; refuse what cannot be migrated."""
        try:
            return _Check(database, address).columns(self)
        except NotAStoreError:
            raise
        except StoreError as exc:
            if "no such collation" not in exc.problem:
                raise
            problem = f"its keys are compared in a way of its application: {exc.problem}"
            raise NotAStoreError(address, problem, _ONE_BY_ONE) from exc


@attrs.frozen
class _Check:
    database: Database
    address: str

    def columns(self, given: Columns) -> Columns:
        table = self._table(given.table)
        rows = self.database.read(f"PRAGMA table_xinfo({quoted(table)})")
        names = {name.casefold(): name for _, name, *_ in rows}
        value = self._named(given.value, names)
        if any(name == value and hidden in _GENERATED for _, name, *_, hidden in rows):
            problem = f"{value!r} is a generated column, which cannot be written"
            raise NotAStoreError(self.address, problem, "name the column that it is made from")
        rowid = next((name for name in _ROWID if name not in names), "")
        if given.key.casefold() in {"", *_ROWID} - names.keys():
            return attrs.evolve(given, table=table, key=self._rowid(table, rowid), value=value)
        key = self._named(given.key, names)
        if key == value:
            problem = f"key= and value= are the same column {key!r}"
            raise NotAStoreError(self.address, problem, _ONE_BY_ONE)
        columns = attrs.evolve(
            given, table=table, key=key, value=value, collation=self._collation(table, key, rows)
        )
        self._check_not_null(columns)
        return columns

    def _table(self, wanted: str) -> str:
        """Return the name of a table as it was created."""
        rows = self.database.read("SELECT name, type, sql FROM sqlite_schema")
        tables = {name.casefold(): name for name, kind, _ in rows if kind == "table"}
        if wanted.casefold() not in tables:
            if any(
                kind == "view" and name.casefold() == wanted.casefold() for name, kind, _ in rows
            ):
                problem = f"{wanted!r} is a view, whose changed rows SQLite does not report"
                raise NotAStoreError(self.address, problem, "name the table behind it")
            names = ", ".join(tables.values()) or "none"
            raise NotAStoreError(self.address, f"it has no table {wanted!r}", f"it has: {names}")
        name: str = tables[wanted.casefold()]
        if any(
            row[0] == name and str(row[2]).upper().startswith("CREATE VIRTUAL") for row in rows
        ):
            problem = f"{name!r} is a virtual table, which its own module writes"
            raise NotAStoreError(self.address, problem, "name a table of SQLite")
        return name

    def _named(self, wanted: str, names: dict[str, str]) -> str:
        if wanted.casefold() not in names:
            problem = f"its table has no column {wanted!r}"
            raise NotAStoreError(self.address, problem, f"it has: {', '.join(names.values())}")
        return names[wanted.casefold()]

    def _rowid(self, table: str, name: str) -> str:
        try:
            self.database.read(f"SELECT {name or 'rowid'} FROM {quoted(table)} LIMIT 0")
        except StoreError:
            name = ""
        if not name:
            problem = "its table has no rowid that identifies rows"
            raise NotAStoreError(self.address, problem, "name a unique column with key=")
        return name

    def _collation(self, table: str, key: str, rows: list[Any]) -> str:
        """Return how keys are compared that are unique; empty for the numbers of rows."""
        for _, name, is_unique, _, is_partial in self.database.read(
            f"PRAGMA index_list({quoted(table)})"
        ):
            parts = self.database.read(f"PRAGMA index_xinfo({quoted(name)})")
            keys = [(part[2], part[4]) for part in parts if part[5]]
            if is_unique and not is_partial and [name for name, _ in keys] == [key]:
                return str(keys[0][1])
        primary = [(name, kind.upper()) for _, name, kind, _, _, number, _ in rows if number]
        if primary == [(key, "INTEGER")]:
            return "BINARY"
        problem = f"several rows may have the same {key!r}"
        raise NotAStoreError(self.address, problem, _ONE_BY_ONE)

    def _check_not_null(self, columns: Columns) -> None:
        sql = (
            f"SELECT COUNT(*) FROM {columns.table_sql} "
            f"WHERE {columns.key_sql} IS NULL AND {columns.value_sql} IS NOT NULL"
        )
        ((count,),) = self.database.read(sql)
        if count:
            problem = f"{count} of its rows have no key: {columns.key!r} is NULL"
            raise NotAStoreError(self.address, problem, _ONE_BY_ONE)
        self.database.read(
            f"SELECT 1 FROM {columns.table_sql} ORDER BY {columns.order_sql} LIMIT 1"
        )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
