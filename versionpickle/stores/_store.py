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

    A mapping from strings to anything that can be pickled.
    What is stored is on the disk when the call returns.
    Any number of threads and processes may use it.
    """

    _records: StoreFile

    def __init__(
        self, records: StoreFile, settings: Settings, *, write_back: bool = False
    ) -> None:
        super().__init__(records, settings)
        self._classifier = settings.classifier() if write_back else None

    # One record

    def __getitem__(self, key: str) -> Any:
        data, number = self._records.read_numbered(_checked(key))
        obj = self._settings.load(data, key)
        if self._classifier is not None:
            self._write_back(self._classifier, key, data, number, obj)
        return obj

    def _write_back(
        self, classifier: Classifier, key: str, data: bytes, number: int, obj: object
    ) -> None:
        """Store what was upgraded, unless the record has changed meanwhile."""
        before = self._records.manifests.manifest(number)
        if before is not None and classifier.status(before) == "stale":
            written, manifest = self._settings.dump(obj, key)
            if manifest != before:  # or it is to be stored as an older version
                self._records.swap_one(key, data, written, manifest)

    def _pairs(self, prefix: str) -> Iterator[tuple[str, Any]]:
        if self._classifier is None:
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
        Load an object, and store it again when the block ends, unless the record has changed.

        Raises ConflictError if it has; then nothing is stored, nor after any
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
                "this record has been changed in the meantime",
                "read it again and repeat the change",
            )
            conflict.key = key
            raise conflict

    # Many records

    def update(self, other: Any = (), /, **more: Any) -> None:
        """
        Store many objects, a thousand at a time in one transaction; fewer if they are large.

        Use `transaction` to store all of them together, or none.
        """
        pairs = itertools.chain(_pairs_of(other), more.items())
        while True:
            keys, pickles, manifests = self._settings.dump_many(itertools.islice(pairs, _BATCH))
            if not keys:
                return
            keys = [key if type(key) is str else _checked(key) for key in keys]
            if not "".join(keys).isascii():
                keys = [*map(_checked, keys)]
            self._records.put(keys, pickles, manifests)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Self]:
        """
        Store all that is stored in the block together, or not at all.

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
        """Delete a record, and return its object; or *default*, if there is none."""
        with self.transaction():
            return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Delete the record with the first key, and return that and its object."""
        with self.transaction():
            return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the object of a key; store *default* if there is none."""
        with self.transaction():
            return super().setdefault(key, default)

    def where(self, cls: type | str) -> Iterator[tuple[str, Any]]:
        """
        Yield the keys and objects of records that hold an object of *cls*, anywhere in them.

        *cls* is a class, or its ref or stable name; subclasses count as well.
        Other records are not read.
        """
        names = self._names_of(cls)
        for batch in self._records.batches(lambda manifest: _mentions(manifest, names), _BATCH):
            problems = batch.examine(*batch.columns).problems
            for place, (key, data) in enumerate(zip(batch.keys, batch.pickles, strict=True)):
                if place in problems:
                    yield key, self[key]  # which raises what is wrong
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
        raise TypeError(f"store keys must be str, not {type(key).__name__}: use str({key!r})")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the key {key!r} has no UTF-8, so it cannot be stored") from None
    return str(key)


def _pairs_of(other: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(other, Mapping):
        return other.items()
    return ((key, other[key]) for key in other.keys()) if hasattr(other, "keys") else other  # noqa: SIM118 - as dict.update


def _mentions(manifest: Manifest, names: set[str]) -> bool:
    stamped = ((claim.ref, *(base for base, _ in claim.bases)) for claim in manifest.claims)
    return not names.isdisjoint(itertools.chain(manifest.made, *stamped))
