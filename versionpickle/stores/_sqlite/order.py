"""Iterate over the records of a file in the order of their keys, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from .database import Database, fetch_limited
from .undecodable import raw_key


Query: TypeAlias = tuple[str, Sequence[Any]]
PageQuery: TypeAlias = Callable[[str, bytes], Query]
"""Makes the query for a page: the one after what a condition and its value describe."""

_FROM = "key >= CAST(? AS TEXT)"
_AFTER = "key > CAST(? AS TEXT)"
_FEW = 16
"""For more manifests than that, a query reads all records: one for each takes longer."""

_LAST = chr(0x10FFFF)


def pages(database: Database, query: PageQuery, start: str = "") -> Iterator[list[Any]]:
    """Yield rows that begin with a key, page by page: none is held open for long."""
    place, at = _FROM, start.encode()
    while rows := database.fetch(fetch_limited, *query(place, at)):
        yield rows
        before, at = at, raw_key(rows[-1][0])
        if place == _AFTER and at <= before:  # a broken part leads in a circle
            return
        place = _AFTER


def with_manifests(
    select: str, manifests: Sequence[int], place: str, at: bytes, size: int
) -> Query:
    """Return a query for the next *size* records with one of these manifests."""
    end = f"AND {place} ORDER BY key LIMIT {size}"
    if len(manifests) > _FEW:
        return f"{select} WHERE +label IN ({', '.join(map(str, manifests))}) {end}", (at,)
    if len(manifests) == 1:
        return f"{select} WHERE label = {manifests[0]} {end}", (at,)
    parts = " UNION ALL ".join(
        f"SELECT * FROM (SELECT id, key FROM records WHERE label = {manifest} {end})"
        for manifest in manifests
    )
    ids = f"SELECT id FROM ({parts}) ORDER BY key LIMIT {size}"
    return f"{select} WHERE id IN ({ids}) ORDER BY key", (at,) * len(manifests)


def behind(prefix: str) -> str | None:
    """
    Return the first text after all that begin with *prefix*; None if there is none.

    >>> behind("2026-11"), behind(""), behind("a\U0010ffff")
    ('2026-12', None, 'b')
    """
    rest = prefix.rstrip(_LAST)
    if not rest:
        return None
    last = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if last == 0xD800 else last)  # after those that are not text
