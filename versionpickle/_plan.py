"""What is still to be done once the bytes are read: calls, items and states, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._finder import Former


class StandIn:
    """Stand for an object that will be made."""

    __slots__ = ("_made", "_uses", "gets_state", "is_made", "made_at", "rebuild")

    def __init__(self, made_at: int) -> None:
        self.made_at = made_at
        self.gets_state = False
        """Whether the pickle holds a state for it."""

        self.rebuild: Callable[[Any], Any] | None = None
        """What makes it of its state, where it cannot be made without."""

        self.is_made = False
        self._made: Any = None
        self._uses: list[Callable[[Any], None]] = []

    def become(self, obj: Any) -> None:
        """Let *obj* take the place, wherever it was wanted."""
        self._made = obj
        self.is_made = True
        for use in self._uses:
            use(obj)
        self._uses.clear()

    def when_made(self, use: Callable[[Any], None]) -> None:
        if self.is_made:
            use(self._made)
        else:
            self._uses.append(use)

    @property
    def made(self) -> Any:
        """The object; raise NotMadeError where it is still to be made."""
        if not self.is_made:
            raise NotMadeError(self.made_at)
        return self._made


class NotMadeError(Exception):
    """Say that an object is needed to make itself; never leaves a load."""

    def __init__(self, made_at: int) -> None:
        super().__init__(made_at)
        self.made_at = made_at


def meaning(found: Any) -> Any:
    """Return the object that *found* stands for, which may be itself."""
    if type(found) is StandIn:
        return found.made
    return found.cls if type(found) is Former else found


SETTLED = frozenset({type(None), bool, int, float, str, bytes, complex})


def is_settled(obj: Any) -> bool:
    """Tell whether *obj* is all there: its hash runs no code of a class."""
    if type(obj) in SETTLED:
        return True
    coming, seen = [obj], {id(obj)}
    while coming:
        part = coming.pop()
        if type(part) is tuple:
            coming += (inner for inner in part if id(inner) not in seen)
            seen.update(map(id, part))
        elif type(part) not in SETTLED:
            return False
    return True
