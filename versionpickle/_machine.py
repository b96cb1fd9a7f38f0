"""A pickle machine of our own: it reads what C's cannot, and can read without building."""

from __future__ import annotations

import codecs
import pickle
import struct

from collections.abc import Callable
from typing import Any

from .exceptions import DamagedError, TruncatedError


Handler = Callable[["Machine"], None]
_HANDLERS: dict[int, Handler] = {}


def _reads(opcode: bytes) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _HANDLERS[opcode[0]] = handler
        return handler

    return register


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
        data, memo, marks, handlers = self.data, self.memo, self._marks, _HANDLERS
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


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(items[::2], items[1::2], strict=True))


def _push(opcode: bytes, read: Callable[[Machine], Any]) -> None:
    @_reads(opcode)
    def push(machine: Machine) -> None:
        value = read(machine)  # which may end a mark, and so change the stack
        machine.stack.append(value)


_BOOLS = {b"00": False, b"01": True}


def _int(line: bytes) -> int:
    return _BOOLS[line] if line in _BOOLS else int(line)


_push(pickle.INT, lambda m: _int(m.line()))
_push(pickle.BININT, lambda m: m.number("<i"))
_push(pickle.BININT1, lambda m: m.byte())
_push(pickle.BININT2, lambda m: m.number("<H"))
_push(pickle.LONG, lambda m: int(m.line().rstrip(b"L")))
_push(pickle.LONG1, lambda m: int.from_bytes(m.take(m.byte()), "little", signed=True))
_push(pickle.LONG4, lambda m: int.from_bytes(m.take(m.number("<i")), "little", signed=True))
_push(pickle.FLOAT, lambda m: float(m.line()))
_push(pickle.BINFLOAT, lambda m: m.number(">d"))
_push(pickle.STRING, lambda m: m.text(_unquoted(m)))
_push(pickle.BINSTRING, lambda m: m.text(m.take(m.number("<i"))))
_push(pickle.SHORT_BINSTRING, lambda m: m.text(m.take(m.byte())))
_push(pickle.BINBYTES, lambda m: m.take(m.number("<I")))
_push(pickle.SHORT_BINBYTES, lambda m: m.take(m.byte()))
_push(pickle.BINBYTES8, lambda m: m.take(m.number("<Q")))
_push(pickle.BYTEARRAY8, lambda m: bytearray(m.take(m.number("<Q"))))
_push(pickle.UNICODE, lambda m: str(m.line(), "raw-unicode-escape"))
_push(pickle.BINUNICODE, lambda m: _utf8(m.take(m.number("<I"))))
_push(pickle.SHORT_BINUNICODE, lambda m: _utf8(m.take(m.byte())))
_push(pickle.BINUNICODE8, lambda m: _utf8(m.take(m.number("<Q"))))
_push(pickle.EMPTY_LIST, lambda m: m.new_list([]))
_push(pickle.EMPTY_DICT, lambda m: m.new_dict([]))
_push(pickle.EMPTY_SET, lambda m: m.new_set())
_push(pickle.TUPLE, lambda m: m.pack(m.since_mark()))
_push(pickle.LIST, lambda m: m.new_list(m.since_mark()))
_push(pickle.DICT, lambda m: m.new_dict(_pairs(m.since_mark())))
_push(pickle.FROZENSET, lambda m: m.new_frozenset(m.since_mark()))
_push(pickle.GLOBAL, lambda m: m.find(*_two_lines(m)))
_push(pickle.GET, lambda m: m.recall(int(m.line())))
_push(pickle.BINGET, lambda m: m.recall(m.byte()))
_push(pickle.LONG_BINGET, lambda m: m.recall(m.number("<I")))
_push(pickle.DUP, lambda m: m.stack[-1])
_push(pickle.PERSID, lambda m: m.find_persistent(m.line().decode("ascii")))
_push(pickle.BINPERSID, lambda m: m.find_persistent(m.stack.pop()))
_push(pickle.EXT1, lambda m: m.find_extension(m.byte()))
_push(pickle.EXT2, lambda m: m.find_extension(m.number("<H")))
_push(pickle.EXT4, lambda m: m.find_extension(m.number("<i")))
_push(pickle.NEXT_BUFFER, lambda m: m.next_buffer())


