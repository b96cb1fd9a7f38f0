"""Recognize bytes that are not a pickle, such as gzip, base64 or JSON, once a load has failed."""

from __future__ import annotations

import base64
import binascii
import codecs
import io
import json
import pickle
import pickletools
import string
import zlib

from collections.abc import Callable, Iterator

from versionpickle.exceptions import NotAPickleError


_JOBLIB = "; if joblib wrote them, read them with joblib.load()"
_HEADS: dict[bytes, tuple[str, str]] = {
    b"\x1f\x8b": ("gzip data", f"load what gzip.decompress(data) returns{_JOBLIB}"),
    b"BZh": ("bz2 data", f"load what bz2.decompress(data) returns{_JOBLIB}"),
    b"\xfd7zXZ\x00": ("xz data", f"load what lzma.decompress(data) returns{_JOBLIB}"),
    b"\x5d\x00\x00": ("lzma data", f"load what lzma.decompress(data) returns{_JOBLIB}"),
    b"\x28\xb5\x2f\xfd": ("zstd data", "decompress them, and load the result"),
    b"\x04\x22\x4d\x18": ("lz4 data", f"decompress them, and load the result{_JOBLIB}"),
    b"\xff\x06\x00\x00sNaPpY": ("snappy data", "decompress them, and load the result"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "read it with h5py or pandas.read_hdf()"),
    b"\x93NUMPY": ("an array file of numpy", "read it with numpy.load()"),
    b"PAR1": ("a Parquet file", "read it with pandas.read_parquet()"),
    b"ARROW1": ("an Arrow file", "read it with pandas.read_feather()"),
    b"ORC": ("an ORC file", "read it with pandas.read_orc()"),
    b"\x89PNG\r\n\x1a\n": ("a PNG image", "look at where they come from"),
    b"\xff\xd8\xff": ("a JPEG image", "look at where they come from"),
    b"%PDF-": ("a PDF document", "look at where they come from"),
    b"version https://git-lfs": ("a pointer of Git LFS", "get its file with git lfs pull"),
    b"SQLite format 3\x00": ("an SQLite database", "open it with versionpickle.open(path)"),
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": ("a file of torch.save()", "use torch.load()"),
}
_ZLIB_LEVELS = b"\x01\x5e\x9c\xda"
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/-_=\r\n").encode())
_BASE32 = frozenset((string.ascii_uppercase + "234567=").encode())
_BASE85 = frozenset((string.ascii_letters + string.digits + "!#$%&()*+-;<=>?@^_`{|}~").encode())
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
    for look in (_as_zlib, _as_archive, _as_tar, _as_joblib, _as_digits, _as_json, _as_text):
        seen = look(data)
        if seen is not None:
            yield seen


def _as_zlib(data: bytes) -> tuple[str, str] | None:
    if not _is_zlib(data):
        return None
    return "zlib data", f"load what zlib.decompress(data) returns{_JOBLIB}"


def _is_zlib(data: bytes) -> bool:
    if data[:1] == b"x" and data[1:2] and data[1] in _ZLIB_LEVELS:
        return True
    if len(data) < 2 or data[0] & 0x8F != 8 or int.from_bytes(data[:2]) % 31:
        return False
    try:  # with another window its head could also begin a pickle
        return bool(zlib.decompressobj().decompress(data[:_LOOKED_AT], 1))
    except zlib.error:
        return False


def _as_archive(data: bytes) -> tuple[str, str] | None:
    if not data.startswith(b"PK\x03\x04"):
        return None
    if b"data.pkl" in data[:_LOOKED_AT]:
        return "an archive of torch.save()", "read it with torch.load()"
    if b".npy" in data[:_LOOKED_AT]:
        return "an archive of numpy.savez()", "read it with numpy.load()"
    return "a zip archive", "load one of the files in it"


def _as_tar(data: bytes) -> tuple[str, str] | None:
    if data[257:262] != b"ustar":
        return None
    return "a tar archive", "load one of the files in it"


def is_joblibs(ref: str) -> bool:
    """Return whether this is the name after which joblib writes the bytes of an array."""
    return ref.startswith(f"{_WRAPPER.decode()}:")


def _as_joblib(data: bytes) -> tuple[str, str] | None:
    if _WRAPPER not in data:
        return None
    cure = "read them with joblib.load(), which also upgrades the objects of versioned classes"
    return "written by joblib, with arrays between the opcodes", cure


def _as_digits(data: bytes) -> tuple[str, str] | None:
    """Recognise a pickle, or what was compressed, in digits of base 16, 32, 64 or 85."""
    for kind, cure, digits, decode in _DECODERS:
        if not digits.issuperset(data[:_LOOKED_AT]):
            continue
        try:
            decoded = decode(data)
        except (binascii.Error, ValueError):
            continue
        if _is_pickle(decoded) or any(map(decoded.startswith, _HEADS)):
            return kind, f"load what {cure} returns"
        if _as_zlib(decoded) is not None:
            return kind, f"load what zlib.decompress({cure}) returns"
    return None


def _is_pickle(data: bytes) -> bool:
    """Return whether this is a pickle, of an old protocol if it is short enough to be read."""
    if data[:1] == pickle.PROTO:
        return True
    return data[-1:] == pickle.STOP and len(data) < _LOOKED_AT and _opcodes(data)[1]


def _opcodes(data: bytes) -> tuple[int, bool]:
    """Return how many opcodes can be read, and whether nothing is left after them."""
    file = io.BytesIO(data)
    count = 0
    try:
        for _ in pickletools.genops(file):
            count += 1
    except UnicodeDecodeError:  # a string of Python 2
        return count, True
    except ValueError:
        pass
    return count, file.tell() == len(data)


def _from_hex(data: bytes) -> bytes:
    return bytes.fromhex(data.decode("ascii"))


_DECODERS: tuple[tuple[str, str, frozenset[int], Callable[[bytes], bytes]], ...] = (
    ("hexadecimal digits", "bytes.fromhex(data.decode())", _HEX, _from_hex),
    (
        "hexadecimal digits of PostgreSQL",
        "bytes.fromhex(data[2:].decode())",
        _HEX.union(b"\\x"),
        lambda data: _from_hex(data[2:]),
    ),
    ("base32", "base64.b32decode(data)", _BASE32, base64.b32decode),
    ("base64", "base64.b64decode(data)", _BASE64, base64.b64decode),
    ("base64", "base64.urlsafe_b64decode(data)", _BASE64, base64.urlsafe_b64decode),
    (
        "base64 without padding",
        "base64.urlsafe_b64decode(data + b'==')",
        _BASE64,
        lambda data: base64.urlsafe_b64decode(data + b"=="),  # which takes all four signs
    ),
    ("base85", "base64.b85decode(data)", _BASE85, base64.b85decode),
)


def _as_json(data: bytes) -> tuple[str, str] | None:
    if data.removeprefix(codecs.BOM_UTF8).lstrip()[:1] not in {b"{", b"[", b'"'}:
        return None
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return None
    return "JSON", "read them with json.loads()"


def _as_text(data: bytes) -> tuple[str, str] | None:
    if not data or (data[0] in _FIRST_OPCODES and _may_be_pickle(data)):
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not all(char.isprintable() or char in "\t\r\n" for char in text[:_LOOKED_AT]):
        return None
    return f"text, {text[:40]!r}", "look at where they come from"


def _may_be_pickle(data: bytes) -> bool:
    """Return whether opcodes that are printable are those of a pickle, or of one cut short."""
    count, is_all = _opcodes(data[:_LOOKED_AT])
    return is_all or count > _WORD


_WORD = 3
"""How many letters of a text may be opcodes by chance."""
