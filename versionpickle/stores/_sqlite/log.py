"""The write-ahead log of a file: SQLite drops all that follows a broken frame, without a word."""

from __future__ import annotations

import contextlib
import struct

from collections.abc import Iterator

from versionpickle.exceptions import StoreError
from versionpickle.stores._records import Damage

from .database import Database


_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_BIG_ENDIAN = 0x377F_0683
_MAGICS = {_BIG_ENDIAN, _BIG_ENDIAN - 1}


def log_damages(database: Database) -> Iterator[Damage]:
    """Yield what is damaged in the log, while nobody writes to it."""
    with contextlib.ExitStack() as stack:
        if not database.is_read_only:
            try:
                stack.enter_context(database.transaction())
            except StoreError:  # it can only be read, or somebody writes for long
                return
        lost = _lost_commits(_content(f"{database.path}-wal"))
    if lost:
        commits = "1 transaction" if lost == 1 else f"{lost} transactions"
        yield Damage(None, f"its write-ahead log is damaged: {commits} in it cannot be read")


def _content(path: str) -> bytes:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


def _lost_commits(log: bytes) -> int:
    """Return how many transactions of the log's own run come after its first broken frame."""
    if len(log) < _HEADER.size:
        return 0
    magic, _, page, _, *salts, one, other = _HEADER.unpack_from(log)
    if magic not in _MAGICS or not page:
        return 0
    order = ">" if magic == _BIG_ENDIAN else "<"
    sums = one, other
    is_whole = _sums(log[:24], (0, 0), order) == sums
    if not is_whole and len(log) >= _HEADER.size + _FRAME.size:  # then the frames know better
        salts = [*_FRAME.unpack_from(log, _HEADER.size)[2:4]]
    lost = 0
    for at in range(_HEADER.size, len(log) - _FRAME.size - page + 1, _FRAME.size + page):
        _, commit, *rest = _FRAME.unpack_from(log, at)
        if is_whole:
            parts = log[at : at + 8] + log[at + _FRAME.size : at + _FRAME.size + page]
            sums = _sums(parts, sums, order)
            is_whole = rest == [*salts, *sums]
        if not is_whole and rest[:2] == salts and commit:
            lost += 1
    return lost


def _sums(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    one, other = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for at in range(0, len(words), 2):
        one = (one + words[at] + other) & 0xFFFF_FFFF
        other = (other + words[at + 1] + one) & 0xFFFF_FFFF
    return one, other
