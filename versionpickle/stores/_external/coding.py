"""The codecs of a column, such as base64 and zlib."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import lzma
import zlib

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import attrs


_Convert: TypeAlias = Callable[[bytes], bytes]


def _from_base64(data: bytes) -> bytes:
    return base64.b64decode(b"".join(data.split()), validate=True)  # it may have lines


class Step(NamedTuple):
    decode: _Convert
    encode: _Convert


CODECS: dict[str, Step] = {
    "base64": Step(_from_base64, base64.b64encode),
    "urlsafe_base64": Step(base64.urlsafe_b64decode, base64.urlsafe_b64encode),
    "hex": Step(binascii.unhexlify, binascii.hexlify),
    "zlib": Step(zlib.decompress, zlib.compress),
    "gzip": Step(gzip.decompress, lambda data: gzip.compress(data, mtime=0)),
    "bz2": Step(bz2.decompress, bz2.compress),
    "lzma": Step(lzma.decompress, lzma.compress),
}
_TEXTUAL = {"base64", "urlsafe_base64", "hex"}
_FAILURES = (ValueError, EOFError, OSError, zlib.error, lzma.LZMAError)


@attrs.frozen
class Coding:
    """
    What is to be undone, in turn, to get a pickle from the value of a column.

    >>> coding = Coding.of("base64,zlib")
    >>> coding.decode(coding.encode(b"a pickle"))
    b'a pickle'
    """

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: str) -> Coding:
        """Raise KeyError for a name that there is not."""
        coding = cls(tuple(filter(None, names.split(","))))
        for name in coding.names:
            CODECS[name]
        return coding

    @property
    def is_text(self) -> bool:
        return bool(self.names) and self.names[0] in _TEXTUAL

    def decode(self, data: bytes) -> bytes:
        """Return the pickle; raise ValueError if the value was not written so."""
        for name in self.names:
            try:
                data = CODECS[name].decode(data)
            except _FAILURES as exc:
                raise ValueError(f"it is not {name}: {exc}") from exc
        return data

    def encode(self, data: bytes) -> bytes:
        for name in reversed(self.names):
            data = CODECS[name].encode(data)
        return data
