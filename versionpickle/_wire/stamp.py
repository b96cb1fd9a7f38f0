"""The stamp: one object per class that represents its version in a stream."""

from __future__ import annotations

import functools
import sys
import threading

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import attrs

from versionpickle.exceptions import StampError


FORMAT = 1
"""The number of the stream format; see docs/reference/wire-format.md."""

BY_VALUES = "*"
"""What precedes the names of fields that are arguments, of named tuples and structs."""

NAMED = "_stamp"
"""How the names of stamps begin, for libraries such as PyYAML that store what makes an object
by its name; their dots are escaped, because the last one is before a name."""

MAKES_BLANKS = "makes_blanks"
"""The attribute of a function that makes objects without running code of their class."""

MADE_FROM_ARGUMENTS = (
    "it was made from arguments, which its class does not take any more; let alias() name a "
    "function that takes them"
)

Bases: TypeAlias = tuple[tuple[str, int], ...]
Fill: TypeAlias = Callable[[Any, Any], None]


@attrs.frozen
class Claim:
    """
    What a stamp declares about the class of the objects that have it.

    *fields* is None where the class decides itself what its state is; they begin with
    BY_VALUES where the values are the arguments of the stamp.
    *bases* holds (ref, version) of each versioned class it derives from.
    """

    ref: str
    version: int
    fields: tuple[str, ...] | None
    bases: Bases = ()

    @property
    def is_by_values(self) -> bool:
        return self.fields is not None and self.fields[:1] == (BY_VALUES,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values."""
        fields = self.fields or ()
        return fields[1:] if self.is_by_values else fields


class _Notes(threading.local):
    """Record which stamps are written, in each thread, on request."""

    stamps: list[Stamp] | None = None


NOTES = _Notes()


class Construction:
    """Make objects in one of the ways that streams ask for, beside a call of the stamp itself."""

    def call(
        self, stamp: Stamp, function: Any, args: tuple[Any, ...], kwargs: Any, state: Any
    ) -> Any:
        """
        Call *function*, or the class, and fill the object that this returns.

        *state* is None where the state follows; False says that there is none, for a function
        that might return something else.
        """
        if function is None:
            obj = self.called(stamp, args, kwargs)
        else:
            obj = self.of_function(stamp, function, args, kwargs)
        if state is False:
            if type(obj) is stamp.cls:
                stamp.fill(obj, (stamp, None))
        elif state is not None:
            stamp.fill(obj, (stamp, state))
        return obj

    @property
    def is_detached(self) -> bool:
        """Whether the class has no methods of ours, which would set its states."""
        return False

    def check_arguments(self, stamp: Stamp, args: tuple[Any, ...]) -> None:
        """Refuse arguments that the call of a stamp would ignore."""

    def expect_parts(self, stamp: Stamp) -> None:
        """Note that an object has items besides its state, which its steps get."""

    def called(self, stamp: Stamp, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Call the class."""
        raise NotImplementedError

    def of_function(self, stamp: Stamp, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Call the function that the class reduces to."""
        raise NotImplementedError

    def whole(self, function: Any, stamp: Stamp, *stored: Any) -> Any:
        """Make an object from all that was stored of it, as the wire *function* is called."""
        fill: Any = stamp.fill
        return fill(None, (stamp, *stored))

    def set_state(self, obj: Any, state: tuple[Any, ...]) -> None:
        """Fill an object whose class cannot do that itself."""
        state[0].fill(obj, state)


DEFAULT = Construction()


_BY_VALUE = frozenset({"dump", "save"})
"""The functions of the picklers in Python, some of which write classes by value."""


class Stamp(functools.partial[Any]):
    """
    Make blank objects of a class, and know how a state fills them.

    A partial over ``cls.__new__``, so that pickle makes an object without a
    Python frame.
    """

    __slots__ = (
        "_reduction",
        "begin",
        "check_reachable",
        "claim",
        "cls",
        "construction",
        "described",
        "fill",
    )

    cls: type
    claim: Claim
    fill: Fill
    check_reachable: Callable[[], None]
    """Refuse to be written where no load could find the class again."""

    construction: Construction
    described: tuple[Any, ...]
    """The arguments of `revive`."""

    begin: Callable[[], None] | None
    """What is called when a pickle begins to use this stamp, if it is one of an old version."""

    __name__: str
    travels: ClassVar[Callable[..., Any]]
    """What a stamp reduces to for a pickler that writes classes by value; set as `revive` is."""

    revive: ClassVar[Callable[..., Stamp]]
    """What streams call to get the stamp back; the module that defines it sets it."""

    _reduction: tuple[Any, ...] | None

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        if NOTES.stamps is not None:
            NOTES.stamps.append(self)
        caller = sys._getframe(1)
        if caller.f_code.co_name in _BY_VALUE:
            reduction: tuple[Any, ...] | None = self.travels(self, caller)
            if reduction is not None:
                return reduction
        if self._reduction is None:
            self.check_reachable()
            self._reduction = (self.revive, self.described)
        return self._reduction

    def __setstate__(self, state: object) -> None:
        raise StampError(self.claim.ref, "a state is set on the stamp itself")

    def __deepcopy__(self, memo: object) -> Stamp:
        return self

    def __repr__(self) -> str:
        return f"<stamp of {self.claim.ref} version {self.claim.version}>"


def make_stamp(
    cls: type,
    claim: Claim,
    fill: Fill,
    check_reachable: Callable[[], None] = lambda: None,
    *,
    make: tuple[Any, ...] | None = None,
    construction: Construction = DEFAULT,
) -> Stamp:
    """Return a stamp; *make* is what it calls, and the first arguments, if not ``cls.__new__``."""
    stamp = Stamp(*(make or (cls.__new__, cls)))
    stamp.cls = cls
    stamp.claim = claim
    stamp.fill = fill
    stamp.construction = construction
    stamp.begin = None
    stamp.check_reachable = check_reachable
    stamp.described = (FORMAT, claim.ref, claim.version, claim.fields, claim.bases)
    stamp.__module__ = "versionpickle"
    stamp.__name__ = f"{NAMED}:{stamp.described!r}".replace(".", r"\x2e")
    stamp._reduction = None
    return stamp


def is_stamped(state: Any) -> bool:
    """Return whether *state* begins with a stamp."""
    return type(state) is tuple and bool(state) and type(state[0]) is Stamp
