"""A folder of pickle files."""

from __future__ import annotations

import os

from collections.abc import Iterator

from versionpickle._pickles.files import write_file
from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._records import Key, Record

from .journal import SUFFIX
from .records import ExternalRecords


class Folder(ExternalRecords):
    """The files of a folder whose names end alike; a key is what stands before that."""

    def __init__(self, address: str, pattern: str) -> None:
        folder, _, name = pattern.rpartition("/")
        self._is_deep = folder.endswith("/**") or folder == "**"
        folder = folder.removesuffix("**").rstrip("/") or ("/" if pattern.startswith("/") else ".")
        stem, star, self._suffix = name.partition("*")
        if stem or not star or "*" in folder + self._suffix:
            problem = "this does not say which files are meant"
            cure = "say 'dir:FOLDER/*.pickle', or 'dir:FOLDER/**/*.pickle' for all folders in it"
            raise NotAStoreError(address, problem, cure)
        if not os.path.isdir(folder):
            raise NotAStoreError(address, f"there is no folder {folder!r}", "look at its name")
        self._folder = folder
        super().__init__(address, os.path.join(folder, SUFFIX))

    def count(self) -> int:
        return sum(1 for _ in self.keys())

    def keys(self, prefix: str = "") -> Iterator[Key]:
        found = (key for key in self._all() if key.startswith(prefix))
        yield from sorted(found)

    def _all(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self._folder):
            for name in names:
                if name.endswith(self._suffix) and not name.startswith(SUFFIX):
                    path = os.path.relpath(os.path.join(folder, name), self._folder)
                    yield path.replace(os.sep, "/").removesuffix(self._suffix)
            if not self._is_deep:
                folders.clear()

    def read(self, key: Key) -> bytes:
        try:
            with open(self._path(key), "rb") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError):
            raise KeyError(key) from None

    def scan(self, prefix: str = "") -> Iterator[Record]:
        for key in self.keys(prefix):
            try:
                yield Record(key, self.read(key))
            except KeyError:  # deleted meanwhile
                continue
            except OSError as exc:
                yield Record(key, b"", problem=exc.strerror or str(exc))

    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        conflicts = set()
        for key, before, after in changes:
            if self._read(key) == before:
                self._write(key, after)
            else:
                conflicts.add(key)
        return conflicts

    def write(self, pickles: list[tuple[Key, bytes]]) -> None:
        for key, data in pickles:
            self._write(key, data)

    def _write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            write_file(path, data)
        except OSError as exc:
            problem = f"the record {key!r} cannot be written: {exc.strerror}"
            raise StoreError(self.address, problem, "it stays as it was; try again") from exc

    def _path(self, key: str) -> str:
        """Return the file of a key, which must lie in the folder."""
        parts = key.split("/")
        if not all(part and part.strip(".") for part in parts) or "\0" in key:
            problem = f"the key {key!r} is no name of a file in it"
            raise StoreError(self.address, problem, "give the record another key")
        if len(parts) > 1 and not self._is_deep:
            problem = f"the key {key!r} names a folder within, which this address leaves out"
            raise StoreError(self.address, problem, "say **/ before the name of the files")
        return os.path.join(self._folder, *parts) + self._suffix
