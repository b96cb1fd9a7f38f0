"""Damaged labels, made good from what is left of them, or from the records that have them."""

from __future__ import annotations

import contextlib
import zlib

from collections.abc import Iterator
from typing import Any

from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle.exceptions import StoreError, VersionPickleError
from versionpickle.stores._records import Damage

from .database import Database
from .manifests import manifest_in


class Mending:
    """
    Know which labels are damaged, and put them right.

    They keep their numbers: programs that know those go on to store records with them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.readable("SELECT id, text, sum, CAST(text AS BLOB) FROM labels")
        self._broken = {
            number: (raw, checksum)
            for number, text, checksum, raw in rows
            if manifest_in(text, checksum) is None
        }
        self._whole = {number for number, *_ in rows} - self._broken.keys()
        self._examples: dict[int, bytes] = {}

    def note(self, number: int, data: bytes) -> None:
        """Note a good record with this label."""
        if number not in self._whole:
            self._examples.setdefault(number, data)

    def mended(self) -> Iterator[Damage]:
        """Yield what is wrong with labels; make it good where that can be done."""
        for number in sorted(self._broken.keys() | self._examples.keys()):
            if number in self._broken or not self._is_there(number):
                yield Damage(None, f"its label {number} is not what was stored")
                if not self._database.is_read_only:
                    with contextlib.suppress(StoreError, VersionPickleError):
                        self._mend(number)

    def _is_there(self, number: int) -> bool:
        """Tell whether somebody has stored the first record of this kind only now."""
        sql = "SELECT text, sum FROM labels WHERE id = ?"
        return any(manifest_in(*row) for row in self._database.readable(sql, (number,)))

    def _mend(self, number: int) -> None:
        text = _restored(*self._broken.get(number, (b"", None)))
        if text is None and number in self._examples:
            text = manifest_of(self._examples[number]).text
        if text is None:  # no record has it, so nothing depends on it
            return
        database = self._database
        while database.read("SELECT 1 FROM labels WHERE text = ? AND id <> ?", (text, number)):
            text += " "  # which is the same JSON
        database.write(
            "INSERT OR REPLACE INTO labels (id, text, sum) VALUES (?, ?, ?)",
            (number, text, zlib.crc32(text.encode())),
        )


def _restored(raw: bytes, checksum: Any) -> str | None:
    """
    Return a text of which one bit was flipped, or one bit of its checksum.

    >>> _restored(b"{y}", zlib.crc32(b"{x}")), _restored(b"{x}", zlib.crc32(b"{x}") ^ 8)
    ('{x}', '{x}')
    """
    if not isinstance(checksum, int):
        return None
    if (zlib.crc32(raw) ^ checksum).bit_count() <= 1:
        return _decoded(raw)
    for place in range(len(raw) * 8):
        other = bytearray(raw)
        other[place // 8] ^= 1 << place % 8
        if zlib.crc32(other) == checksum:
            return _decoded(bytes(other))
    return None


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
