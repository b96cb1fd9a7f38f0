"""Rewrite an old pickle with the classes of today: bytes in, bytes and a report out."""

from __future__ import annotations

import functools
import io
import pickle
import pickletools

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from versionpickle._pickles.dump.pickler import Pickler, dumps
from versionpickle._pickles.inspect.report import Reporting, Survey, survey
from versionpickle._pickles.inspect.upgrade_paths import FoundClass
from versionpickle._pickles.load.unpickler import Unpickler, loads
from versionpickle.exceptions import DamagedError, StepError, VersionPickleError
from versionpickle.migrations import Registry
from versionpickle.migrations._registry import checked_registry

from .comparison import check_kept
from .manifest import Manifest
from .staleness import is_current, is_renamed, would_be_stamped


if TYPE_CHECKING:
    from versionpickle._pickles.untrusted.limits import Limits


@attrs.frozen
class Settings:
    """How pickles are to be written anew."""

    protocol: int | None = None
    """None for the protocol that each has."""

    allow: tuple[object, ...] = ()
    registry: Registry = attrs.field(default=None, converter=checked_registry)
    encoding: str = attrs.field(default="ASCII", kw_only=True)
    """That of the strings of Python 2."""

    limits: Limits | None = attrs.field(default=None, kw_only=True)
    accept_differences: bool = attrs.field(default=False, kw_only=True)
    """Whether to write also what loads as something else than before."""

    @property
    def loading(self) -> dict[str, Any]:
        """The arguments of a load."""
        return {
            "registry": self.registry,
            "allow": self.allow,
            "encoding": self.encoding,
            "limits": self.limits,
        }


@attrs.frozen
class UpgradeFailure:
    """Why a file stays as it is."""

    ref: str | None
    version: int | None
    step: str | None
    reason: str


@attrs.frozen
class Upgrade:
    """What has become of the bytes of one file."""

    data: bytes
    """What it should contain; the same as before if all is current, or something failed."""

    stale: tuple[FoundClass, ...] = ()
    """The classes that are not stored as they would be today."""

    failure: UpgradeFailure | None = None
    manifest: Manifest | None = None
    """What is in it; None after a failure."""


def upgrade(data: bytes, settings: Settings) -> Upgrade:
    """
    Write all pickles in *data* anew that hold something old.

    They are loaded, dumped, and loaded again, which has to make the same objects.
    """
    stale: tuple[FoundClass, ...] = ()
    try:
        pickles = _pickles(data, settings.registry)
        stale = _together(found for one in pickles for found in one.stale)
        written = _written(data, pickles, settings) if stale else data
        manifest = manifest_of(written, settings.registry) if stale else _manifest(pickles)
    except Exception as exc:  # noqa: BLE001 - whatever stops it, it becomes a row of the report
        return Upgrade(data, stale, failure_of(exc))
    return Upgrade(written, stale, manifest=manifest)


def manifest_of(data: bytes, registry: Registry | None = None) -> Manifest:
    """
    Return what is in all pickles of *data*, read without building any of it.

    >>> manifest_of(pickle.dumps([1, pickle.PickleError()])).made
    ('_pickle:PickleError',)
    """
    return _manifest(_pickles(data, checked_registry(registry)))


def _manifest(pickles: Iterable[_Pickle]) -> Manifest:
    return functools.reduce(Manifest.__or__, (one.manifest for one in pickles))


def failure_of(exc: Exception) -> UpgradeFailure:
    ref, version, step = (getattr(exc, name, None) for name in ("ref", "version", "step"))
    return UpgradeFailure(ref, version, step, _reason(exc))


def _reason(exc: Exception) -> str:
    if isinstance(exc, StepError):  # whose sentence would repeat the row
        return exc.problem if exc.path is None else f"{exc.path}: {exc.problem}"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) if isinstance(exc, VersionPickleError) else f"{type(exc).__name__}: {exc}"


@attrs.frozen
class _Pickle:
    """One of the pickles in a file, one after the other."""

    start: int
    end: int
    stale: tuple[FoundClass, ...]
    manifest: Manifest
    follows: bool
    """Whether it refers to what was read before it: one Pickler wrote both."""


def _pickles(data: bytes, registry: Registry) -> list[_Pickle]:
    """Survey the pickles in *data*, which fails where it holds anything else."""
    pickles: list[_Pickle] = []
    before: Survey | None = None
    start = 0
    while start < len(data) or not pickles:
        found, follows = _surveyed(data, start, registry, before)
        pickles.append(_Pickle(start, found.end, *_stale(found, registry), follows))
        before, start = found, found.end
    return pickles


