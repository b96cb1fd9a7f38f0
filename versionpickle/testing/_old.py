"""Pickles of old versions, as the code of that time would have written them."""

from __future__ import annotations

import pickle

from collections.abc import Mapping
from typing import Any

import attrs

from versionpickle._classes.codecs.enum import EnumCodec
from versionpickle._classes.codecs.values import ValuesCodec
from versionpickle._classes.instrument import Instrumentation, instrumentation_of
from versionpickle._classes.third_party import FIELDS_SET, is_model
from versionpickle._pickles.dump.downgrade import write_only
from versionpickle._pickles.load.unpickler import loads
from versionpickle._wire import calls
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import BY_VALUES, Bases, Claim, make_stamp
from versionpickle.exceptions import DeclarationError
from versionpickle.migrations import default_registry


Versions = Mapping[str | type, int]


def instrumentation_for(cls: type) -> Instrumentation:
    """Return the instrumentation of a versioned class; raise DeclarationError for others."""
    instrumentation = instrumentation_of(cls)
    if instrumentation is not None:
        return instrumentation
    declaration = default_registry.declared(ref_of(cls))
    if declaration is None:
        raise DeclarationError(
            ref_of(cls),
            "this class has no versions",
            "put @versioned(version=...) on it, or call adopt() first",
        )
    found: Instrumentation = declaration.instrumentation
    return found


def upgraded(
    cls: type, version: int, state: Mapping[str, Any], *, bases: Versions | None = None
) -> Any:
    """
    Return today's object for the fields that an object of an old *version* had.

    The fields take the same path as a stored pickle: they are written as the code of that
    version wrote them, and read by `pickle.loads`, whose errors are raised.
    *bases* gives the versions of its versioned base classes at that time; by default, today's.
    The state of an enum's member is ``{"name": ...}``.
    """
    instrumentation = instrumentation_for(cls)
    return load(
        instrumentation,
        old_pickle(instrumentation, version, state, bases_of(instrumentation, bases or {})),
    )


def load(instrumentation: Instrumentation, data: bytes) -> Any:
    """Load with plain pickle if the class is in the default registry."""
    if instrumentation.registry is default_registry:
        return pickle.loads(data)
    return loads(data, registry=instrumentation.registry, unsafe=True)


def old_pickle(
    instrumentation: Instrumentation, version: int, state: Mapping[str, Any], bases: Bases
) -> bytes:
    """Return a pickle of an object of *version* with this state."""
    if not isinstance(state, Mapping):
        raise TypeError(f"a state is a dict of the fields, not {state!r}")
    return pickle.dumps(
        _Stored(_reduction(instrumentation, version, dict(state), bases)), protocol=4
    )


def bases_of(instrumentation: Instrumentation, versions: Versions) -> Bases:
    """Return the versions of the bases as a stamp lists them; by default, today's."""
    by_ref = {ref_of(key) if isinstance(key, type) else key: versions[key] for key in versions}
    *bases, _ = instrumentation.lineage()
    return tuple(
        (base.key, by_ref.get(base.ref, by_ref.get(base.key, base.version))) for base in bases
    )


def _reduction(
    instrumentation: Instrumentation, version: int, state: dict[str, Any], bases: Bases
) -> Any:
    """Return what the object reduced to, as docs/reference/wire-format.md describes it."""
    claim = Claim(instrumentation.declaration.key, version, None, bases)
    whole = make_stamp(instrumentation.cls, claim, write_only)
    if isinstance(instrumentation.codec, EnumCodec):
        return calls.member, (whole, state["name"])
    if instrumentation.declaration.has_factory:
        return calls.rebuild, (whole, (), state)
    if instrumentation.codec.layout.custom_reduce:
        return whole, (), (whole, state)
    if is_model(instrumentation.cls):
        state = {FIELDS_SET: set(state), **state}
    is_by_values = isinstance(instrumentation.codec, ValuesCodec)
    names = (BY_VALUES, *state) if is_by_values else tuple(state)
    stamp = make_stamp(instrumentation.cls, attrs.evolve(claim, fields=names), write_only)
    if is_by_values:
        return stamp, tuple(state.values())
    return stamp, (), (stamp, *state.values())


class _Stored:
    """Pickles as the reduction of an old object."""

    def __init__(self, reduction: Any) -> None:
        self._reduction = reduction

    def __reduce_ex__(self, protocol: object) -> Any:
        return self._reduction
