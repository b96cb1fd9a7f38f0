"""Stores: objects under keys, for decades."""

from __future__ import annotations

import contextlib
import itertools

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Self

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._wire.refs import public, ref_of
from versionpickle.exceptions import ConflictError
from versionpickle.stores._sqlite.store_file import StoreFile
from versionpickle.stores._sweeps.classifier import Classifier

from ._existing import ExistingStore
from ._settings import Settings


_BATCH = 1000
"""How many records `update` writes in one transaction."""


@public("versionpickle")
class Store(ExistingStore, MutableMapping[str, Any]):
    """
    Objects under keys, in one SQLite file; see `open`.

    A mapping from texts to anything that can be pickled.
    What is stored is on the disk when the call returns.
    Any number of threads and processes may use it.
    """

    _records: StoreFile

    def __init__(
        self, records: StoreFile, settings: Settings, *, write_back: bool = False
    ) -> None:
        super().__init__(records, settings)
        self._judge = settings.judge() if write_back else None

    # One record

    def __getitem__(self, key: str) -> Any:
        data, number = self._records.read_labelled(_checked(key))
        obj = self._settings.load(data, key)
        if self._judge is not None:
            self._write_back(self._judge, key, data, number, obj)
        return obj

    def _write_back(
        self, judge: Classifier, key: str, data: bytes, number: int, obj: object
    ) -> None:
        """Store what was upgraded, unless somebody has changed it meanwhile."""
        before = self._records.manifests.manifest(number)
        if before is not None and judge.standing(before) == "stale":
            written, manifest = self._settings.dump(obj, key)
            if manifest != before:  # or an older version is what it is to be stored as
                self._records.swap_one(key, data, written, manifest)

    def _pairs(self, prefix: str) -> Iterator[tuple[str, Any]]:
        if self._judge is None:
            yield from super()._pairs(prefix)
            return
        for key in self._records.keys(prefix):
            with contextlib.suppress(KeyError):  # deleted meanwhile
                yield key, self[key]

    def __setitem__(self, key: str, obj: object) -> None:
        _checked(key)
        self._records.write(key, *self._settings.dump(obj, key))

    def __delitem__(self, key: str) -> None:
        self._records.delete(_checked(key))

    def __contains__(self, key: object) -> bool:
        return self._records.has(_checked(key))

    @contextlib.contextmanager
    def edit(self, key: str) -> Iterator[Any]:
        """
        Load an object, and store it again when the block ends, if nobody else has.

        Raises ConflictError where somebody has; nothing is stored then, nor after any
        error in the block.

        >>> import tempfile, versionpickle
        >>> folder = tempfile.TemporaryDirectory()
        >>> store = versionpickle.open(f"{folder.name}/shop.db")
        >>> store["basket"] = ["apple"]
        >>> with store.edit("basket") as basket:
        ...     basket.append("pear")
        >>> store["basket"]
        ['apple', 'pear']
        >>> store.close()
        >>> folder.cleanup()
        """
        data = self._records.read(_checked(key))
        obj = self._settings.load(data, key)
        yield obj
        if not self._records.replace(key, data, *self._settings.dump(obj, key)):
            conflict = ConflictError(
                self._records.address,
                "somebody else has changed this record meanwhile",
                "read it again, and repeat the change",
            )
            conflict.key = key
            raise conflict

    # Many records

    def update(self, other: Any = (), /, **more: Any) -> None:
        """
        Store many objects, a thousand at a time in one transaction; fewer where they are large.

        All of them together, or none, within `transaction`.
        """
        coming = itertools.chain(_pairs_of(other), more.items())
        while True:
            keys, pickles, manifests = self._settings.dump_some(itertools.islice(coming, _BATCH))
            if not keys:
                return
            keys = [key if type(key) is str else _checked(key) for key in keys]
            if not "".join(keys).isascii():
                keys = [*map(_checked, keys)]
            self._records.put(keys, pickles, manifests)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Self]:
        """
        Let all that is stored in the block be stored together, or not at all.

        Others see none of it before, and wait with writes of their own.
        It may be nested: an error undoes the inner block alone, if it is caught within
        the outer one.
        """
        with self._records.database.transaction():
            yield self

    def clear(self) -> None:
        """Delete all records."""
        self._records.clear()

    def pop(self, key: str, *default: Any) -> Any:
        """Delete a record, and return its object; or *default*, where there is none."""
        with self.transaction():
            return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Delete the record with the first key, and return that and its object."""
        with self.transaction():
            return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the object of a key, and store *default* where there is none."""
        with self.transaction():
            return super().setdefault(key, default)

    def where(self, cls: type | str) -> Iterator[tuple[str, Any]]:
        """
        Yield the keys and objects of records that hold an object of *cls*, anywhere in them.

        *cls* is a class, or its ref or stable name; subclasses count as well.
        Other records are not read.
        """
        names = self._names_of(cls)
        for batch in self._records.batches(lambda manifest: _speaks_of(manifest, names), _BATCH):
            problems = batch.examine(*batch.columns).problems
            for place, (key, data) in enumerate(zip(batch.keys, batch.pickles, strict=True)):
                if place in problems:
                    yield key, self[key]  # which says what is wrong
                else:
                    yield key, self._settings.load(data, key)

    def _names_of(self, cls: type | str) -> set[str]:
        ref = cls if isinstance(cls, str) else ref_of(cls)
        declaration = self._settings.registry.named(ref) or self._settings.registry.declared(ref)
        return {ref} if declaration is None else {ref, *declaration.names()}


def _checked(key: object) -> str:
    if type(key) is str and key.isascii():
        return key
    if not isinstance(key, str):
        raise TypeError(f"the keys of a store are texts, and {key!r} is none; say str(...) of it")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the key {key!r} is no text that can be stored") from None
    return str(key)


def _pairs_of(other: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(other, Mapping):
        return other.items()
    return ((key, other[key]) for key in other.keys()) if hasattr(other, "keys") else other  # noqa: SIM118 - as dict.update


def _speaks_of(manifest: Manifest, names: set[str]) -> bool:
    stamped = ((claim.ref, *(base for base, _ in claim.bases)) for claim in manifest.claims)
    return not names.isdisjoint(itertools.chain(manifest.made, *stamped))
