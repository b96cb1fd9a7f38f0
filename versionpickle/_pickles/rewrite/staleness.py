"""Decide whether a stored pickle is what a dump would write today."""

from __future__ import annotations

from versionpickle._wire.refs import own_ref
from versionpickle._wire.stamp import Claim
from versionpickle.migrations import Converted, Declaration, Registry, Retired


def is_current(claim: Claim, registry: Registry) -> bool:
    """Return whether a dump would write this very stamp, or cannot write another one."""
    if isinstance(registry.resolve(claim.ref), Retired):
        return True
    declaration = registry.named(claim.ref)
    if declaration is None or declaration.version != claim.version:
        return False
    *bases, _ = ((base.key, base.version) for base in declaration.instrumentation.lineage())
    codec = declaration.instrumentation.codec
    return claim.bases == tuple(bases) and codec.current(claim.fields) is not None


def would_be_stamped(ref: str, registry: Registry) -> bool:
    """Return whether what was stored without a stamp would get one."""
    if isinstance(registry.resolve(ref), Declaration | Converted) or is_renamed(ref, registry):
        return True
    own = own_ref(ref)  # a module may still hold the class that has moved out of it
    return own is not None and isinstance(registry.resolve(own), Declaration)


def is_renamed(ref: str, registry: Registry) -> bool:
    meaning = registry.resolve(ref)
    if isinstance(meaning, Declaration):
        return meaning.ref != ref
    return registry.target(ref) != ref or not isinstance(meaning, Retired | None)
