"""A folder of pickle files."""

from __future__ import annotations

import errno
import os
import re
import stat

from collections.abc import Iterator

from versionpickle._pickles.files import make_folders, write_file
from versionpickle.exceptions import NotAStoreError, StoreError
from versionpickle.stores._records import Key, Record

from .journal import SUFFIX, Journal
from .records import ExternalRecords


class Folder(ExternalRecords):
    """The files of a folder whose names end alike; a key is what comes before that."""

    def __init__(self, address: str, pattern: str) -> None:
        folder, _, name = pattern.rpartition("/")
        self._is_deep = folder.endswith("/**") or folder == "**"
        folder = folder.removesuffix("**").rstrip("/") or ("/" if pattern.startswith("/") else ".")
        stem, star, self._suffix = name.partition("*")
        if stem or not star or "*" in folder + self._suffix:
            problem = "it is not clear which files this address means"
            cure = "use 'dir:FOLDER/*.pickle', or 'dir:FOLDER/**/*.pickle' for all its subfolders"
            raise NotAStoreError(address, problem, cure)
        if not os.path.isdir(folder):
            problem = f"there is no folder {folder!r}"
            raise NotAStoreError(address, problem, f"check the path, or create it: mkdir {folder}")
        self._folder = folder
        place = f"files *{self._suffix}"
        journal = os.path.join(folder, SUFFIX)
        super().__init__(address, lambda: Journal(journal, place, folder))

    def close(self) -> None:
        """Nothing is open."""

    def count(self) -> int:
        return sum(1 for _ in self.keys())

    def keys(self, prefix: str = "") -> Iterator[Key]:
        yield from sorted(key for key in self._all() if key.startswith(prefix))

    def _all(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self._folder):
            for name in names:
                if name.endswith(self._suffix) and not name.startswith(SUFFIX):
                    path = os.path.relpath(os.path.join(folder, name), self._folder)
                    yield path.replace(os.sep, "/").removesuffix(self._suffix)
            if not self._is_deep:
                folders.clear()

    def read_stored(self, key: Key) -> bytes:
        path = self._path(key)
        try:
            return _content(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            if os.path.islink(path):
                problem = "it is a link to a file that is not there"
                raise OSError(errno.ENOENT, problem, path) from None
            raise KeyError(key) from None

    def scan(self, prefix: str = "") -> Iterator[Record]:
        for key in self.keys(prefix):
            try:
                yield Record(key, self.read(key))
            except KeyError:  # deleted meanwhile
                continue
            except StoreError as exc:
                yield Record(key, b"", problem=exc.problem)
            except OSError as exc:
                yield Record(key, b"", problem=exc.strerror or str(exc))

    def replace(self, changes: list[tuple[Key, bytes, bytes]]) -> set[Key]:
        conflicts = set()
        for key, before, after in changes:
            if self._read(key) == before:
                self._write(self._path(key), key, after)
            else:
                conflicts.add(key)
        return conflicts

    def write(self, values: list[tuple[Key, bytes]]) -> None:
        for key, data in values:
            path = self._path(_portable(self.address, key))
            make_folders(os.path.dirname(path))
            self._write(path, key, data)

    def _write(self, path: str, key: Key, data: bytes) -> None:
        try:
            write_file(path, data)
        except OSError as exc:
            problem = f"the record {key!r} cannot be written: {exc.strerror}"
            raise StoreError(self.address, problem, "it is as it was; try again") from exc

    def _path(self, key: str) -> str:
        """Return the file of a key, which must be in the folder."""
        parts = key.split("/")
        is_name = all(part.strip(".") for part in parts) and "\0" not in key
        if not is_name or (os.sep != "/" and _UNPORTABLE.search(key)):
            problem = f"the key {key!r} is not the name of a file in it"
            raise StoreError(self.address, problem, "give the record another key")
        if len(parts) > 1 and not self._is_deep:
            problem = f"the key {key!r} names a subfolder, which this address leaves out"
            raise StoreError(self.address, problem, "put **/ before the name of the files")
        path = os.path.join(self._folder, *parts) + self._suffix
        if os.path.islink(path) or len(parts) > 1:
            self._check_inside(path)
        return path

    def _check_inside(self, path: str) -> None:
        inside = os.path.join(os.path.realpath(self._folder), "")
        if not os.path.realpath(path).startswith(inside):
            problem = "it is a link that leads out of the folder"
            raise StoreError(
                self.address, problem, "remove the link, or name the folder behind it"
            )


_UNPORTABLE = re.compile(r"\\|^[A-Za-z]:")
"""What would leave the folder on Windows: its separator, and a drive."""


def _portable(address: str, key: str) -> str:
    if _UNPORTABLE.search(key):
        problem = f"the key {key!r} would name a file elsewhere on Windows"
        raise StoreError(address, problem, "give the record another key")
    return key


def _content(path: str) -> bytes:
    """Return the bytes of a regular file: to open a pipe may take for ever."""
    _check_regular(path, os.stat(path).st_mode)
    with open(path, "rb", opener=_opened_at_once) as file:
        _check_regular(path, os.fstat(file.fileno()).st_mode)  # it may be another one by now
        return file.read()


def _check_regular(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)


def _opened_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
