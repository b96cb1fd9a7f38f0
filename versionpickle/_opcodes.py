"""What each opcode of a pickle does to a machine that reads it."""

from __future__ import annotations

import codecs
import pickle

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .exceptions import DamagedError


if TYPE_CHECKING:
    from ._machine import Machine


Handler = Callable[["Machine"], None]
HANDLERS: dict[int, Handler] = {}
"""By opcode; the machine itself knows some that are frequent."""


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
