"""A cache of stamps, bounded by size, since strangers can invent any number of them."""

from __future__ import annotations

from collections.abc import Iterator

from .stamp import Claim, Stamp


_ROOM = 16 * 2**20
"""How many bytes of stamps are kept, about."""

_LONG = 2**16
_LARGE = 2**20
_OF_A_STAMP = 2_000
_OF_A_FIELD = 2_000
"""The code that was generated for it."""


class StampCache:
    """Know stamps by their claims; those with long names are made anew each time."""

    def __init__(self) -> None:
        self._stamps: dict[Claim, Stamp] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._stamps)

    def __iter__(self) -> Iterator[Claim]:
        return iter([*self._stamps])

    def get(self, claim: Claim) -> Stamp | None:
        return self._stamps.get(claim)

    def keep(self, claim: Claim, stamp: Stamp) -> None:
        """Remember *stamp*, and forget all others where there are too many."""
        size = size_of(claim)
        if _has_long_names(claim) or size > _ROOM // 4:
            return
        if self._size + size > _ROOM:
            self.clear()
        self._size += size
        self._stamps[claim] = stamp

    def clear(self) -> None:
        self._stamps.clear()
        self._size = 0


def size_of(claim: Claim) -> int:
    """Return how many bytes a stamp takes, about."""
    bases = sum(len(ref) for ref, _ in claim.bases)
    return _OF_A_STAMP + len(claim.ref) + bases + size_of_names(claim.fields or ())


def size_of_names(names: tuple[object, ...]) -> int:
    """Return how many bytes the names of some fields take, and what is generated for them."""
    return sum(_OF_A_FIELD + (len(name) if type(name) is str else 0) for name in names)


def is_small(claim: Claim) -> bool:
    """Return whether a stamp may be kept for as long as its class."""
    return not _has_long_names(claim) and size_of(claim) <= _LARGE


def _has_long_names(claim: Claim) -> bool:
    return size_of(claim) - _OF_A_STAMP - _OF_A_FIELD * len(claim.fields or ()) > _LONG
