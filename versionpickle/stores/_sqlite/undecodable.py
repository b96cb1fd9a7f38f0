"""Texts that are no longer valid UTF-8; only verify() needs to name them."""

from __future__ import annotations

import sqlite3

from typing import Any, TypeVar

from .connections import Act


_R = TypeVar("_R")

UNDECODED = "Could not decode to UTF-8"
"""How Python's module reports such a text; to check each text would slow down all reads."""


class UndecodableText(str):
    """What is left of a text that is not UTF-8 any more."""

    __slots__ = ("raw",)
    raw: bytes


def leniently(act: Act[_R]) -> Act[_R]:
    """Let *act* read any text, also one that a flipped bit has spoiled."""

    def read(connection: sqlite3.Connection, sql: str, values: Any) -> _R:
        connection.text_factory = _text
        return act(connection, sql, values)

    return read


def raw_key(key: object) -> bytes:
    """Return the bytes of a key that is a text, as they are in the file."""
    return key.raw if isinstance(key, UndecodableText) else str(key).encode()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        text = UndecodableText(raw, "utf-8", "backslashreplace")
        text.raw = raw
        return text