def _utf8(raw: bytes) -> str:
    return str(raw, "utf-8", "surrogatepass")


def _unquoted(machine: Machine) -> bytes:
    line = machine.line()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        raise DamagedError(f"the text before byte {machine.position} has no quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _two_lines(machine: Machine) -> tuple[str, str]:
    return _utf8(machine.line()), _utf8(machine.line())


def _stack_global(machine: Machine) -> Any:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise DamagedError(f"the name before byte {machine.position} is no text")
    return machine.find(module, name)


def _inst(machine: Machine) -> Any:
    module, name = _two_lines(machine)
    args = machine.since_mark()
    return machine.instantiate(machine.find(module, name), tuple(args))


_push(pickle.STACK_GLOBAL, _stack_global)
_push(pickle.INST, _inst)


@_reads(pickle.PROTO)
def _proto(machine: Machine) -> None:
    protocol = machine.byte()
    if protocol > pickle.HIGHEST_PROTOCOL:
        raise DamagedError(f"unsupported pickle protocol: {protocol}")


@_reads(pickle.FRAME)
def _frame(machine: Machine) -> None:
    machine.number("<Q")


@_reads(pickle.POP)
def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


@_reads(pickle.POP_MARK)
def _pop_mark(machine: Machine) -> None:
    machine.since_mark()


@_reads(pickle.PUT)
def _put(machine: Machine) -> None:
    machine.remember(int(machine.line()))


@_reads(pickle.BINPUT)
def _binput(machine: Machine) -> None:
    machine.remember(machine.byte())


@_reads(pickle.LONG_BINPUT)
def _long_binput(machine: Machine) -> None:
    machine.remember(machine.number("<I"))


@_reads(pickle.MEMOIZE)
def _memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


@_reads(pickle.TUPLE1)
def _tuple1(machine: Machine) -> None:
    machine.stack[-1:] = [machine.pack(machine.stack[-1:])]


@_reads(pickle.TUPLE2)
def _tuple2(machine: Machine) -> None:
    machine.stack[-2:] = [machine.pack(machine.stack[-2:])]


@_reads(pickle.TUPLE3)
def _tuple3(machine: Machine) -> None:
    machine.stack[-3:] = [machine.pack(machine.stack[-3:])]


@_reads(pickle.APPEND)
def _append(machine: Machine) -> None:
    item = machine.stack.pop()
    machine.extend(machine.stack[-1], [item])


@_reads(pickle.APPENDS)
def _appends(machine: Machine) -> None:
    items = machine.since_mark()
    machine.extend(machine.stack[-1], items)


@_reads(pickle.ADDITEMS)
def _additems(machine: Machine) -> None:
    items = machine.since_mark()
    machine.add(machine.stack[-1], items)


@_reads(pickle.SETITEM)
def _setitem(machine: Machine) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    machine.update(machine.stack[-1], [(key, value)])


@_reads(pickle.SETITEMS)
def _setitems(machine: Machine) -> None:
    pairs = _pairs(machine.since_mark())
    machine.update(machine.stack[-1], pairs)


@_reads(pickle.READONLY_BUFFER)
def _readonly_buffer(machine: Machine) -> None:
    machine.stack[-1] = machine.read_only(machine.stack[-1])


@_reads(pickle.OBJ)
def _obj(machine: Machine) -> None:
    cls, *args = machine.since_mark()
    machine.stack.append(machine.instantiate(cls, tuple(args)))


@_reads(pickle.REDUCE)
def _reduce(machine: Machine) -> None:
    args = machine.stack.pop()
    machine.stack[-1] = machine.call(machine.stack[-1], args)


@_reads(pickle.NEWOBJ)
def _newobj(machine: Machine) -> None:
    args = machine.stack.pop()
    machine.stack[-1] = machine.new(machine.stack[-1], args, {})


@_reads(pickle.NEWOBJ_EX)
def _newobj_ex(machine: Machine) -> None:
    kwargs = machine.stack.pop()
    args = machine.stack.pop()
    machine.stack[-1] = machine.new(machine.stack[-1], args, kwargs)


@_reads(pickle.BUILD)
def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    machine.stack[-1] = machine.build(machine.stack[-1], state)