def _surveyed(
    data: bytes, start: int, registry: Registry, before: Survey | None
) -> tuple[Survey, bool]:
    """Read what begins at *start*, if possible without what is *before* it."""
    try:
        return survey(data, registry, start=start), False
    except DamagedError:
        if before is None:
            raise
    return survey(data, registry, start=start, memo=before.memo), True


def _stale(found: Survey, registry: Registry) -> tuple[tuple[FoundClass, ...], Manifest]:
    """Return the classes that are not stored as they would be today, and the manifest of all."""
    report = Reporting(found, registry).report()
    surveyor = found.surveyor
    claims = [stamp.claim for stamp in surveyor.stamps.values()]
    stamped, unstamped = report.classes[: len(claims)], report.classes[len(claims) :]
    stale = [
        found
        for claim, found in zip(claims, stamped, strict=True)
        if not is_current(claim, registry)
    ]
    stale += [one for one in unstamped if would_be_stamped(one.ref, registry)]
    renamed = (ref for ref in report.names if is_renamed(ref, registry))
    stale += [FoundClass(ref, None, None, 0, (), ()) for ref in renamed]
    return tuple(stale), Manifest(claims, *surveyor.named_apart())


def _together(found: Iterable[FoundClass]) -> tuple[FoundClass, ...]:
    """Add up what several pickles hold of the same class at the same version."""
    known: dict[tuple[str, int | None, tuple[str, ...]], FoundClass] = {}
    for one in found:
        key = one.ref, one.version, one.fields
        before = known.get(key)
        count = one.count + (before.count if before else 0)
        known[key] = attrs.evolve(one, count=count)
    return tuple(known.values())


def _written(data: bytes, pickles: list[_Pickle], settings: Settings) -> bytes:
    if any(one.follows for one in pickles):
        return _written_as_one(data, pickles, settings)
    parts = [
        _written_alone(data[one.start : one.end], settings)
        if one.stale
        else data[one.start : one.end]
        for one in pickles
    ]
    return b"".join(parts)


def _written_alone(data: bytes, settings: Settings) -> bytes:
    registry = settings.registry
    protocol = protocol_of(data) if settings.protocol is None else settings.protocol
    return _rewritten(
        data,
        functools.partial(loads, **settings.loading),
        functools.partial(dumps, protocol=protocol, registry=registry),
        accepts=settings.accept_differences,
    )


def _written_as_one(data: bytes, pickles: list[_Pickle], settings: Settings) -> bytes:
    """Write pickles that share what they refer to, as one Pickler did."""
    protocols = (protocol_of(data[one.start : one.end]) for one in pickles)
    protocol = max(protocols) if settings.protocol is None else settings.protocol
    return _rewritten(
        data,
        functools.partial(_loaded_as_one, settings),
        functools.partial(_dumped_as_one, settings, protocol),
        accepts=settings.accept_differences,
    )


def _rewritten(
    data: bytes,
    read: Callable[[bytes], Any],
    write: Callable[[Any], bytes],
    *,
    accepts: bool,
) -> bytes:
    obj = read(data)
    written = write(obj)
    again = read(written)
    if not accepts:
        check_kept(obj, again)
    return written


def _dumped_as_one(settings: Settings, protocol: int, objs: list[Any]) -> bytes:
    file = io.BytesIO()
    pickler = Pickler(file, protocol, registry=settings.registry)
    for obj in objs:
        pickler.dump(obj)
    return file.getvalue()


def _loaded_as_one(settings: Settings, data: bytes) -> list[Any]:
    file = io.BytesIO(data)
    reader = Unpickler(file, **settings.loading)
    return list(_all(reader, file, len(data)))


def _all(reader: Unpickler, file: io.BytesIO, size: int) -> Iterator[Any]:
    while file.tell() < size:
        yield reader.load()


def protocol_of(data: bytes) -> int:
    """
    Return the protocol of a pickle.

    >>> [protocol_of(pickle.dumps(1, protocol)) for protocol in range(6)]
    [0, 1, 2, 3, 4, 5]
    """
    if data[:1] == pickle.PROTO:
        return data[1]
    return max(opcode.proto for opcode, _, _ in pickletools.genops(data))
