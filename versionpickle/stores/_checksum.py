"""The checksum of a record: of its bytes, its key, its label, and what last wrote it."""

from __future__ import annotations

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


def is_whole(key: Any, data: Any, found: Any, label: Any, migrated: Any) -> bool:
    """Tell whether a record is what was stored; one flipped bit may make a text of bytes."""
    try:
        expected = crc32(data, crc32(key.encode(), label)) + (migrated << 32)
    except _NOT_WHOLE:
        return False
    return bool(found == expected and 0 < label < _LABELS_END)


def are_whole(rows: list[tuple[Any, Any, Any, Any, Any, Any]]) -> bool:
    """Tell that of many, which takes less time for each."""
    try:
        return False not in [
            crc32(data, crc32(key.encode(), label)) + (migrated << 32) == found
            and 0 < label < _LABELS_END
            for key, data, found, label, migrated, _ in rows
        ]
    except _NOT_WHOLE:
        return False
