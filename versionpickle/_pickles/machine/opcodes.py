"""What each opcode of a pickle does to a machine that reads it."""

from __future__ import annotations

import codecs
import pickle
import re
import struct

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from versionpickle.exceptions import DamagedError


if TYPE_CHECKING:
    from .machine import Machine


Handler = Callable[["Machine"], None]
HANDLERS: dict[int, Handler] = {}
"""By opcode; the machine itself knows some that are frequent."""


_INT4, _UINT2, _UINT4, _UINT8, _DOUBLE = map(struct.Struct, ("<i", "<H", "<I", "<Q", ">d"))


def _reads(opcode: bytes) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[opcode[0]] = handler
        return handler

    return register


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(items[::2], items[1::2], strict=True))


def _push(opcode: bytes, read: Callable[[Machine], Any]) -> None:
    @_reads(opcode)
    def push(machine: Machine) -> None:
        value = read(machine)  # which may end a mark, and so change the stack
        machine.stack.append(value)


_BOOLS = {b"00": False, b"01": True}
_INTEGER = re.compile(rb"[-+]?\w+")
_FLOAT = re.compile(rb"[-+.0-9a-zA-Z]+")


def _int(machine: Machine) -> int:
    line = machine.line()
    return _BOOLS[line] if line in _BOOLS else machine.digits(_matching(line, _INTEGER))


def _matching(line: bytes, form: re.Pattern[bytes]) -> bytes:
    """Refuse what Python reads as a number and C's unpickler does not: blanks and the like."""
    if form.fullmatch(line) is None or b"_" in line:
        raise DamagedError(f"{line[:40]!r} is no number")
    return line


_push(pickle.INT, _int)
_push(pickle.BININT, lambda m: m.number(_INT4))
_push(pickle.BININT1, lambda m: m.byte())
_push(pickle.BININT2, lambda m: m.number(_UINT2))
_push(pickle.LONG, lambda m: m.digits(_matching(m.line().removesuffix(b"L"), _INTEGER)))
_push(pickle.LONG1, lambda m: m.integer(m.take(m.byte())))
_push(pickle.LONG4, lambda m: m.integer(m.take(m.number(_INT4))))
_push(pickle.FLOAT, lambda m: float(_matching(m.line(), _FLOAT)))
_push(pickle.BINFLOAT, lambda m: m.number(_DOUBLE))
_push(pickle.STRING, lambda m: m.string(_unquoted(m)))
_push(pickle.BINSTRING, lambda m: m.string(m.take(m.number(_INT4))))
_push(pickle.SHORT_BINSTRING, lambda m: m.string(m.take(m.byte())))
_push(pickle.BINBYTES, lambda m: m.take(m.number(_UINT4)))
_push(pickle.SHORT_BINBYTES, lambda m: m.take(m.byte()))
_push(pickle.BINBYTES8, lambda m: m.take(m.number(_UINT8)))
_push(pickle.BYTEARRAY8, lambda m: bytearray(m.take(m.number(_UINT8))))
_push(pickle.UNICODE, lambda m: m.text(m.line(), "raw-unicode-escape", "strict"))
_push(pickle.BINUNICODE, lambda m: m.text(m.take(m.number(_UINT4))))
_push(pickle.SHORT_BINUNICODE, lambda m: m.text(m.take(m.byte())))
_push(pickle.BINUNICODE8, lambda m: m.text(m.take(m.number(_UINT8))))
_push(pickle.EMPTY_LIST, lambda m: m.new_list([]))
_push(pickle.EMPTY_DICT, lambda m: m.new_dict([]))
_push(pickle.EMPTY_SET, lambda m: m.new_set())
_push(pickle.TUPLE, lambda m: m.pack(m.since_mark()))
_push(pickle.LIST, lambda m: m.new_list(m.since_mark()))
_push(pickle.DICT, lambda m: m.new_dict(_pairs(m.since_mark())))
_push(pickle.FROZENSET, lambda m: m.new_frozenset(m.since_mark()))
_push(pickle.GLOBAL, lambda m: m.find(*_two_lines(m)))
_push(pickle.GET, lambda m: m.recall(_place(m)))
_push(pickle.BINGET, lambda m: m.recall(m.byte()))
_push(pickle.LONG_BINGET, lambda m: m.recall(m.number(_UINT4)))
_push(pickle.DUP, lambda m: m.top())
_push(pickle.PERSID, lambda m: m.find_persistent(m.line().decode("ascii")))
_push(pickle.BINPERSID, lambda m: m.find_persistent(m.pop()))
_push(pickle.EXT1, lambda m: m.find_extension(m.byte()))
_push(pickle.EXT2, lambda m: m.find_extension(m.number(_UINT2)))
_push(pickle.EXT4, lambda m: m.find_extension(m.number(_INT4)))
_push(pickle.NEXT_BUFFER, lambda m: m.next_buffer())


