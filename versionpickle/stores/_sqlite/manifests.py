"""The manifests in a store, each stored once."""

from __future__ import annotations

import functools
import zlib

from collections.abc import Iterator
from typing import Any

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle.exceptions import StoreError, VersionPickleError
from versionpickle.stores._records import Damage

from .database import Database, fetch_one


DAMAGED = 0
"""The number of records that are not what was stored."""


class Manifests:
    """
    Know manifests by number, and numbers by manifest.

    A manifest never changes its number, and a number never its manifest: those who know
    them need not ask again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._manifests: dict[int, Manifest] = {}
        self._numbers: dict[Manifest, int] = {}

    def manifest(self, number: int) -> Manifest | None:
        """Return the manifest of a number; None if it is damaged."""
        manifest = self._manifests.get(number)
        if manifest is None:
            row = self._database.fetch(fetch_one, _READ, (number,))
            manifest = None if row is None else manifest_in(*row)
        return manifest

    def all(self) -> dict[int, Manifest]:
        """Return all that are whole."""
        rows = self._database.read("SELECT id, text, sum FROM labels")
        manifests = ((number, manifest_in(text, checksum)) for number, text, checksum in rows)
        return {number: manifest for number, manifest in manifests if manifest is not None}

    def number_if_committed(self, manifest: Manifest) -> int | None:
        """Return the number of a manifest that was committed, without asking the file."""
        return self._numbers.get(manifest)

    def number(self, manifest: Manifest) -> int:
        """Return the number of a manifest, within a transaction; it may have to be written."""
        number = self._numbers.get(manifest)
        if number is not None:
            return number
        text = manifest.text
        self._database.write(_WRITE, (text, zlib.crc32(text.encode())))
        row = self._database.fetch(fetch_one, "SELECT id FROM labels WHERE text = ?", (text,))
        return int(row[0])

    def remember(self, numbers: dict[Manifest, int]) -> None:
        """Note that manifests are committed."""
        self._numbers |= numbers
        self._manifests |= {number: manifest for manifest, number in numbers.items()}


_READ = "SELECT text, sum FROM labels WHERE id = ?"
_WRITE = "INSERT INTO labels (text, sum) VALUES (?, ?) ON CONFLICT (text) DO NOTHING"


_TEXT_MAX = 4096


def manifest_in(text: Any, checksum: Any) -> Manifest | None:
    """Return the manifest that a text is, if it is what was stored; short ones are kept."""
    is_short = type(text) is str and len(text) <= _TEXT_MAX
    return _kept_manifest(text, checksum) if is_short else _manifest(text, checksum)


def _manifest(text: Any, checksum: Any) -> Manifest | None:
    if type(text) is not str or zlib.crc32(text.encode()) != checksum:
        return None
    try:
        return Manifest.from_text(text)
    except Exception:  # noqa: BLE001 - versionpickle did not write it, whatever it is
        return None


_kept_manifest = functools.lru_cache(maxsize=4096)(_manifest)


class ManifestCheck:
    """Find the manifests that are damaged, and compute them anew from records that have them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.readable("SELECT id, text, sum FROM labels")
        self._whole = {number for number, *row in rows if manifest_in(*row) is not None}
        self._damaged = {number for number, *_ in rows} - self._whole
        self._examples: dict[int, bytes] = {}

    def note(self, number: int, data: bytes) -> None:
        """Note a good record with this manifest."""
        if number not in self._whole:
            self._examples.setdefault(number, data)

    def damages(self) -> Iterator[Damage]:
        """Yield what is wrong with manifests; replace those of which there is a record."""
        for number in sorted(self._damaged | self._examples.keys()):
            if number in self._damaged or not self._is_stored_now(number):
                yield Damage(None, f"its manifest {number} is not what was stored")
                if number in self._examples and not self._database.is_read_only:
                    self._replace(number, self._examples[number])

    def _is_stored_now(self, number: int) -> bool:
        """Return whether the first record of this kind was stored only now."""
        return any(manifest_in(*row) for row in self._database.readable(_READ, (number,)))

    def _replace(self, number: int, data: bytes) -> None:
        """Let it keep its number: programs that know it go on to store records with it."""
        try:
            text = manifest_of(data).text
            while self._database.read(_TAKEN, (text, number)):
                text += " "  # which is the same JSON
            values = (number, text, zlib.crc32(text.encode()))
            self._database.write("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", values)
        except (StoreError, VersionPickleError):  # it is reported, and stays as it is
            return


_TAKEN = "SELECT 1 FROM labels WHERE text = ? AND id <> ?"
