"""The effect of each pickle opcode on the stack of the machine."""

from __future__ import annotations

import codecs
import pickle
import re
import struct

from collections.abc import Callable
from typing import Any, TypeAlias

from versionpickle.exceptions import DamagedError

from .source import Source
from .stack import Maker, Stack


Handler: TypeAlias = Callable[[Stack, Maker], None]
HANDLERS: dict[int, Handler] = {}
"""By opcode; the loop of the machine runs some frequent ones itself."""


_INT4, _UINT2, _UINT4, _UINT8, _DOUBLE = map(struct.Struct, ("<i", "<H", "<I", "<Q", ">d"))


def _runs(opcode: bytes) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[opcode[0]] = handler
        return handler

    return register


def _reads(opcode: bytes, read: Callable[[Source], Any]) -> None:
    """Push what *read* returns."""
    _runs(opcode)(lambda stack, _: stack.push(read(stack.source)))


def _makes(opcode: bytes, make: Callable[[Stack, Maker], Any]) -> None:
    """Push what *make* returns, which may end a mark."""

    @_runs(opcode)
    def push(stack: Stack, maker: Maker) -> None:
        made = make(stack, maker)
        stack.items.append(made)


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(items[::2], items[1::2], strict=True))


_BOOLS = {b"00": False, b"01": True}
_INTEGER = re.compile(rb"[-+]?\w+")
_FLOAT = re.compile(rb"[-+.0-9a-zA-Z]+")


def _int(source: Source) -> int:
    line = source.line()
    return _BOOLS[line] if line in _BOOLS else source.digits(_matching(line, _INTEGER))


def _matching(line: bytes, form: re.Pattern[bytes]) -> bytes:
    """Refuse what Python reads as a number and C's unpickler does not: blanks and the like."""
    if form.fullmatch(line) is None or b"_" in line:
        raise DamagedError(f"{line[:40]!r} is no number")
    return line


def _index(source: Source) -> int:
    line = source.line()
    if not line.isdigit():
        raise DamagedError(f"{line[:40]!r} is no index of the memo")
    return int(line)


