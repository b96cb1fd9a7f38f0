"""The objects on the stack that are still being made: there alone they get items and a state."""

from __future__ import annotations

from typing import Any, TypeAlias

from versionpickle._wire.stamp import Stamp

from .called import named
from .strict_reader import StrictReader


FREE, WANTED, TAKEN = range(3)
"""Whether an object may get a state, must get one, or has got it."""

Claimed: TypeAlias = tuple[int, Stamp | None]
"""One of these, and the stamp with which the state begins."""

_ANY: Claimed = (FREE, None)


class ObjectLifetimes(StrictReader):
    """Know what was made where on the stack, until it is used."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # Three lists, since a list for each object would be more work for the garbage collector.
        self._places: list[int] = []
        self._objects: list[Any] = []
        self._claimed: list[Claimed] = []

    def close(self, place: int | None = None) -> None:
        """Hand over what was made from this place on, or for the end of the stack: it is whole."""
        if place is None:
            place = len(self.marks) << 32 | len(self.stack)
        places = self._places
        while places and places[-1] >= place:
            places.pop()
            self._objects.pop()
            if self._claimed.pop()[0] == WANTED:
                self.refuse("an object is used before it has its state")

    def open(self, obj: Any, claimed: Claimed = _ANY) -> Any:
        """Note that *obj* was made for the end of the stack."""
        self._places.append(len(self.marks) << 32 | len(self.stack))
        self._objects.append(obj)
        self._claimed.append(claimed)
        return obj

    def check_open(self, obj: Any) -> None:
        """Refuse to change what stands at the end of the stack, but was not made there."""
        place = (len(self.marks) << 32 | len(self.stack)) - 1
        self.close(place + 1)
        if not self.is_last(obj) or self._places[-1] != place:
            self.refuse(f"{named(obj)} is changed that was not made here, or was used since")

    def is_last(self, obj: Any) -> bool:
        """Tell whether *obj* is the innermost that is still being made."""
        return bool(self._objects) and self._objects[-1] is obj

    def claimed(self) -> Claimed:
        """Return what state the innermost may get."""
        return self._claimed[-1]

    def note_state(self) -> None:
        """Note that the innermost has its state now."""
        self._claimed[-1] = (TAKEN, self._claimed[-1][1])

    def hold(self, obj: Any, items: int) -> None:
        """Count the items of what is open."""
        self.check_open(obj)
        self.budget.hold(items)

    # What picklers throw away again: objects that are part of their own arguments

    def drop(self) -> None:
        super().drop()
        self.budget.tick()
        self._forget_dropped()

    def drop_to_mark(self) -> None:
        super().drop_to_mark()
        self._forget_dropped()

    def _forget_dropped(self) -> None:
        place = len(self.marks) << 32 | len(self.stack)
        while self._places and self._places[-1] >= place:
            self._places.pop()
            self._objects.pop()
            self._claimed.pop()
