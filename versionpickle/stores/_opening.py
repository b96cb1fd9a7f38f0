"""Open stores: `open` and `open_existing`."""

from __future__ import annotations

import os

from collections.abc import Iterable
from typing import TYPE_CHECKING

from versionpickle._pickles.load.settings import Policy
from versionpickle.exceptions import NotAStoreError
from versionpickle.migrations import Registry
from versionpickle.stores._external.address import is_address, located
from versionpickle.stores._sqlite.store_file import StoreFile

from ._existing import ExistingStore
from ._loading import Loading
from ._settings import Settings
from ._store import Store


if TYPE_CHECKING:
    from versionpickle._pickles.dump.downgrade import Versions
    from versionpickle._pickles.untrusted.limits import Limits
    from versionpickle.stores._sqlite.database import Durability


def open(  # noqa: A001 - it is called as versionpickle.open
    path: str | os.PathLike[str],
    *,
    registry: Registry | None = None,
    durability: Durability = "full",
    read_only: bool = False,
    write_back: bool = False,
    allow: Iterable[object] = (),
    missing: Policy = "raise",
    future: Policy = "raise",
    limits: Limits | None = None,
    versions: Versions | None = None,
    timeout: float = 30,
) -> Store:
    """
    Open a store of objects: a mapping in an SQLite file, which is created if there is none.

    Loads are those of `loads`, with its *registry*, *allow*, *missing*, *future* and *limits*:
    old objects are upgraded in memory, and with *write_back* also stored as they are today.
    What such a load would refuse is refused when it is stored.
    Dumps write the older *versions* that are named, for older code.
    With *durability* ``"full"`` each write has reached the disk when it returns; with
    ``"normal"`` a power failure may lose the last ones, and the file stays whole.
    A write waits up to *timeout* seconds for others, and then raises LockedStoreError.

    >>> import tempfile, versionpickle
    >>> with versionpickle.open(f"{tempfile.mkdtemp()}/orders.db") as store:
    ...     store["2026-0001"] = {"total": 42}
    ...     store["2026-0001"]
    {'total': 42}
    """
    if durability not in {"full", "normal"}:
        raise ValueError(f"there is no durability={durability!r}; pass 'full' or 'normal'")
    name = os.fspath(path)
    if is_address(name):
        problem = "this is the address of pickles that other code keeps"
        raise NotAStoreError(name, problem, f"use versionpickle.open_existing({name!r})")
    loading = Loading(registry, tuple(allow), missing, future, limits=limits)
    file = StoreFile(name, read_only=read_only, durability=durability, timeout=timeout)
    return Store(file, Settings(loading, versions), write_back=write_back and not read_only)


def open_existing(
    address: str,
    *,
    registry: Registry | None = None,
    allow: Iterable[object] = (),
    missing: Policy = "raise",
    future: Policy = "raise",
    encoding: str = "ASCII",
    limits: Limits | None = None,
) -> ExistingStore:
    """
    Open pickles that other code keeps, to read, survey, migrate and verify them.

    ``dir:orders/*.pickle`` are the files of a folder, ``dir:orders/**/*.pickle`` those of
    its folders as well; ``shelve:cache`` is a `shelve`, or another `dbm` of pickles;
    ``sqlite:app.db?table=jobs&key=id&value=payload`` is a column of an SQLite database;
    with ``&codec=base64,zlib``, of texts that are decoded by these in turn.
    *encoding* decodes the strings of Python 2, as in `loads`.
    """
    loading = Loading(registry, tuple(allow), missing, future, encoding, limits)
    return ExistingStore(located(address), Settings(loading))
