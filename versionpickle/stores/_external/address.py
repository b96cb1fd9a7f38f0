"""How a person names pickles that stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from versionpickle.exceptions import NotAStoreError

from .folder import Folder
from .records import ExternalRecords
from .shelf import Shelf
from .table import Table


def is_address(text: str) -> bool:
    """
    Tell whether this is no path, but an address.

    >>> is_address("shelve:cache"), is_address("orders.db")
    (True, False)
    """
    return text.partition(":")[0] in _KINDS


def located(address: str) -> ExternalRecords:
    """Return what keeps the pickles at an address."""
    kind, _, rest = address.partition(":")
    if kind not in _KINDS:
        problem = "this is no address"
        cure = f"say one of {', '.join(f'{kind}:...' for kind in _KINDS)}"
        raise NotAStoreError(address, problem, cure)
    return _KINDS[kind](address, rest)


def _table(address: str, rest: str) -> Table:
    path, _, query = rest.partition("?")
    try:
        said = dict(parse_qsl(query, strict_parsing=bool(query)))
    except ValueError:
        said = {}
    unknown = said.keys() - {"table", "key", "value"}
    if unknown or not {"table", "value"} <= said.keys():
        problem = "this does not say which column is meant"
        raise NotAStoreError(address, problem, "say 'sqlite:FILE?table=jobs&key=id&value=payload'")
    return Table(address, path, said["table"], said.get("key", "rowid"), said["value"])


_KINDS: dict[str, Callable[[str, str], ExternalRecords]] = {
    "dir": Folder,
    "shelve": Shelf,
    "sqlite": _table,
}
