"""A `shelve` file, or any other `dbm` of pickles."""

from __future__ import annotations

import contextlib
import dbm.dumb
import os
import stat

from collections.abc import Iterator
from typing import Any, Literal

from versionpickle._pickles.files import write_file
from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._records import Key, Record

from .journal import SUFFIX, Journal
from .records import ExternalRecords


class Shelf(ExternalRecords):
    """A file of `dbm`, in any of its formats; only one process may use it at a time."""

    is_atomic = False
    sidecar_names = (".dir",)

    def __init__(self, address: str, path: str) -> None:
        self._path = path
        self._file: Any = None
        self._flag: Literal["", "r", "w"] = ""
        files = _files(path)
        if not files:
            raise NotAStoreError(address, "there is no such shelf", _CURE)
        super().__init__(address, lambda: Journal(path + SUFFIX, "shelve", files[0]))
        if not dbm.whichdb(path) and not self.journal.is_in_progress():
            raise NotAStoreError(address, *self._problem())

    def _problem(self) -> tuple[str, str]:
        if os.path.exists(f"{self._path}.bak") and os.path.exists(f"{self._path}.dat"):
            problem = "its index was lost while dbm.dumb was writing it"
            return problem, f"restore it: cp {self._path}.bak {self._path}.dir"
        return "this is not a shelf", _CURE

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._flag = None, ""

    def _open(self, flag: Literal["r", "w"]) -> Any:
        """Open it to read, or to write as well."""
        if self._file is None or flag > self._flag:
            self.close()
            try:
                self._file = dbm.open(self._path, flag, _mode(self._path))  # noqa: SIM115 - it stays open
            except (OSError, *dbm.error) as exc:
                problem = f"it cannot be opened: {exc}"
                cure = "check that no other program uses it, and that its module is installed"
                raise StoreError(self.address, problem, cure) from exc
            except Exception as exc:  # whatever dbm.dumb makes of an index that is no literal
                problem = f"its index is damaged: {type(exc).__name__}: {exc}"
                raise StoreError(self.address, problem, "restore it from a backup") from exc
            self._flag = flag
        return self._file

    def count(self) -> int:
        """Return 0 if that cannot be known until half of a batch is undone."""
        try:
            return len(self._open("r").keys())
        except StoreError:
            if self.journal.is_in_progress():
                return 0
            raise

    def _readable(self) -> Any:
        """Open it to read, unless half of a batch may be in it."""
        if self._file is None and self.journal.is_in_progress():
            problem = "a migration, rollback or copy was stopped within a batch, or is at work"
            raise StoreError(
                self.address, problem, "run 'versionpickle migrate' or rollback on it"
            )
        return self._open("r")

    def keys(self, prefix: str = "") -> Iterator[Key]:
        keys = (_text(key) for key in self._readable().keys())  # noqa: SIM118 - this is not a mapping
        yield from sorted(key for key in keys if key.startswith(prefix))

    def read_stored(self, key: Key) -> bytes:
        data: bytes = self._readable()[_bytes(key)]
        return data

    def scan(self, prefix: str = "") -> Iterator[Record]:
        for key in self.keys(prefix):
            try:
                yield Record(key, self.read(key))
            except KeyError:  # deleted meanwhile
                continue
            except Exception as exc:  # noqa: BLE001 - whatever its module makes of damaged files
                yield Record(key, b"", problem=f"it cannot be read: {type(exc).__name__}: {exc}")

    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        file = self._open("w")
        conflicts = set()
        for key, before, after in changes:
            if file.get(_bytes(key)) == before:
                file[_bytes(key)] = after
            else:
                conflicts.add(key)
        self._sync()
        return conflicts

    def write(self, values: list[tuple[Key, bytes]]) -> None:
        file = self._open("w")
        for key, data in values:
            file[_bytes(key)] = data
        self._sync()

    def _sync(self) -> None:
        """Let all reach the disk; dbm.dumb writes its index once more when it is closed."""
        if hasattr(self._file, "sync") and not isinstance(self._file, dbm.dumb._Database):
            self._file.sync()
        else:
            self.close()
        for path in (*_files(self._path), os.path.dirname(os.path.abspath(self._path))):
            _sync_file(path)

    def sidecar(self) -> dict[str, bytes]:
        if dbm.whichdb(self._path) != "dbm.dumb":
            return {}
        return {suffix: _content(self._path + suffix) for suffix in self.sidecar_names}

    def restore_sidecar(self, sidecar: dict[str, bytes]) -> None:
        self.close()
        for suffix, data in sidecar.items():
            path = self._path + suffix
            if not os.path.exists(path):  # for it was moved away; only its owner may read it now
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, _mode(self._path)))
            write_file(path, data)


_CURE = "name it as shelve.open() does"
_SUFFIXES = ("", ".dat", ".db", ".pag", ".dir", ".bak")
"""What the files of a shelf are called after its name: the one with the data comes first."""


def _files(path: str) -> list[str]:
    return [path + suffix for suffix in _SUFFIXES if os.path.isfile(path + suffix)]


def _mode(path: str) -> int:
    """Return who may use its data: dbm.dumb makes a new index whenever it is closed."""
    return stat.S_IMODE(os.stat(_files(path)[0]).st_mode)


def _sync_file(path: str) -> None:
    with contextlib.suppress(PermissionError):  # a folder cannot be opened on Windows
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
