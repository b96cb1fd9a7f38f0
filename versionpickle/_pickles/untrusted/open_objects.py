"""The objects that are still under construction; only these may get items and a state."""

from __future__ import annotations

from typing import Any, TypeAlias

from versionpickle._pickles.machine.stack import Stack
from versionpickle._wire.stamp import Stamp

from .called import named
from .strict_source import StrictSource


FREE, WANTED, TAKEN = range(3)
"""Whether an object may get a state, must get one, or has got it."""

Claimed: TypeAlias = tuple[int, Stamp | None]
"""One of these, and the stamp with which the state begins."""

_ANY: Claimed = (FREE, None)


class ObjectLifetimes:
    """Remember what was made where on the stack, until it is used."""

    def __init__(self, source: StrictSource, stack: Stack) -> None:
        self._source = source
        self._stack = stack
        self._marks = stack.marks
        # Three lists, since a list for each object would be more work for the garbage collector.
        self._places: list[int] = []
        self._objects: list[Any] = []
        self._claimed: list[Claimed] = []

    def close(self, place: int | None = None) -> None:
        """Hand over what was made from this place on, or for the top of the stack: it is whole."""
        if place is None:
            place = len(self._marks) << 32 | len(self._stack.items)
        places = self._places
        while places and places[-1] >= place:
            places.pop()
            self._objects.pop()
            if self._claimed.pop()[0] == WANTED:
                self._source.refuse("an object is used before it has its state")

    def open(self, obj: Any, claimed: Claimed = _ANY) -> Any:
        """Note that *obj* was made for the top of the stack."""
        self._places.append(len(self._marks) << 32 | len(self._stack.items))
        self._objects.append(obj)
        self._claimed.append(claimed)
        return obj

    def check_open(self, obj: Any) -> None:
        """Refuse to change what is on top of the stack, but was not made there."""
        place = (len(self._marks) << 32 | len(self._stack.items)) - 1
        self.close(place + 1)
        if not self.is_last(obj) or self._places[-1] != place:
            self._source.refuse(
                f"{named(obj)} is changed that was not made here, or was used since"
            )

    def is_last(self, obj: Any) -> bool:
        """Return whether *obj* is the innermost that is still being made."""
        return bool(self._objects) and self._objects[-1] is obj

    def claimed(self) -> Claimed:
        """Return what state the innermost may get."""
        return self._claimed[-1]

    def note_state(self) -> None:
        """Note that the innermost has its state now."""
        self._claimed[-1] = (TAKEN, self._claimed[-1][1])

    def drop(self) -> None:
        """Forget what picklers throw away again: objects that are part of their own arguments."""
        place = len(self._marks) << 32 | len(self._stack.items)
        while self._places and self._places[-1] >= place:
            self._places.pop()
            self._objects.pop()
            self._claimed.pop()
