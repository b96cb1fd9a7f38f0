"""The labels of a store, each of which stands there once."""

from __future__ import annotations

import zlib

from typing import Any

from versionpickle._pickles.rewrite.manifest import Manifest

from .database import Database, first


DAMAGED = 0
"""The number of records that are not what was stored."""


class Manifests:
    """
    Know labels by number, and numbers by label.

    A label never changes its number, and a number never its label: those who know them
    need not ask again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._labels: dict[int, Manifest] = {}
        self._numbers: dict[Manifest, int] = {}

    def manifest(self, number: int) -> Manifest | None:
        """Return the label of a number; None where it is damaged."""
        known = self._labels.get(number)
        if known is None:
            row = self._database.fetch(
                first, "SELECT text, sum FROM labels WHERE id = ?", (number,)
            )
            known = None if row is None else manifest_in(*row)
        return known

    def all(self) -> dict[int, Manifest]:
        """Return all that are whole."""
        rows = self._database.read("SELECT id, text, sum FROM labels")
        found = ((number, manifest_in(text, checksum)) for number, text, checksum in rows)
        return {number: manifest for number, manifest in found if manifest is not None}

    def known(self, manifest: Manifest) -> int | None:
        """Return the number of a label that was committed, without asking the file."""
        return self._numbers.get(manifest)

    def number(self, manifest: Manifest) -> int:
        """Return the number of a label, within a transaction; it may have to be written."""
        known = self._numbers.get(manifest)
        if known is not None:
            return known
        text = manifest.text
        self._database.write(_WRITE, (text, zlib.crc32(text.encode())))
        row = self._database.fetch(first, "SELECT id FROM labels WHERE text = ?", (text,))
        return int(row[0])

    def remember(self, numbers: dict[Manifest, int]) -> None:
        """Note that labels are committed."""
        self._numbers |= numbers
        self._labels |= {number: manifest for manifest, number in numbers.items()}


_WRITE = "INSERT INTO labels (text, sum) VALUES (?, ?) ON CONFLICT (text) DO NOTHING"


def manifest_in(text: Any, checksum: Any) -> Manifest | None:
    """Return the label that a text is, if it is what was stored."""
    if type(text) is not str or zlib.crc32(text.encode()) != checksum:
        return None
    return Manifest.from_text(text)
