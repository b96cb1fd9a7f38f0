"""The bytes of one pickle, read as pickle reads them."""

from __future__ import annotations

import math
import pickle
import struct

from typing import Any

from versionpickle.exceptions import DamagedError, EncodingError, TruncatedError


_SHOWN = 40
"""How many bytes of a string are shown that cannot be decoded."""


class Source:
    """Read numbers, strings and lines from *data*, and no byte after its end."""

    memo_room: float = math.inf
    """While the memo holds fewer objects, the next may take the next index, unchecked."""

    marks_room: float = math.inf
    """While fewer marks are open, another may be set, unchecked."""

    reads_short_text = True
    """Whether strings of up to 255 bytes may be decoded without calling `text`."""

    def __init__(self, data: bytes, *, encoding: str = "ASCII", errors: str = "strict") -> None:
        self.data = data
        self.position = 0
        """The index of the next byte."""

        self.at = 0
        """The index of the opcode that is being read, by which other readers know it."""

        self.end = len(data)
        """The index up to which bytes may be read now."""

        self.takes_bytes = encoding == "bytes"
        """Whether strings of Python 2 stay bytes."""

        self._encoding = encoding
        self._errors = errors

    def go_on(self, position: int) -> int:
        """Return a new end: *position* has reached the old one."""
        if self.end == len(self.data):
            self.no_more()
        self.end = len(self.data)  # a frame is over
        return self.end

    def no_more(self) -> Any:
        """Refuse to read past the end."""
        if self.end < len(self.data):
            raise DamagedError(f"a frame ends within the opcode at byte {self.at}")
        raise TruncatedError(len(self.data))

    def begin_frame(self, size: int) -> None:
        """Let nothing be read across the end of this frame; C's unpickler refuses that as well."""
        if self.position + size > len(self.data):
            raise TruncatedError(len(self.data))
        self.end = self.position + size

    def set_protocol(self, protocol: int) -> None:
        if protocol > pickle.HIGHEST_PROTOCOL:
            raise DamagedError(f"unsupported pickle protocol: {protocol}")

    def check_index(self, index: int, memo: dict[int, Any]) -> None:
        """Admit every index of the memo."""

    def exceed_marks(self, number: int) -> None:
        """Refuse more open marks than there is room for."""
        raise NotImplementedError

    def take(self, count: int) -> bytes:
        start, end = self.position, self.position + count
        if count < 0:
            raise DamagedError(f"a length of {count} before byte {start}")
        if end > self.end:
            self.no_more()
        self.position = end
        return self.data[start:end]

    def byte(self) -> int:
        position = self.position
        if position >= self.end:
            self.no_more()
        self.position = position + 1
        return self.data[position]

    def line(self) -> bytes:
        start, end = self.position, self.data.find(b"\n", self.position, self.end)
        if end < 0:
            self.no_more()
        self.position = end + 1
        return self.data[start:end]

    def number(self, form: struct.Struct) -> Any:
        start, end = self.position, self.position + form.size
        if end > self.end:
            self.no_more()
        self.position = end
        return form.unpack_from(self.data, start)[0]

    def string(self, raw: bytes) -> Any:
        """Decode a string of Python 2 as the caller of the load asked."""
        if self.takes_bytes:
            return raw
        try:
            return raw.decode(self._encoding, self._errors)
        except UnicodeDecodeError as exc:
            start = max(exc.start - _SHOWN // 2, 0)
            part = repr(raw[start : start + _SHOWN])
            problem = f"the string {part} of Python 2 cannot be decoded as {self._encoding}"
            raise EncodingError(problem, part, self._encoding) from None

    def text(self, raw: bytes, encoding: str = "utf-8", errors: str = "surrogatepass") -> str:
        return str(raw, encoding, errors)

    def integer(self, raw: bytes) -> int:
        return int.from_bytes(raw, "little", signed=True)

    def digits(self, line: bytes) -> int:
        return int(line)
