"""Find the end of a pickle without building anything."""

from __future__ import annotations

import math
import pickle
import struct

from collections.abc import Iterator
from typing import Any


def _opcodes(*names: str) -> set[int]:
    return {getattr(pickle, name)[0] for name in names}


_FOLLOWED_BY = {
    1: _opcodes("PROTO", "BININT1", "BINGET", "BINPUT", "EXT1"),
    2: _opcodes("BININT2", "EXT2"),
    4: _opcodes("BININT", "LONG_BINGET", "LONG_BINPUT", "EXT4"),
    8: _opcodes("BINFLOAT", "FRAME"),
}
_WIDTHS = {opcode: width for width, opcodes in _FOLLOWED_BY.items() for opcode in opcodes}
_COUNTED_BY = {
    "<B": _opcodes("SHORT_BINSTRING", "SHORT_BINBYTES", "SHORT_BINUNICODE", "LONG1"),
    "<i": _opcodes("BINSTRING", "LONG4"),
    "<I": _opcodes("BINBYTES", "BINUNICODE"),
    "<Q": _opcodes("BINBYTES8", "BINUNICODE8", "BYTEARRAY8"),
}
_COUNTS = {opcode: struct.Struct(form) for form, codes in _COUNTED_BY.items() for opcode in codes}
_LINES = {
    **dict.fromkeys(
        _opcodes("INT", "LONG", "FLOAT", "STRING", "UNICODE", "GET", "PUT", "PERSID"), 1
    ),
    **dict.fromkeys(_opcodes("GLOBAL", "INST"), 2),
}
_STOP = pickle.STOP[0]
_PIECE = 2**20


NEW_IN_4 = _opcodes(
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES8", "EMPTY_SET", "ADDITEMS", "FROZENSET"
) | _opcodes(
    "NEWOBJ_EX", "STACK_GLOBAL", "MEMOIZE", "FRAME", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER"
)
"""The opcodes of protocols 4 and 5."""


def opcodes(file: Any, most: float = math.inf) -> Iterator[int]:
    """
    Read one pickle from *file* and yield its opcodes.

    Ends with the pickle or the file, at what is no opcode, or after *most* bytes.
    """
    left = most
    while left >= 0 and (read := file.read(1)):
        opcode = read[0]
        yield opcode
        if opcode == _STOP:
            return
        left -= 1 + _skip_line(file, _LINES.get(opcode, 0), left)
        count = _WIDTHS.get(opcode, 0)
        if opcode in _COUNTS:
            size = _COUNTS[opcode].size
            raw = file.read(size)
            left -= size
            count = _COUNTS[opcode].unpack(raw)[0] if len(raw) == size else 0
        left -= _skip(file, min(count, left + 1))


def _skip_line(file: Any, lines: int, most: float) -> int:
    skipped = 0
    while lines and skipped <= most and (read := file.read(1)):
        skipped += 1
        lines -= read == b"\n"
    return skipped


def _skip(file: Any, count: float) -> int:
    skipped = 0
    while skipped < count and (read := file.read(int(min(count - skipped, _PIECE)))):
        skipped += len(read)
    return skipped
