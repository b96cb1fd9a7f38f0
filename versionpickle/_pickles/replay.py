"""Record files and buffers during a dump or load that may have to start again."""

from __future__ import annotations

import collections
import io
import math

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .scan import opcodes


class ReplayBuffers:
    """Let buffers be taken twice."""

    def __init__(self, buffers: Iterable[Any]) -> None:
        self._remaining = iter(buffers)
        self._taken: list[Any] = []
        self._place = self._next = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._next == len(self._taken):
            self._taken.append(next(self._remaining))
        self._next += 1
        return self._taken[self._next - 1]

    def keep_place(self) -> None:
        self._place = self._next

    def rewind(self) -> None:
        self._next = self._place


class ReplayCallback:
    """Ask a ``buffer_callback`` once for each buffer, also when an object is written twice."""

    def __init__(self, callback: Callable[[Any], Any]) -> None:
        self._callback = callback
        self._given: list[Any] = []
        self._next = 0

    def __call__(self, buffer: Any) -> Any:
        if self._next == len(self._given):
            self._given.append(self._callback(buffer))
        self._next += 1
        return self._given[self._next - 1]

    def forget(self) -> None:
        """Begin with another object, whose buffers are others."""
        self._given.clear()
        self._next = 0

    def rewind(self) -> None:
        self._next = 0


class ReplayFile:
    """Let a file that cannot seek be read twice."""

    def __init__(self, file: Any) -> None:
        self._read_line_on, self._read_on = file.readline, file.read
        self._read = io.BytesIO()

    def tell(self) -> int:
        return self._read.tell()

    def seek(self, position: int) -> None:
        self._read.seek(position)

    def read(self, size: int) -> bytes:
        known = self._read.read(size)
        if len(known) == size:
            return known
        return known + self._record(self._read_on(size - len(known)))

    def readline(self) -> bytes:
        known = self._read.readline()
        return known if known.endswith(b"\n") else known + self._record(self._read_line_on())

    def _record(self, new: bytes) -> bytes:
        self._read.write(new)
        return new


def rest_of(file: Any, most: float = math.inf) -> bytes:
    """
    Return what follows in a file, as far as one pickle needs it, and stay where it was.

    If that is more than *most* bytes, return at least one more than that.
    """
    start = file.tell()
    if isinstance(file, io.BytesIO):
        return file.getvalue()[start:] if start else file.getvalue()
    if isinstance(file, ReplayFile):  # which may have to wait for what comes after the pickle
        collections.deque(opcodes(file, most), maxlen=0)
        end = file.tell()
        file.seek(start)
        return file.read(end - start)
    data: bytes = file.read() if most == math.inf else file.read(int(most) + 1)
    file.seek(start)
    return data


def is_seekable(file: Any) -> bool:
    if type(file) is io.BytesIO:
        return True
    seekable = getattr(file, "seekable", None)
    return seekable is not None and seekable()
