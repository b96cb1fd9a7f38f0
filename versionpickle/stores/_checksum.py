"""The checksum of a record: of its bytes, its key, its label, and whether a migration wrote it."""

from __future__ import annotations

import zlib

from typing import Any


MIGRATED = 1 << 32
"""What is added to the checksum of what a migration wrote."""


def sum_of(key: str, data: bytes, number: int) -> int:
    """Return the checksum of a record that has the label of this number."""
    return zlib.crc32(data, zlib.crc32(key.encode(), number))


def is_whole(key: Any, data: Any, found: Any, number: Any, migrated: Any = None) -> bool:
    """Tell whether a record is what was stored; one flipped bit may make a text of bytes."""
    if type(data) is not bytes or type(key) is not str or type(number) is not int:
        return False
    if not 0 < number < MIGRATED:
        return False
    expected = sum_of(key, data, number)
    if migrated is None:
        return bool(found == expected)
    return bool(migrated == 1 and found == expected + MIGRATED)