def _unquoted(source: Source) -> bytes:
    line = source.line()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        raise DamagedError(f"the string before byte {source.position} has no quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _two_lines(source: Source) -> tuple[str, str]:
    return source.text(source.line()), source.text(source.line())


_reads(pickle.INT, _int)
_reads(pickle.BININT, lambda s: s.number(_INT4))
_reads(pickle.BININT1, lambda s: s.byte())
_reads(pickle.BININT2, lambda s: s.number(_UINT2))
_reads(pickle.LONG, lambda s: s.digits(_matching(s.line().removesuffix(b"L"), _INTEGER)))
_reads(pickle.LONG1, lambda s: s.integer(s.take(s.byte())))
_reads(pickle.LONG4, lambda s: s.integer(s.take(s.number(_INT4))))
_reads(pickle.FLOAT, lambda s: float(_matching(s.line(), _FLOAT)))
_reads(pickle.BINFLOAT, lambda s: s.number(_DOUBLE))
_reads(pickle.STRING, lambda s: s.string(_unquoted(s)))
_reads(pickle.BINSTRING, lambda s: s.string(s.take(s.number(_INT4))))
_reads(pickle.SHORT_BINSTRING, lambda s: s.string(s.take(s.byte())))
_reads(pickle.BINBYTES, lambda s: s.take(s.number(_UINT4)))
_reads(pickle.SHORT_BINBYTES, lambda s: s.take(s.byte()))
_reads(pickle.BINBYTES8, lambda s: s.take(s.number(_UINT8)))
_reads(pickle.BYTEARRAY8, lambda s: bytearray(s.take(s.number(_UINT8))))
_reads(pickle.UNICODE, lambda s: s.text(s.line(), "raw-unicode-escape", "strict"))
_reads(pickle.BINUNICODE, lambda s: s.text(s.take(s.number(_UINT4))))
_reads(pickle.SHORT_BINUNICODE, lambda s: s.text(s.take(s.byte())))
_reads(pickle.BINUNICODE8, lambda s: s.text(s.take(s.number(_UINT8))))

_makes(pickle.EMPTY_LIST, lambda _, maker: maker.new_list([]))
_makes(pickle.EMPTY_DICT, lambda _, maker: maker.new_dict([]))
_makes(pickle.EMPTY_SET, lambda _, maker: maker.new_set())
_makes(pickle.TUPLE, lambda stack, maker: maker.pack(stack.since_mark()))
_makes(pickle.TUPLE1, lambda stack, maker: maker.pack(stack.popped(1)))
_makes(pickle.TUPLE2, lambda stack, maker: maker.pack(stack.popped(2)))
_makes(pickle.TUPLE3, lambda stack, maker: maker.pack(stack.popped(3)))
_makes(pickle.LIST, lambda stack, maker: maker.new_list(stack.since_mark()))
_makes(pickle.DICT, lambda stack, maker: maker.new_dict(_pairs(stack.since_mark())))
_makes(pickle.FROZENSET, lambda stack, maker: maker.new_frozenset(stack.since_mark()))
_makes(pickle.GET, lambda stack, _: stack.recall(_index(stack.source)))
_makes(pickle.BINGET, lambda stack, _: stack.recall(stack.source.byte()))
_makes(pickle.LONG_BINGET, lambda stack, _: stack.recall(stack.source.number(_UINT4)))
_makes(pickle.DUP, lambda stack, _: stack.top())
_makes(pickle.GLOBAL, lambda stack, maker: maker.find(*_two_lines(stack.source)))
_makes(
    pickle.PERSID,
    lambda stack, maker: maker.find_persistent(stack.source.line().decode("ascii")),
)
_makes(pickle.BINPERSID, lambda stack, maker: maker.find_persistent(stack.pop()))
_makes(pickle.EXT1, lambda stack, maker: maker.find_extension(stack.source.byte()))
_makes(pickle.EXT2, lambda stack, maker: maker.find_extension(stack.source.number(_UINT2)))
_makes(pickle.EXT4, lambda stack, maker: maker.find_extension(stack.source.number(_INT4)))
_makes(pickle.NEXT_BUFFER, lambda _, maker: maker.next_buffer())
_makes(pickle.READONLY_BUFFER, lambda stack, maker: maker.read_only(stack.pop()))
_makes(pickle.REDUCE, lambda stack, maker: maker.call(*stack.popped(2)))
_makes(pickle.NEWOBJ_EX, lambda stack, maker: maker.new(*stack.popped(3)))


def _stack_global(stack: Stack, maker: Maker) -> Any:
    module, name = stack.popped(2)
    if type(name) is not str or type(module) is not str:
        raise DamagedError(f"the name before byte {stack.source.position} is not a string")
    return maker.find(module, name)


def _newobj(stack: Stack, maker: Maker) -> Any:
    cls, args = stack.popped(2)
    return maker.new(cls, args, {})


def _inst(stack: Stack, maker: Maker) -> Any:
    module, name = _two_lines(stack.source)
    args = stack.since_mark()
    return _instance(maker, maker.find(module, name), args)


def _obj(stack: Stack, maker: Maker) -> Any:
    cls, *args = stack.since_mark()
    return _instance(maker, cls, args)


def _instance(maker: Maker, cls: Any, args: list[Any]) -> Any:
    """Make an object as Python 2 did: without arguments, its class is not called."""
    return maker.call(cls, maker.pack(args)) if args else maker.new(cls, (), {})


_makes(pickle.STACK_GLOBAL, _stack_global)
_makes(pickle.NEWOBJ, _newobj)
_makes(pickle.INST, _inst)
_makes(pickle.OBJ, _obj)


@_runs(pickle.STOP)
def _stop(stack: Stack, _: Maker) -> None:
    stack.pop()  # which fails: the machine ends where there is something to return


@_runs(pickle.PROTO)
def _proto(stack: Stack, _: Maker) -> None:
    stack.source.set_protocol(stack.source.byte())


@_runs(pickle.FRAME)
def _frame(stack: Stack, _: Maker) -> None:
    stack.source.begin_frame(stack.source.number(_UINT8))


@_runs(pickle.MARK)
def _mark(stack: Stack, _: Maker) -> None:
    stack.source.exceed_marks(len(stack.marks) + 1)


@_runs(pickle.POP)
def _pop(stack: Stack, maker: Maker) -> None:
    stack.drop()
    maker.dropped()


@_runs(pickle.POP_MARK)
def _pop_mark(stack: Stack, maker: Maker) -> None:
    stack.since_mark()
    maker.dropped()


@_runs(pickle.PUT)
def _put(stack: Stack, _: Maker) -> None:
    stack.remember(_index(stack.source))


@_runs(pickle.BINPUT)
def _binput(stack: Stack, _: Maker) -> None:
    stack.remember(stack.source.byte())


@_runs(pickle.LONG_BINPUT)
def _long_binput(stack: Stack, _: Maker) -> None:
    stack.remember(stack.source.number(_UINT4))


@_runs(pickle.MEMOIZE)
def _memoize(stack: Stack, _: Maker) -> None:
    stack.remember(len(stack.memo))


@_runs(pickle.APPEND)
def _append(stack: Stack, maker: Maker) -> None:
    item = stack.pop()
    maker.extend(stack.top(), [item])


@_runs(pickle.APPENDS)
def _appends(stack: Stack, maker: Maker) -> None:
    items = stack.since_mark()
    maker.extend(stack.top(), items)


@_runs(pickle.ADDITEMS)
def _additems(stack: Stack, maker: Maker) -> None:
    items = stack.since_mark()
    maker.add(stack.top(), items)


@_runs(pickle.SETITEM)
def _setitem(stack: Stack, maker: Maker) -> None:
    key, value = stack.popped(2)
    maker.update(stack.top(), [(key, value)])


@_runs(pickle.SETITEMS)
def _setitems(stack: Stack, maker: Maker) -> None:
    pairs = _pairs(stack.since_mark())
    maker.update(stack.top(), pairs)


@_runs(pickle.BUILD)
def _build(stack: Stack, maker: Maker) -> None:
    state = stack.pop()
    stack.items[-1] = maker.build(stack.top(), state)
