"""Check the write-ahead log: SQLite silently drops everything after a broken frame."""

from __future__ import annotations

import contextlib
import struct

from collections.abc import Iterator

import attrs

from versionpickle.exceptions import StoreError
from versionpickle.stores._records import Damage

from .database import Database


_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_BIG_ENDIAN = 0x377F_0683
"""What the log begins with if its checksums are of big-endian words."""


def log_damages(database: Database) -> Iterator[Damage]:
    """
    Yield what is damaged in the log.

    A single transaction may have been cut short by a crash, before it was acknowledged.
    """
    ((page,),) = database.read("PRAGMA page_size")
    lost = _lost_commits(_log(database), page)
    if lost > 1:
        problem = f"its write-ahead log is damaged: {lost} transactions in it cannot be read"
        yield Damage(None, problem)


def _log(database: Database) -> bytes:
    """Return the log, read between two writes; nothing if writes go on for long."""
    path = f"{database.path}-wal"
    if database.is_read_only:
        return _content(path)
    try:
        with database.transaction():
            return _content(path)
    except StoreError:
        return b""


def _content(path: str) -> bytes:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""


@attrs.frozen
class _Frame:
    """A page that was written, and the checksums of all up to it."""

    data: bytes
    is_commit: bool
    salts: tuple[int, int]
    sums: tuple[int, int]


def _lost_commits(log: bytes, page: int) -> int:
    """Return how many transactions of the log's own run end in or after its first broken frame."""
    if len(log) < _HEADER.size:
        return 0
    magic, _, _, _, *salts, one, other = _HEADER.unpack_from(log)
    order = ">" if magic == _BIG_ENDIAN else "<"
    frames = [*_frames(log, page)]
    before = one, other
    is_whole = _sums(log[:24], (0, 0), order) == before
    if not is_whole and frames:  # then the frames know the salts better
        salts = [*frames[0].salts]
    lost = 0
    for frame in frames:
        is_next = frame.salts == tuple(salts) and _sums(frame.data, before, order) == frame.sums
        is_first_broken = is_whole and not is_next
        is_whole = is_whole and is_next
        if frame.is_commit and (is_first_broken or (is_next and not is_whole)):
            lost += 1
        before = frame.sums
    return lost


def _frames(log: bytes, page: int) -> Iterator[_Frame]:
    for at in range(_HEADER.size, len(log) - _FRAME.size - page + 1, _FRAME.size + page):
        _, commit, *numbers = _FRAME.unpack_from(log, at)
        end = at + _FRAME.size
        data = log[at : at + 8] + log[end : end + page]
        yield _Frame(data, bool(commit), (numbers[0], numbers[1]), (numbers[2], numbers[3]))


def _sums(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    one, other = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for at in range(0, len(words), 2):
        one = (one + words[at] + other) & 0xFFFF_FFFF
        other = (other + words[at + 1] + one) & 0xFFFF_FFFF
    return one, other
