"""The records of a file in the order of their keys, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from .database import Database, UndecodableText, some


Query: TypeAlias = tuple[str, Sequence[Any]]
Ask: TypeAlias = Callable[[str, bytes], Query]
"""Makes a query for a page: behind the place that a condition and its value say."""

_FROM = "key >= CAST(? AS TEXT)"
_AFTER = "key > CAST(? AS TEXT)"
_FEW = 16
"""For more labels than that, a query looks at all records: one for each takes longer."""

_LAST = chr(0x10FFFF)


def pages(database: Database, ask: Ask, start: str = "") -> Iterator[list[Any]]:
    """Yield rows that begin with a key, page by page: none is held open for long."""
    place, at = _FROM, start.encode()
    while rows := database.fetch(some, *ask(place, at)):
        yield rows
        before, at = at, _bytes(rows[-1][0])
        if place == _AFTER and at <= before:  # a broken part leads in a circle
            return
        place = _AFTER


def with_manifests(
    select: str, manifests: Sequence[int], place: str, at: bytes, size: int
) -> Query:
    """Return a query for the next *size* records with one of these labels."""
    end = f"AND {place} ORDER BY key LIMIT {size}"
    if len(manifests) > _FEW:
        return f"{select} WHERE +label IN ({', '.join(map(str, manifests))}) {end}", (at,)
    if len(manifests) == 1:
        return f"{select} WHERE label = {manifests[0]} {end}", (at,)
    parts = " UNION ALL ".join(
        f"SELECT * FROM (SELECT id, key FROM records WHERE label = {manifest} {end})"
        for manifest in manifests
    )
    first = f"SELECT id FROM ({parts}) ORDER BY key LIMIT {size}"
    return f"{select} WHERE id IN ({first}) ORDER BY key", (at,) * len(manifests)


def behind(prefix: str) -> str | None:
    """
    Return the first text behind all that begin with *prefix*; None where there is none.

    >>> behind("2026-11"), behind(""), behind("a\U0010ffff")
    ('2026-12', None, 'b')
    """
    rest = prefix.rstrip(_LAST)
    if not rest:
        return None
    last = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if last == 0xD800 else last)  # behind those that are no text


def _bytes(key: object) -> bytes:
    """Return a key as it stands in the file, so that others are behind it."""
    return key.raw if isinstance(key, UndecodableText) else str(key).encode()
