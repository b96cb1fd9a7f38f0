"""The checksum of a record: of its bytes, its key, its label, and what last wrote it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from zlib import crc32


_LABELS_END = 1 << 32
_NOT_WHOLE = (AttributeError, TypeError)
"""What is raised over something that is no text, no bytes or no number."""


def sum_of(key: str, data: bytes, label: int, migrated: int = 0) -> int:
    """
    Return the checksum of a record that has the label of this number.

    *migrated* is the number of the batch of originals that a migration kept of it.
    """
    return crc32(data, crc32(key.encode(), label)) + (migrated << 32)


def sums_of(
    keys: Iterable[str],
    pickles: Iterable[bytes],
    labels: Iterable[int],
    migrated: Collection[int] = (),
) -> list[int]:
    """Return those of many records: of all loops over a store, this is one of the longest."""
    found = map(crc32, pickles, map(crc32, map(str.encode, keys), labels))
    if not any(migrated):
        return list(found)
    return [one + (number << 32) for one, number in zip(found, migrated, strict=True)]


def is_whole(key: Any, data: Any, found: Any, label: Any, migrated: Any) -> bool:
    """Tell whether a record is what was stored; one flipped bit may make a text of bytes."""
    try:
        expected = crc32(data, crc32(key.encode(), label)) + (migrated << 32)
    except _NOT_WHOLE:
        return False
    return bool(expected == found and 0 < label < _LABELS_END)


def are_whole(
    keys: list[Any], pickles: list[Any], found: list[Any], labels: list[Any], migrated: list[Any]
) -> bool:
    """Tell that of many, column by column."""
    try:
        is_same = sums_of(keys, pickles, labels, migrated) == found
        return is_same and min(labels, default=1) > 0 and max(labels, default=1) < _LABELS_END
    except _NOT_WHOLE:
        return False
