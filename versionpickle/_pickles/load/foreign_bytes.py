"""What bytes are that are no pickle, or not a pickle alone: asked once a load has failed."""

from __future__ import annotations

import base64
import binascii
import json
import pickle
import string

from collections.abc import Callable, Iterator

from versionpickle.exceptions import NotAPickleError


_JOBLIB = "; if joblib wrote them, read them with joblib.load()"
_HEADS: dict[bytes, tuple[str, str]] = {
    b"\x1f\x8b": ("gzip data", f"load what gzip.decompress(data) returns{_JOBLIB}"),
    b"BZh": ("bz2 data", f"load what bz2.decompress(data) returns{_JOBLIB}"),
    b"\xfd7zXZ\x00": ("xz data", f"load what lzma.decompress(data) returns{_JOBLIB}"),
    b"\x28\xb5\x2f\xfd": ("zstd data", "decompress them, and load the result"),
    b"\x04\x22\x4d\x18": ("lz4 data", f"decompress them, and load the result{_JOBLIB}"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "read it with h5py or pandas.read_hdf()"),
    b"\x93NUMPY": ("an array file of numpy", "read it with numpy.load()"),
    b"PAR1": ("a Parquet file", "read it with pandas.read_parquet()"),
    b"SQLite format 3\x00": ("an SQLite database", "open it with versionpickle.open(path)"),
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": ("a file of torch.save()", "use torch.load()"),
}
_ZLIB_LEVELS = b"\x01\x5e\x9c\xda"
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/-_=\r\n").encode())
_HEX = frozenset((string.hexdigits + "\r\n").encode())
_FIRST_OPCODES = frozenset(b"(cFILNSVPKMJGXUTCB])}")
"""With which of all printable bytes a pickle can begin."""

_WRAPPER = b"joblib.numpy_pickle"
_LOOKED_AT = 2**16


def recognised(data: bytes | bytearray | memoryview) -> NotAPickleError | None:
    """
    Return an error that says what these bytes are; None where they may be a pickle.

    >>> import gzip
    >>> print(recognised(gzip.compress(pickle.dumps(1))))
    these bytes are not one complete pickle, but gzip data; load what ...
    """
    found = next(_looks(bytes(data)), None)
    if found is None:
        return None
    kind, cure = found
    return NotAPickleError(f"these bytes are not one complete pickle, but {kind}", cure)


def _looks(data: bytes) -> Iterator[tuple[str, str]]:
    for head, found in _HEADS.items():
        if data.startswith(head):
            yield found
    for look in (_as_zlib, _as_archive, _as_joblib, _as_digits, _as_json, _as_text):
        seen = look(data)
        if seen is not None:
            yield seen


def _as_zlib(data: bytes) -> tuple[str, str] | None:
    if data[:1] == b"x" and data[1:2] and data[1] in _ZLIB_LEVELS:
        return "zlib data", f"load what zlib.decompress(data) returns{_JOBLIB}"
    return None


def _as_archive(data: bytes) -> tuple[str, str] | None:
    if not data.startswith(b"PK\x03\x04"):
        return None
    if b"data.pkl" in data[:_LOOKED_AT]:
        return "an archive of torch.save()", "read it with torch.load()"
    if b".npy" in data[:_LOOKED_AT]:
        return "an archive of numpy.savez()", "read it with numpy.load()"
    return "a zip archive", "load one of the files in it"


def is_joblibs(ref: str) -> bool:
    """Tell whether this is the name after which joblib writes the bytes of an array."""
    return ref.startswith(f"{_WRAPPER.decode()}:")


def _as_joblib(data: bytes) -> tuple[str, str] | None:
    if _WRAPPER not in data:
        return None
    cure = "read them with joblib.load(), which also upgrades the objects of versioned classes"
    return "written by joblib, with arrays between the opcodes", cure


def _as_digits(data: bytes) -> tuple[str, str] | None:
    """Recognise a pickle, or what was compressed, in base64 or hexadecimal digits."""
    decoders: tuple[tuple[str, str, frozenset[int], Callable[[bytes], bytes]], ...] = (
        ("hexadecimal digits", "bytes.fromhex(data.decode())", _HEX, _from_hex),
        ("base64", "base64.b64decode(data)", _BASE64, base64.b64decode),
        ("base64", "base64.urlsafe_b64decode(data)", _BASE64, base64.urlsafe_b64decode),
    )
    for kind, cure, digits, decode in decoders:
        if not digits.issuperset(data[:_LOOKED_AT]):
            continue
        try:
            decoded = decode(data)
        except (binascii.Error, ValueError):
            continue
        if decoded[:1] == pickle.PROTO or any(map(decoded.startswith, _HEADS)):
            return kind, f"load what {cure} returns"
        if _as_zlib(decoded) is not None:
            return kind, f"load what zlib.decompress({cure}) returns"
    return None


def _from_hex(data: bytes) -> bytes:
    return bytes.fromhex(data.decode("ascii"))


def _as_json(data: bytes) -> tuple[str, str] | None:
    if data.lstrip()[:1] not in {b"{", b"[", b'"'}:
        return None
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return None
    return "JSON", "read them with json.loads()"


def _as_text(data: bytes) -> tuple[str, str] | None:
    if not data or data[0] in _FIRST_OPCODES:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not all(char.isprintable() or char in "\t\r\n" for char in text[:_LOOKED_AT]):
        return None
    return f"text, {text[:40]!r}", "look at where they come from"
