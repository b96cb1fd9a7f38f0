"""The labels of a store, each of which stands there once."""

from __future__ import annotations

import zlib

import attrs

from versionpickle._label import Label
from versionpickle.exceptions import DamagedStoreError

from ._database import Database


@attrs.frozen
class Known:
    """A label, under its number."""

    number: int
    label: Label
    sum: int
    """Where the checksums of its records begin."""


DAMAGED = 0
"""The number of records that are not what was stored."""


class Labels:
    """Know labels by number and numbers by label."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_number: dict[int, Known] = {}
        self._by_label: dict[Label, Known] = {}

    def numbered(self, number: int) -> Known | None:
        """Return the label of a number; None where there is none, for only damage says so."""
        known = self._by_number.get(number)
        if known is None and number != DAMAGED:
            rows = self._database.read("SELECT text, sum FROM labels WHERE id = ?", (number,))
            known = _checked(number, *rows[0]) if rows else None
            if known is not None and not self._database.is_in_transaction:
                self._by_number[number] = known
        return known

    def all(self) -> dict[int, Known]:
        """Return all that are whole."""
        rows = self._database.read("SELECT id, text, sum FROM labels")
        known = (_checked(*row) for row in rows)
        return {one.number: one for one in known if one is not None}

    def known(self, label: Label) -> Known | None:
        """Return the number of a label that was committed, without asking the file."""
        return self._by_label.get(label)

    def number(self, label: Label) -> Known:
        """Return the number of a label, within a transaction; it may have to be written."""
        known = self._by_label.get(label)
        if known is not None:
            return known
        text = label.text
        start = zlib.crc32(text.encode())
        database = self._database
        database.write(
            "INSERT INTO labels (text, sum) VALUES (?, ?) ON CONFLICT (text) DO NOTHING",
            (text, start),
        )
        rows = database.read("SELECT id, sum FROM labels WHERE text = ?", (text,))
        number, found = rows[0]
        if found != start:
            problem = f"its label {number} is not what was stored"
            raise DamagedStoreError(database.path, problem, "run 'versionpickle verify' on it")
        return Known(number, label, start)

    def remember(self, known: Known) -> None:
        """Note that a label is committed."""
        self._by_label[known.label] = self._by_number[known.number] = known

    def forget(self) -> None:
        """Ask the file again from now on."""
        self._by_label.clear()
        self._by_number.clear()


def _checked(number: int, text: str, start: int) -> Known | None:
    if zlib.crc32(text.encode()) != start:
        return None
    return Known(number, Label.from_text(text), start)
