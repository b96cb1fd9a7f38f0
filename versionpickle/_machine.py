"""A pickle machine of our own: it reads what C's cannot, and can read without building."""

from __future__ import annotations

import pickle
import struct

from typing import Any

from ._opcodes import HANDLERS
from .exceptions import DamagedError, TruncatedError


_MARK = pickle.MARK[0]
_STOP = pickle.STOP[0]
_NONE = pickle.NONE[0]
_NEWTRUE = pickle.NEWTRUE[0]
_NEWFALSE = pickle.NEWFALSE[0]
_BININT1 = pickle.BININT1[0]
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


class Machine:
    """
    Read one pickle from the beginning of *data*, and no byte behind it.

    The opcodes are read here; what names, calls and states come to is decided
    by the methods `find`, `call`, `new`, `build`, `extend`, `update` and `add`.
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
        self._marks: list[list[Any]] = []
        self._encoding = encoding
        self._errors = errors

    def run(self) -> Any:  # noqa: C901, PLR0912, PLR0915 - frequent opcodes, without a call for each
        """Return the object."""
        data, memo, marks, handlers = self.data, self.memo, self._marks, HANDLERS
        stack, position, size = self.stack, self.position, len(self.data)
        while True:
            self.at = position
            opcode = data[position] if position < size else self.no_more()
            position += 1
            if opcode == _MEMOIZE and stack:
                memo[len(memo)] = stack[-1]
            elif opcode == _BINGET and position < size:
                place = data[position]
                position += 1
                stack.append(memo[place] if place in memo else self.recall(place))
            elif opcode == _BININT1 and position < size:
                stack.append(data[position])
                position += 1
            elif opcode == _SHORT_BINUNICODE and position < size:
                start = position + 1
                position = start + data[position]
                raw = data[start:position] if position <= size else self.no_more()
                stack.append(str(raw, "utf-8", "surrogatepass"))
            elif opcode == _MARK:
                marks.append(stack)
                self.stack = stack = []
            elif opcode == _EMPTY_TUPLE:
                stack.append(())
            elif opcode == _TUPLE and self.packs_plainly and marks:
                packed = tuple(stack)
                self.stack = stack = marks.pop()
                stack.append(packed)
            elif opcode == _TUPLE2 and self.packs_plainly and len(stack) > 1:
                stack[-2:] = [tuple(stack[-2:])]
            elif opcode == _TUPLE3 and self.packs_plainly and len(stack) > 2:
                stack[-3:] = [tuple(stack[-3:])]
            elif opcode == _REDUCE and len(stack) > 1:
                self.position = position
                args = stack.pop()
                stack[-1] = self.call(stack[-1], args)
            elif opcode == _BUILD and len(stack) > 1:
                self.position = position
                state = stack.pop()
                stack[-1] = self.build(stack[-1], state)
            elif opcode == _BINFLOAT and position + 8 <= size:
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

    def instantiate(self, cls: Any, args: tuple[Any, ...]) -> Any:
        """Make an object as Python 2 did: without arguments, its class is not called."""
        return self.call(cls, args) if args else self.new(cls, (), {})

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

    def no_more(self) -> Any:
        raise TruncatedError(len(self.data))

    def take(self, count: int) -> bytes:
        start, end = self.position, self.position + count
        if count < 0:
            raise DamagedError(f"a length of {count} before byte {start}")
        if end > len(self.data):
            self.no_more()
        self.position = end
        return self.data[start:end]

    def byte(self) -> int:
        position = self.position
        if position >= len(self.data):
            self.no_more()
        self.position = position + 1
        return self.data[position]

    def line(self) -> bytes:
        start, end = self.position, self.data.find(b"\n", self.position)
        if end < 0:
            self.no_more()
        self.position = end + 1
        return self.data[start:end]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, raw: bytes) -> Any:
        """Decode a Python 2 string as the caller of the load wished."""
        return raw if self._encoding == "bytes" else raw.decode(self._encoding, self._errors)

    # Memo

    def recall(self, place: int) -> Any:
        try:
            return self.memo[place]
        except KeyError:
            raise DamagedError(
                f"byte {self.position} refers to place {place} of the memo, where nothing is"
            ) from None

    def remember(self, place: int) -> None:
        if place < 0:
            raise DamagedError(f"byte {self.position} puts something into place {place}")
        self.memo[place] = self.stack[-1]

    # Marks

    def since_mark(self) -> list[Any]:
        items = self.stack
        if not self._marks:
            raise DamagedError(f"no mark is open at byte {self.position}")
        self.stack = self._marks.pop()
        return items
