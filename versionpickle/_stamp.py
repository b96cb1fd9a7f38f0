"""The stamp: the one object per class that stands for it in a stream."""

from __future__ import annotations

import functools

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from ._names import look_up, ref_of
from .exceptions import UnreachableClassError


FORMAT = 1
"""The number of the stream format; see docs/reference/wire-format.md."""

Bases: TypeAlias = tuple[tuple[str, int], ...]
Fill: TypeAlias = Callable[[Any, Any], None]


@attrs.frozen
class Claim:
    """
    What a stamp says of the class whose objects carry it.

    *fields* is None where the class decides itself what its state is.
    *bases* holds (ref, version) of each versioned class it derives from.
    """

    ref: str
    version: int
    fields: tuple[str, ...] | None
    bases: Bases = ()


class Stamp(functools.partial[Any]):
    """
    Make blank objects of a class, and say how a state fills them.

    A partial over ``cls.__new__``, so that pickle makes an object without a
    Python frame.
    """

    __slots__ = ("_reduction", "claim", "cls", "fill", "is_current", "revive")

    cls: type
    claim: Claim
    fill: Fill
    is_current: bool
    revive: Callable[..., Stamp]
    _reduction: tuple[Any, ...] | None

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        if self._reduction is None:
            _check_reachable(self)
            claim = self.claim
            described = (FORMAT, claim.ref, claim.version, claim.fields, claim.bases)
            self._reduction = (self.revive, described)
        return self._reduction

    def __deepcopy__(self, memo: object) -> Stamp:
        return self

    def __repr__(self) -> str:
        return f"<stamp of {self.claim.ref} version {self.claim.version}>"


def make_stamp(
    cls: type, claim: Claim, fill: Fill, revive: Callable[..., Stamp], *, is_current: bool
) -> Stamp:
    stamp = Stamp(cls.__new__, cls)
    stamp.cls = cls
    stamp.claim = claim
    stamp.fill = fill
    stamp.revive = revive
    stamp.is_current = is_current
    stamp._reduction = None
    return stamp


def _check_reachable(stamp: Stamp) -> None:
    """Refuse to write a ref that no load can follow; a stable name needs none."""
    ref = ref_of(stamp.cls)
    if stamp.claim.ref != ref:
        return
    try:
        found = look_up(ref)
    except LookupError as exc:
        raise UnreachableClassError(str(exc), ref) from None
    if found is not stamp.cls:
        raise UnreachableClassError("its module has something else of that name", ref)
