"""A pickle machine of our own: it reads what C's cannot, and can read without building."""

from __future__ import annotations

import math
import pickle
import struct

from typing import Any

from versionpickle.exceptions import DamagedError, EncodingError, TruncatedError

from .opcodes import HANDLERS


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
    Read one pickle from the beginning of *data*, and no byte behind it.

    The opcodes are read here; what names, calls and states come to is decided
    by the methods `find`, `call`, `new`, `build`, `extend`, `update` and `add`.
    What they make goes to the end of the stack; what they change stands there.
    """

    packs_plainly = True
    """Whether a tuple is just what stands on the stack, and `pack` need not be asked."""

    def __init__(self, data: bytes, *, encoding: str = "ASCII", errors: str = "strict") -> None:
        self.data = data
        self.position = 0
        """Where the next byte stands."""

        self.at = 0
        """Where the opcode stands that is being read: other readers know it by that."""

        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.marks: list[list[Any]] = []
        self.end = len(data)
        """Up to where the bytes may be read now."""

        self.memo_room: float = math.inf
        """Below how many objects in the memo the next may go behind the last, unasked."""

        self.marks_room: float = math.inf
        """Below how many open marks another may be set, unasked."""

        self.reads_short_text = True
        """Whether `text` need not be asked for texts of up to 255 bytes."""

        self.takes_bytes = encoding == "bytes"
        """Whether strings of Python 2 stay bytes."""

        self._encoding = encoding
        self._errors = errors

    def run(self) -> Any:  # noqa: C901, PLR0912, PLR0915 - frequent opcodes, without a call for each
        """Return the object."""
        data, memo, marks, handlers = self.data, self.memo, self.marks, HANDLERS
        stack, position, end = self.stack, self.position, self.end
        memo_room, marks_room = self.memo_room, self.marks_room
        short_text = _SHORT_BINUNICODE if self.reads_short_text else None
        while True:
            self.at = position
            if position >= end:
                end = self.go_on(position)
            opcode = data[position]
            position += 1
            if opcode == _MEMOIZE and stack and len(memo) < memo_room:
                memo[len(memo)] = stack[-1]
            elif opcode == _BINGET and position < end:
                place = data[position]
                position += 1
                stack.append(memo[place] if place in memo else self.recall(place))
            elif opcode == _BININT1 and position < end:
                stack.append(data[position])
                position += 1
            elif opcode == _BININT2 and position + 2 <= end:
                stack.append(data[position] | data[position + 1] << 8)
                position += 2
            elif opcode == short_text and position < end:
                start = position + 1
                position = start + data[position]
                raw = data[start:position] if position <= end else self.no_more()
                stack.append(str(raw, "utf-8", "surrogatepass"))
            elif opcode == _MARK and len(marks) < marks_room:
                marks.append(stack)
                self.stack = stack = []
            elif opcode == _EMPTY_TUPLE:
                stack.append(())
            elif opcode == _TUPLE and marks:
                items = stack
                self.stack = stack = marks.pop()
                stack.append(tuple(items) if self.packs_plainly else self.pack(items))
            elif opcode == _TUPLE2 and self.packs_plainly and len(stack) > 1:
                stack[-2:] = [tuple(stack[-2:])]
            elif opcode == _TUPLE3 and self.packs_plainly and len(stack) > 2:
                stack[-3:] = [tuple(stack[-3:])]
            elif opcode == _REDUCE and len(stack) > 1:
                self.position = position
                args = stack.pop()
                function = stack.pop()
                stack.append(self.call(function, args))
            elif opcode == _BUILD and len(stack) > 1:
                self.position = position
                state = stack.pop()
                stack[-1] = self.build(stack[-1], state)
            elif opcode == _BINFLOAT and position + 8 <= end:
                stack.append(_read_float(data, position)[0])
                position += 8
            elif opcode == _NONE:
                stack.append(None)
            elif opcode == _NEWTRUE:
                stack.append(True)
            elif opcode == _NEWFALSE:
                stack.append(False)
            elif opcode == _STOP and stack:
                self.position = position
                return stack.pop()
            else:
                self.position = position
                handler = handlers.get(opcode)
                if handler is None:
                    raise DamagedError(f"byte {self.at} ({opcode:#04x}) stands for nothing there")
                handler(self)
                stack, position = self.stack, self.position
                end, memo_room = self.end, self.memo_room

    # What a reader decides

    def find(self, module: str, name: str) -> Any:
        raise NotImplementedError

    def find_persistent(self, key: Any) -> Any:
        raise NotImplementedError

    def find_extension(self, code: int) -> Any:
        raise NotImplementedError

    def next_buffer(self) -> Any:
        raise NotImplementedError

    def read_only(self, buffer: Any) -> Any:
        raise NotImplementedError

    def call(self, function: Any, args: Any) -> Any:
        raise NotImplementedError

    def new(self, cls: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def new_list(self, items: list[Any]) -> Any:
        raise NotImplementedError

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        raise NotImplementedError

    def new_set(self) -> Any:
        return set()

    def new_frozenset(self, items: list[Any]) -> Any:
        raise NotImplementedError

    def pack(self, items: list[Any]) -> tuple[Any, ...]:
        """Return a tuple, which may become the arguments of a call."""
        return tuple(items)

    def instantiate(self, cls: Any, args: list[Any]) -> Any:
        """Make an object as Python 2 did: without arguments, its class is not called."""
        return self.call(cls, self.pack(args)) if args else self.new(cls, (), {})

    def build(self, obj: Any, state: Any) -> Any:
        """Return what stands for *obj* once it has its state."""
        raise NotImplementedError

    def extend(self, obj: Any, items: list[Any]) -> None:
        raise NotImplementedError

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        raise NotImplementedError

    def add(self, obj: Any, items: list[Any]) -> None:
        raise NotImplementedError

    # Bytes

    def go_on(self, position: int) -> int:
        """Return up to where the bytes may be read from *position* on, where they had an end."""
        raise TruncatedError(len(self.data))

    def no_more(self) -> Any:
        """Refuse to read what is cut by the end."""
        raise TruncatedError(len(self.data))

    def begin_frame(self, size: int) -> None:
        """Read on: nothing here depends on where frames end."""

    def set_protocol(self, protocol: int) -> None:
        if protocol > pickle.HIGHEST_PROTOCOL:
            raise DamagedError(f"unsupported pickle protocol: {protocol}")

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
        """Decode a Python 2 string as the caller of the load wished."""
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

    # Memo

    def recall(self, place: int) -> Any:
        try:
            return self.memo[place]
        except KeyError:
            raise DamagedError(
                f"byte {self.position} refers to place {place} of the memo, where nothing is"
            ) from None

    def remember(self, place: int) -> None:
        self.memo[place] = self.top()

    # Stack and marks

    def pop(self) -> Any:
        return self.popped(1)[0]

    def popped(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise DamagedError(f"byte {self.at} takes more from the stack than there is")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def top(self) -> Any:
        if not self.stack:
            raise DamagedError(f"byte {self.at} takes more from the stack than there is")
        return self.stack[-1]

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.drop_to_mark()

    def drop_to_mark(self) -> None:
        self.since_mark()

    def mark(self) -> None:
        """Set another mark than there is room for."""
        raise NotImplementedError

    def since_mark(self) -> list[Any]:
        items = self.stack
        if not self.marks:
            raise DamagedError(f"no mark is open at byte {self.position}")
        self.stack = self.marks.pop()
        return items
