"""The checksum of a record, over its bytes, key, manifest and last writer."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from operator import lshift, xor
from typing import Any
from zlib import crc32


_MANIFESTS_END = 1 << 32
_NOT_WHOLE = (AttributeError, TypeError)
"""What is raised for something that is not a text, bytes or a number."""


def sum_of(key: str, data: bytes, manifest: int, migrated: int = 0) -> int:
    """
    Return the checksum of a record that has the manifest of this number.

    *migrated* is the number of the batch of originals that a migration kept of it.
    """
    return crc32(data, crc32(key.encode())) ^ manifest ^ (migrated << 32)


def is_whole(key: Any, data: Any, checksum: Any, manifest: Any, migrated: Any) -> bool:
    """Return whether a record is what was stored; one flipped bit may make a text of bytes."""
    try:
        expected = crc32(data, crc32(key.encode())) ^ manifest ^ (migrated << 32)
    except _NOT_WHOLE:
        return False
    return bool(expected == checksum and 0 < manifest < _MANIFESTS_END)


# That of many, column by column: of all loops over a store, these are among the longest


def crcs_of_keys(keys: Iterable[str]) -> list[int]:
    """Return the part that only a key decides."""
    return [*map(crc32, map(str.encode, keys))]


def crcs_of(pickles: Iterable[bytes], of_keys: Iterable[int]) -> list[int]:
    """Return the part that keys and bytes decide."""
    return [*map(crc32, pickles, of_keys)]


def sums_of(
    crcs: Iterable[int], manifests: Iterable[int], migrated: Iterable[int] = repeat(0)
) -> list[int]:
    """Return the checksums of which those are parts."""
    return [*map(xor, map(xor, crcs, manifests), map(lshift, migrated, repeat(32)))]


def crcs_of_keys_if_whole(
    keys: list[Any],
    pickles: list[Any],
    checksums: list[Any],
    manifests: list[Any],
    migrated: list[Any],
) -> list[int] | None:
    """Return the part that keys decide, if all these records are what was stored."""
    try:
        of_keys = crcs_of_keys(keys)
        is_same = sums_of(crcs_of(pickles, of_keys), manifests, migrated) == checksums
        return (
            of_keys if is_same and min(manifests) > 0 and max(manifests) < _MANIFESTS_END else None
        )
    except _NOT_WHOLE:
        return None
