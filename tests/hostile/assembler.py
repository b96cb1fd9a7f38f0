"""A small assembler: pickles made of opcodes, as no pickler would make them."""

from __future__ import annotations

import pickle
import struct


MARK, STOP, POP, DUP = pickle.MARK, pickle.STOP, pickle.POP, pickle.DUP
NONE, TRUE = pickle.NONE, pickle.NEWTRUE
REDUCE, BUILD, NEWOBJ, NEWOBJ_EX = pickle.REDUCE, pickle.BUILD, pickle.NEWOBJ, pickle.NEWOBJ_EX
OBJ, MEMOIZE = pickle.OBJ, pickle.MEMOIZE
EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT = pickle.EMPTY_TUPLE, pickle.EMPTY_LIST, pickle.EMPTY_DICT
EMPTY_SET, FROZENSET, ADDITEMS = pickle.EMPTY_SET, pickle.FROZENSET, pickle.ADDITEMS
APPEND, APPENDS, SETITEM, SETITEMS = pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS
TUPLE, TUPLE1, TUPLE2, TUPLE3 = pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3


def proto(number=4):
    return pickle.PROTO + bytes([number])


def whole(*parts, protocol=4):
    """A pickle of these opcodes."""
    return proto(protocol) + b"".join(parts) + STOP


def text(value):
    raw = value.encode("utf-8", "surrogatepass")
    return pickle.BINUNICODE + struct.pack("<I", len(raw)) + raw


def data(value):
    return pickle.BINBYTES + struct.pack("<I", len(value)) + value


def number(value):
    if -(2**31) <= value < 2**31:
        return pickle.BININT + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return pickle.LONG4 + struct.pack("<i", len(raw)) + raw


def real(value):
    return pickle.BINFLOAT + struct.pack(">d", value)


def tuple_of(*parts):
    return MARK + b"".join(parts) + TUPLE


def list_of(*parts):
    return EMPTY_LIST + MARK + b"".join(parts) + APPENDS


def dict_of(*parts):
    return EMPTY_DICT + MARK + b"".join(parts) + SETITEMS


def name(module, qualname):
    """GLOBAL: two lines."""
    return pickle.GLOBAL + f"{module}\n{qualname}\n".encode()


def stack_name(module, qualname):
    """STACK_GLOBAL: two texts."""
    return text(module) + text(qualname) + pickle.STACK_GLOBAL


def ref(target):
    return name(*target.split(":"))


def call(target, *args):
    return ref(target) + tuple_of(*args) + REDUCE


def put(place):
    return pickle.LONG_BINPUT + struct.pack("<I", place)


def get(place):
    return pickle.LONG_BINGET + struct.pack("<I", place)


def frame(size):
    return pickle.FRAME + struct.pack("<Q", size)


def value(obj):
    """The opcodes of plain data."""
    if obj is None:
        return NONE
    if obj is True:
        return TRUE
    make = {
        int: number,
        float: real,
        str: text,
        bytes: data,
        tuple: lambda parts: tuple_of(*map(value, parts)),
        list: lambda parts: list_of(*map(value, parts)),
        dict: lambda parts: dict_of(*(value(part) for pair in parts.items() for part in pair)),
    }
    return make[type(obj)](obj)


def stamp(target, version=3, fields=("number", "name"), bases=(), format=1):
    """What a stream says of a class."""
    return call("versionpickle:_revive", *map(value, (format, target, version, fields, bases)))


def stamped(target, *values, memo=900, **claim):
    """An object with its stamp and its state."""
    made = stamp(target, **claim) + put(memo) + EMPTY_TUPLE + REDUCE
    return made + tuple_of(get(memo), *map(value, values)) + BUILD
