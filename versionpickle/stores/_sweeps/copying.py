"""Copy records from one place to another, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle._wire.refs import public
from versionpickle.exceptions import DamagedRecordError, VersionPickleError
from versionpickle.stores._records import Damage, Key, Record, Records, take_limited


_BATCH = 1000
_REPORTED_MAX = 1000


@public("versionpickle.sweeping")
@attrs.frozen
class Copied:
    """What a copy has done, up to now or up to its end."""

    total: int
    copied: int = 0
    same: int = 0
    """Those that were there already."""

    kept: int = 0
    """Those whose keys hold something else there, which is kept."""

    damaged: int = 0
    damages: tuple[Damage, ...] = ()
    """The first of those that were left out, and why."""

    def __str__(self) -> str:
        sums = [f"{self.copied} copied"]
        for name, words in (("same", "there already"), ("kept", "kept as they are there")):
            if count := getattr(self, name):
                sums.append(f"{count} {words}")
        return ", ".join([*sums, f"{self.damaged} damaged"] if self.damaged else sums)


def copying(source: Records, target: Records, *, overwrite: bool) -> Iterator[Copied]:
    """Copy batch by batch; yield what was done after each."""
    with target.sweep("a copy"):
        yield from _copying(source, target, overwrite=overwrite)


def _copying(source: Records, target: Records, *, overwrite: bool) -> Iterator[Copied]:
    state = Copied(source.count())
    records = source.scan()
    while batch := take_limited(records, _BATCH):
        copying = _Batch(target, overwrite=overwrite)
        for record in batch:
            copying.add(record)
        target.put(copying.keys, copying.pickles, copying.manifests)
        state = attrs.evolve(
            state,
            copied=state.copied + len(copying.keys),
            same=state.same + copying.same,
            kept=state.kept + copying.kept,
            damaged=state.damaged + len(copying.damages),
            damages=(*state.damages, *copying.damages)[:_REPORTED_MAX],
        )
        yield state


@attrs.define
class _Batch:
    target: Records
    overwrite: bool = attrs.field(kw_only=True)
    keys: list[Key] = attrs.field(factory=list)
    pickles: list[bytes] = attrs.field(factory=list)
    manifests: list[Manifest] = attrs.field(factory=list)
    damages: list[Damage] = attrs.field(factory=list)
    same: int = 0
    kept: int = 0

    def add(self, record: Record) -> None:
        key = self.target.key_of(record.key)
        there = self._there(key)
        if record.problem:
            self.damages.append(Damage(record.key, record.problem))
        elif there == record.data:
            self.same += 1
        elif there is not None and not self.overwrite:
            self.kept += 1
        else:
            self._add(key, record)

    def _there(self, key: Key) -> bytes | None:
        try:
            return self.target.read(key)
        except KeyError:
            return None
        except DamagedRecordError:  # so that it may be healed
            return b""

    def _add(self, key: Key, record: Record) -> None:
        try:
            manifest = manifest_of(record.data)
        except VersionPickleError as exc:
            self.damages.append(Damage(record.key, str(exc)))
            return
        self.keys.append(key)
        self.pickles.append(record.data)
        self.manifests.append(manifest)
