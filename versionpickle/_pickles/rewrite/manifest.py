"""The manifest of a pickle: the classes in it and their versions."""

from __future__ import annotations

import json

from collections.abc import Iterable
from typing import Any, Self

import attrs

from versionpickle._wire.stamp import Claim
from versionpickle.migrations import Registry

from .staleness import is_current, is_renamed, would_be_stamped


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*names}))


def _claims_sorted(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    return tuple(sorted({*claims}, key=lambda claim: (claim.ref, claim.version, repr(claim))))


@attrs.frozen(cache_hash=True)
class Manifest:
    """
    What a pickle holds, as far as versions go.

    >>> Manifest(made=["decimal:Decimal"])
    Manifest(claims=(), made=('decimal:Decimal',), named=())
    >>> Manifest.from_text(Manifest(made=["decimal:Decimal"]).text).made
    ('decimal:Decimal',)
    """

    claims: tuple[Claim, ...] = attrs.field(default=(), converter=_claims_sorted)
    """What its stamps hold."""

    made: tuple[str, ...] = attrs.field(default=(), converter=_sorted)
    """What made objects without a stamp: the refs of classes and functions."""

    named: tuple[str, ...] = attrs.field(default=(), converter=_sorted)
    """What is referred to by name."""

    @property
    def text(self) -> str:
        """The manifest as JSON; equal manifests have equal strings."""
        claims = [(claim.ref, claim.version, claim.fields, claim.bases) for claim in self.claims]
        parts = {"stamped": claims, "made": self.made, "named": self.named}
        return json.dumps({name: part for name, part in parts.items() if part})

    @classmethod
    def from_text(cls, text: str) -> Self:
        parts: dict[str, Any] = json.loads(text)
        claims = (_claim(*claim) for claim in parts.get("stamped", ()))
        return cls(claims, parts.get("made", ()), parts.get("named", ()))

    def __or__(self, other: Manifest) -> Manifest:
        return Manifest(
            (*self.claims, *other.claims), (*self.made, *other.made), (*self.named, *other.named)
        )

    def is_stale(self, registry: Registry) -> bool:
        """Return whether a dump would write something else today."""
        return (
            not all(is_current(claim, registry) for claim in self.claims)
            or any(would_be_stamped(ref, registry) for ref in self.made)
            or any(is_renamed(ref, registry) for ref in self.named)
        )


def _claim(ref: str, version: int, fields: list[str] | None, bases: list[Any]) -> Claim:
    known = None if fields is None else tuple(fields)
    return Claim(ref, version, known, tuple((base, number) for base, number in bases))
