"""A `shelve`, or any other `dbm` of pickles."""

from __future__ import annotations

import contextlib
import dbm
import os

from collections.abc import Iterator
from typing import Any, Literal

from versionpickle._pickles.files import write_file
from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._records import Key, Record

from .journal import SUFFIX
from .records import ExternalRecords


class Shelf(ExternalRecords):
    """A file of `dbm`, in the flavour in which it is; only one process may use it at a time."""

    tears = True

    def __init__(self, address: str, path: str) -> None:
        super().__init__(address, path + SUFFIX)
        self._path = path
        self._put_lost_back()
        flavour = dbm.whichdb(path)
        if not flavour:
            self.ledger.close()
            problem = "there is no such shelf" if flavour is None else "this is no shelf"
            raise NotAStoreError(address, problem, "name it as shelve.open() does")
        self._indexes = _INDEXES.get(flavour, ())
        self._file: Any = None
        self._flag: Literal["", "r", "w"] = ""

    def close(self) -> None:
        self._close_file()
        super().close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._flag = None, ""

    def _open(self, flag: Literal["r", "w"]) -> Any:
        """Open it to read, or to write as well."""
        if self._file is None or flag > self._flag:
            self._close_file()
            try:
                self._file = dbm.open(self._path, flag)  # noqa: SIM115 - it stays open
            except (OSError, *dbm.error) as exc:
                problem = f"it cannot be opened: {exc}"
                cure = "look whether another program uses it, and whether its module is installed"
                raise StoreError(self.address, problem, cure) from exc
            self._flag = flag
        return self._file

    def count(self) -> int:
        return len(self._open("r").keys())

    def _read_only(self) -> Any:
        """Open it to read, unless half of a batch stands in it."""
        if self._file is None and self.ledger.begun():
            problem = "a migration was stopped within a batch, or is at work"
            raise StoreError(
                self.address, problem, "run 'versionpickle migrate' or rollback on it"
            )
        return self._open("r")

    def keys(self, prefix: str = "") -> Iterator[Key]:
        keys = (_text(key) for key in self._read_only().keys())  # noqa: SIM118 - this is no mapping
        yield from sorted(key for key in keys if key.startswith(prefix))

    def read(self, key: Key) -> bytes:
        data: bytes = self._read_only()[_bytes(key)]
        return data

    def scan(self, prefix: str = "") -> Iterator[Record]:
        for key in self.keys(prefix):
            with contextlib.suppress(KeyError):  # deleted meanwhile
                yield Record(key, self.read(key))

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

    def write(self, pickles: list[tuple[Key, bytes]]) -> None:
        file = self._open("w")
        for key, data in pickles:
            file[_bytes(key)] = data
        self._sync()

    def _sync(self) -> None:
        """Let all reach the disk; some flavours do so only when they are closed."""
        if hasattr(self._file, "sync"):
            self._file.sync()
        else:
            self._close_file()

    def aside(self) -> dict[str, bytes]:
        return {suffix: _content(self._path + suffix) for suffix in self._indexes}

    def _put_lost_back(self) -> None:
        """Write an index again that was lost between its being moved away and being written."""
        for suffix, data in self.ledger.aside().items():
            if not os.path.exists(self._path + suffix):
                write_file(self._path + suffix, data)

    def put_aside_back(self, aside: dict[str, bytes]) -> None:
        self._close_file()
        for suffix, data in aside.items():
            write_file(self._path + suffix, data)


_INDEXES = {"dbm.dumb": (".dir",)}
"""What is written later than the data that it says something about, and lost with a process."""


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