def _place(machine: Machine) -> int:
    line = machine.line()
    if not line.isdigit():
        raise DamagedError(f"{line[:40]!r} is no place in the memo")
    return int(line)


def _unquoted(machine: Machine) -> bytes:
    line = machine.line()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        raise DamagedError(f"the text before byte {machine.position} has no quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _two_lines(machine: Machine) -> tuple[str, str]:
    return machine.text(machine.line()), machine.text(machine.line())


def _stack_global(machine: Machine) -> Any:
    module, name = machine.popped(2)
    if type(name) is not str or type(module) is not str:
        raise DamagedError(f"the name before byte {machine.position} is no text")
    return machine.find(module, name)


def _inst(machine: Machine) -> Any:
    module, name = _two_lines(machine)
    args = machine.since_mark()
    return machine.instantiate(machine.find(module, name), args)


_push(pickle.STACK_GLOBAL, _stack_global)
_push(pickle.INST, _inst)


@_reads(pickle.PROTO)
def _proto(machine: Machine) -> None:
    machine.set_protocol(machine.byte())


@_reads(pickle.FRAME)
def _frame(machine: Machine) -> None:
    machine.begin_frame(machine.number(_UINT8))


@_reads(pickle.MARK)
def _mark(machine: Machine) -> None:
    machine.mark()


@_reads(pickle.POP)
def _pop(machine: Machine) -> None:
    machine.drop()


@_reads(pickle.POP_MARK)
def _pop_mark(machine: Machine) -> None:
    machine.drop_to_mark()


@_reads(pickle.PUT)
def _put(machine: Machine) -> None:
    machine.remember(_place(machine))


@_reads(pickle.BINPUT)
def _binput(machine: Machine) -> None:
    machine.remember(machine.byte())


@_reads(pickle.LONG_BINPUT)
def _long_binput(machine: Machine) -> None:
    machine.remember(machine.number(_UINT4))


@_reads(pickle.MEMOIZE)
def _memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


@_reads(pickle.TUPLE1)
def _tuple1(machine: Machine) -> None:
    machine.stack.append(machine.pack(machine.popped(1)))


@_reads(pickle.TUPLE2)
def _tuple2(machine: Machine) -> None:
    machine.stack.append(machine.pack(machine.popped(2)))


@_reads(pickle.TUPLE3)
def _tuple3(machine: Machine) -> None:
    machine.stack.append(machine.pack(machine.popped(3)))


@_reads(pickle.APPEND)
def _append(machine: Machine) -> None:
    item = machine.pop()
    machine.extend(machine.top(), [item])


@_reads(pickle.APPENDS)
def _appends(machine: Machine) -> None:
    items = machine.since_mark()
    machine.extend(machine.top(), items)


@_reads(pickle.ADDITEMS)
def _additems(machine: Machine) -> None:
    items = machine.since_mark()
    machine.add(machine.top(), items)


@_reads(pickle.SETITEM)
def _setitem(machine: Machine) -> None:
    key, value = machine.popped(2)
    machine.update(machine.top(), [(key, value)])


@_reads(pickle.SETITEMS)
def _setitems(machine: Machine) -> None:
    pairs = _pairs(machine.since_mark())
    machine.update(machine.top(), pairs)


@_reads(pickle.READONLY_BUFFER)
def _readonly_buffer(machine: Machine) -> None:
    machine.stack.append(machine.read_only(machine.pop()))


@_reads(pickle.OBJ)
def _obj(machine: Machine) -> None:
    cls, *args = machine.since_mark()
    machine.stack.append(machine.instantiate(cls, args))


@_reads(pickle.REDUCE)
def _reduce(machine: Machine) -> None:
    machine.stack.append(machine.call(*machine.popped(2)))


@_reads(pickle.NEWOBJ)
def _newobj(machine: Machine) -> None:
    cls, args = machine.popped(2)
    machine.stack.append(machine.new(cls, args, {}))


@_reads(pickle.NEWOBJ_EX)
def _newobj_ex(machine: Machine) -> None:
    machine.stack.append(machine.new(*machine.popped(3)))


@_reads(pickle.BUILD)
def _build(machine: Machine) -> None:
    state = machine.pop()
    machine.stack[-1] = machine.build(machine.top(), state)
