"""A pickle machine in Python, which can also read a pickle without building objects."""

from __future__ import annotations

import pickle
import struct

from typing import Any

from versionpickle.exceptions import DamagedError

from .opcodes import HANDLERS
from .source import Source
from .stack import Maker, Stack


_MARK = pickle.MARK[0]
_STOP = pickle.STOP[0]
_NONE = pickle.NONE[0]
_NEWTRUE = pickle.NEWTRUE[0]
_NEWFALSE = pickle.NEWFALSE[0]
_BININT1 = pickle.BININT1[0]
_BININT2 = pickle.BININT2[0]
_BINGET = pickle.BINGET[0]
_BINFLOAT = pickle.BINFLOAT[0]
_SHORT_BINUNICODE = pickle.SHORT_BINUNICODE[0]
_MEMOIZE = pickle.MEMOIZE[0]
_TUPLE = pickle.TUPLE[0]
_TUPLE2 = pickle.TUPLE2[0]
_TUPLE3 = pickle.TUPLE3[0]
_EMPTY_TUPLE = pickle.EMPTY_TUPLE[0]
_REDUCE = pickle.REDUCE[0]
_BUILD = pickle.BUILD[0]
_read_float = struct.Struct(">d").unpack_from
_SHOWN = 40
"""How many bytes of a string are shown that cannot be decoded."""


class Machine:
    """
    Read one pickle from the beginning of *source*, and let *maker* make what it describes.

    Its opcodes are read here, the frequent ones without a call for each.
    """

    def __init__(self, source: Source, maker: Maker, stack: Stack) -> None:
        self.source = source
        self.maker = maker
        self.stack = stack

    def run(self) -> Any:  # noqa: C901, PLR0912, PLR0915 - frequent opcodes, without a call for each
        """Return the object."""
        source, maker, stack, handlers = self.source, self.maker, self.stack, HANDLERS
        data, position, end = source.data, source.position, source.end
        items, memo, marks = stack.items, stack.memo, stack.marks
        memo_room, marks_room = source.memo_room, source.marks_room
        short_text = _SHORT_BINUNICODE if source.reads_short_text else None
        window = source.window
        look_at = position + window
        end = min(end, look_at)  # up to which no opcode needs a look at the stack before it
        while True:
            source.at = position
            if position >= end:
                if position >= source.end:
                    source.go_on(position)
                source.look_at(stack)
                look_at = position + window
                end = min(source.end, look_at)
            opcode = data[position]
            position += 1
            if opcode == _MEMOIZE and items and len(memo) < memo_room:
                memo[len(memo)] = items[-1]
            elif opcode == _BINGET and position < end:
                index = data[position]
                position += 1
                items.append(memo[index] if index in memo else stack.recall(index))
            elif opcode == _BININT1 and position < end:
                items.append(data[position])
                position += 1
            elif opcode == _BININT2 and position + 2 <= end:
                items.append(data[position] | data[position + 1] << 8)
                position += 2
            elif opcode == short_text and position < end:
                start = position + 1
                position = start + data[position]
                raw = data[start:position] if position <= source.end else source.no_more()
                items.append(str(raw, "utf-8", "surrogatepass"))
            elif opcode == _MARK and len(marks) < marks_room:
                marks.append(items)
                stack.items = items = []
            elif opcode == _EMPTY_TUPLE:
                items.append(())
            elif opcode == _TUPLE and marks:
                packed = items
                stack.items = items = marks.pop()
                items.append(tuple(packed) if maker.packs_plainly else maker.pack(packed))
            elif opcode == _TUPLE2 and maker.packs_plainly and len(items) > 1:
                items[-2:] = [tuple(items[-2:])]
            elif opcode == _TUPLE3 and maker.packs_plainly and len(items) > 2:
                items[-3:] = [tuple(items[-3:])]
            elif opcode == _REDUCE and len(items) > 1:
                source.position = position
                args = items.pop()
                function = items.pop()
                items.append(maker.call(function, args))
            elif opcode == _BUILD and len(items) > 1:
                source.position = position
                state = items.pop()
                items[-1] = maker.build(items[-1], state)
            elif opcode == _BINFLOAT and position + 8 <= end:
                items.append(_read_float(data, position)[0])
                position += 8
            elif opcode == _NONE:
                items.append(None)
            elif opcode == _NEWTRUE:
                items.append(True)
            elif opcode == _NEWFALSE:
                items.append(False)
            elif opcode == _STOP and items:
                source.position = position
                return items.pop()
            else:
                source.position = position
                handler = handlers.get(opcode)
                if handler is None:
                    raise DamagedError(f"byte {source.at} ({opcode:#04x}) is no opcode")
                handler(stack, maker)
                items, position = stack.items, source.position
                end, memo_room = source.end, source.memo_room
                end = end if end <= look_at else look_at  # noqa: FURB136 - min() takes longer
