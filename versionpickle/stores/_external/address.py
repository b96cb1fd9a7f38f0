"""Addresses of pickles that other code keeps: ``dir:``, ``sqlite:``, ``shelve:``."""

from __future__ import annotations

import os

from collections.abc import Callable
from urllib.parse import parse_qsl

from versionpickle.exceptions import NotAStoreError

from .coding import CODECS, Coding
from .columns import Columns
from .folder import Folder
from .records import ExternalRecords
from .shelf import Shelf
from .table import Table


def is_address(text: str) -> bool:
    """
    Return whether this is an address, and not a path.

    >>> is_address("shelve:cache"), is_address("orders.db")
    (True, False)
    """
    return text.partition(":")[0] in _KINDS


def located(address: str) -> ExternalRecords:
    """Return what keeps the pickles at an address."""
    kind, _, rest = address.partition(":")
    if kind not in _KINDS:
        problem = "this is not an address"
        cure = f"use one of {', '.join(f'{kind}:...' for kind in _KINDS)}"
        raise NotAStoreError(address, problem, cure)
    return _KINDS[kind](address, rest)


def _table(address: str, rest: str) -> Table:
    path, _, query = rest.partition("?")
    try:
        given = dict(parse_qsl(query, strict_parsing=bool(query)))
    except ValueError:
        given = {}
    unknown = given.keys() - {"table", "key", "value", "codec"}
    if unknown or not {"table", "value"} <= given.keys():
        problem = "it is not clear which column this address means"
        raise NotAStoreError(address, problem, "use 'sqlite:FILE?table=jobs&key=id&value=payload'")
    if not os.path.isfile(path):
        raise NotAStoreError(address, f"there is no file {path!r}", "check the path")
    columns = Columns(given["table"], given.get("key", ""), given["value"])
    return Table(address, path, columns, _coding(address, given.get("codec", "")))


def _coding(address: str, names: str) -> Coding:
    try:
        return Coding.of(names)
    except KeyError as exc:
        problem = f"there is no codec {exc.args[0]!r}"
        raise NotAStoreError(address, problem, f"name some of {', '.join(CODECS)}") from None


_KINDS: dict[str, Callable[[str, str], ExternalRecords]] = {
    "dir": Folder,
    "shelve": Shelf,
    "sqlite": _table,
}
