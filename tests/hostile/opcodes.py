"""Pickles that repeat one opcode as often as fits: no opcode may take much memory alone."""

from __future__ import annotations

import pickle
import pickletools

from hostile.assembler import (
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    MARK,
    MEMOIZE,
    NONE,
    POP,
    STOP,
    name,
    proto,
    put,
    text,
)


ARGUMENTS = {
    "decimalnl_short": [b"7\n", b"300\n", b"00\n"],
    "decimalnl_long": [b"7L\n", b"300L\n"],
    "floatnl": [b"1\n"],
    "stringnl": [b"''\n", b"'ab'\n"],
    "stringnl_noescape": [b"\n", b"ab\n"],
    "unicodestringnl": [b"\n", b"ab\n", b"\xff\n", b"\\u0100\n", b"\\U00010000\n"],
    "stringnl_noescape_pair": [b"m\nC\n", b"builtins\nlist\n"],
    "uint1": [b"\0", b"\x09"],
    "uint2": [b"\0\x10"],
    "uint4": [b"\0\0\0\0", b"\0\x10\0\0"],
    "uint8": [b"\0" * 8],
    "int4": [b"\0\x10\0\0"],
    "float8": [b"?" + b"\1" * 7],
}
"""By the kind of an argument of a fixed form: some short ones."""

PARTS = [b"", b"ab", "Ā".encode(), "𐀀".encode(), b"a" * 100]
"""What counted arguments hold."""

COUNTED = {-2: 1, -3: 4, -4: 4, -5: 8}

AROUND = {
    "": (b"", b""),
    "in DICT": (MARK, pickle.DICT),
    "in LIST": (MARK, pickle.LIST),
    "in FROZENSET": (MARK, pickle.FROZENSET),
    "in APPENDS": (EMPTY_LIST + MARK, pickle.APPENDS),
    "in SETITEMS": (EMPTY_DICT + MARK, pickle.SETITEMS),
    "in ADDITEMS": (EMPTY_SET + MARK, pickle.ADDITEMS),
}
"""What is before and after the many opcodes."""


def spellings(opcode):
    """The opcode, with some of the shortest arguments that it takes."""
    code = opcode.code.encode("latin1")
    if opcode.arg is None:
        return [code]
    if opcode.arg.n in COUNTED:
        width = COUNTED[opcode.arg.n]
        return [code + len(part).to_bytes(width, "little") + part for part in PARTS]
    return [code + argument for argument in ARGUMENTS[opcode.arg.name]]


def repeated(size, *, is_all=True):
    """Yield titles and pickles of *size* bytes; unless *is_all*, in one form."""
    for opcode in pickletools.opcodes:
        for spelling in spellings(opcode)[: None if is_all else 1]:
            for title, around in AROUND.items():
                if is_all or title == "in DICT":
                    yield f"{spelling!r} {title}", filled(spelling, around, size)
            if is_all:
                yield f"{spelling!r}, memoized", filled(spelling + MEMOIZE, AROUND[""], size)
            if is_all and opcode.stack_before:
                yield f"{spelling!r} of None", filled(NONE + NONE + spelling, AROUND[""], size)


def filled(unit, around, size):
    begin = proto() + text("a" * 1000) + put(0) + POP + name("builtins", "list") + put(9) + POP
    begin += around[0]
    return begin + unit * ((size - len(begin) - 2) // len(unit)) + around[1] + STOP
