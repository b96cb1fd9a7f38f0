"""Revive stamps: find the class that a stream names, and the chain of steps to today."""

from __future__ import annotations

import ast
import importlib

from typing import Any

from versionpickle._wire.calls import wire_function
from versionpickle._wire.refs import checked_ref, is_version, look_up, shortened
from versionpickle._wire.stamp import FORMAT, NAMED, Claim, Stamp
from versionpickle._wire.stamp_cache import is_small
from versionpickle.exceptions import (
    DeclarationError,
    FutureVersionError,
    StampError,
    UnknownClassError,
)
from versionpickle.migrations import Converted, Declaration, Registry, Retired, default_registry
from versionpickle.migrations._names import Rebuilt

from .instrument import imply, instrumentation_of
from .methods import method_named
from .placeholder import placeholder_stamp


@wire_function
def revive(format: int, ref: str, version: int, fields: Any, bases: Any) -> Stamp:
    """Return the stamp that a stream describes; plain pickle comes here."""
    return revive_in(default_registry, True, format, ref, version, fields, bases)


Stamp.revive = staticmethod(revive)


def found_by_name(name: str) -> Any:
    """Return a stamp, or a method of a versioned class, that is in no module under its name."""
    if not name.startswith(f"{NAMED}:"):
        return method_named(name)
    return revive(*ast.literal_eval(name.removeprefix(f"{NAMED}:")))


def revive_in(
    registry: Registry,
    importing: bool,
    format: int,
    ref: str,
    version: int,
    fields: tuple[str, ...] | None,
    bases: tuple[tuple[str, int], ...],
    *,
    is_limited: bool = False,
) -> Stamp:
    """
    Return the stamp of *registry* that a stream describes.

    With *importing*, an unknown class's module is imported, as pickle does.
    What *is_limited*, and may be made up, is not kept by the class.
    """
    described = (format, version, fields, bases)
    known = registry.latest.get(ref) if type(ref) is str else None
    # True would be as good as 1 without the last test.
    if known is not None and known[0] == described and type(version) is type(format) is int:
        stamp = known[1]
    else:
        claim = checked_claim(ref, *described)
        kept = registry.stamps.get(claim) or registry.foreign_stamps.get(claim)
        if kept is None:
            kept = _new_stamp(registry, claim, importing, is_limited=is_limited)
            (registry.foreign_stamps if is_limited else registry.stamps).keep(claim, kept)
        stamp = kept
        if is_small(claim):
            registry.latest[ref] = (described, stamp)
    if stamp.begin is not None:
        stamp.begin()
    return stamp


def revive_or_keep(
    registry: Registry,
    importing: bool,
    keep: frozenset[str],
    kept: dict[Claim, Stamp],
    *described: Any,
    is_limited: bool = False,
) -> Stamp:
    """
    Return a stamp that makes placeholders, where *keep* asks for it.

    It is for classes that are missing, or that come from the future.
    """
    try:
        return revive_in(registry, importing, *described, is_limited=is_limited)
    except (UnknownClassError, FutureVersionError) as exc:
        if ("missing" if isinstance(exc, UnknownClassError) else "future") not in keep:
            raise
    number, ref, *rest = described
    claim = checked_claim(ref, number, *rest)
    return kept.setdefault(claim, placeholder_stamp(claim))


def _new_stamp(registry: Registry, claim: Claim, importing: bool, *, is_limited: bool) -> Stamp:
    meaning = _meaning(registry, claim, importing)
    if isinstance(meaning, Retired):
        return placeholder_stamp(claim)
    if isinstance(meaning, Rebuilt):
        from .conversion import conversion_stamp, remaking_of  # noqa: PLC0415 - as below

        return conversion_stamp(remaking_of(meaning, claim))
    if isinstance(meaning, Converted):
        from .conversion import conversion_stamp, exit_conversion  # noqa: PLC0415 - few classes become others

        return conversion_stamp(exit_conversion(registry, claim))
    is_kept = not is_limited and is_small(claim)
    stamp: Stamp = meaning.instrumentation.stamp(claim, is_kept=is_kept)
    return stamp


def checked_claim(ref: Any, format: Any, version: Any, fields: Any, bases: Any) -> Claim:
    name = ref if isinstance(ref, str) else shortened(ref)
    if type(format) is not int or format != FORMAT:
        raise StampError(
            name, f"the stamp has format {shortened(format)}, and this code reads {FORMAT}"
        )
    if not isinstance(ref, str) or not is_version(version):
        raise StampError(name, f"the stamp's version is {shortened(version)}")
    if fields is not None and not _are_names(fields):
        raise StampError(name, f"the stamp's field names are {shortened(fields)}")
    if type(bases) is not tuple or not all(_is_base(base) for base in bases):
        raise StampError(name, f"the stamp's bases are {shortened(bases)}")
    return Claim(ref, version, fields, bases)


def _are_names(fields: Any) -> bool:
    return (
        type(fields) is tuple
        and all(type(name) is str for name in fields)
        and len(set(fields)) == len(fields)
    )


def _is_base(base: Any) -> bool:
    return type(base) is tuple and len(base) == 2 and type(base[0]) is str and is_version(base[1])


def _meaning(
    registry: Registry, claim: Claim, importing: bool
) -> Declaration | Retired | Converted | Rebuilt:
    # An alias is for unstamped pickles first: what is stamped knows its class.
    meaning = registry.named(claim.ref) or registry.resolve(claim.ref)
    if meaning is None and importing:
        _import_module_of(registry.target(claim.ref), claim)
        meaning = registry.resolve(claim.ref)
    meaning = meaning or _unnoticed(registry, claim.ref)
    if isinstance(meaning, Declaration | Retired | Converted | Rebuilt):
        return meaning
    if meaning is None:
        problem = f"nothing in the {registry.name or 'given'} registry has this name"
        raise UnknownClassError(claim.ref, claim.version, problem)
    problem = f"this name means {meaning!r}, which is not a versioned class"
    error = UnknownClassError(claim.ref, claim.version, problem)
    error.cure = "declare that class with versioned() or adopt(), or let alias() name one that is"
    raise error


def _unnoticed(registry: Registry, ref: str) -> Declaration | None:
    """Version a subclass of a versioned class that was created unnoticed."""
    try:
        cls = look_up(ref)
    except LookupError:
        return None
    bases = cls.__mro__[1:] if isinstance(cls, type) else ()
    if any(known.registry is registry for known in map(instrumentation_of, bases) if known):
        imply(cls, registry)
    return registry.declared(ref)


def _import_module_of(ref: str, claim: Claim) -> None:
    try:
        module = checked_ref(ref).partition(":")[0]
    except DeclarationError:
        return  # a stable name contains no module
    try:
        importlib.import_module(module)
    except ImportError as exc:
        problem = f"its module cannot be imported ({exc})"
        raise UnknownClassError(claim.ref, claim.version, problem) from exc
