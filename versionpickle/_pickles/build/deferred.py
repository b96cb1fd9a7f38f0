"""What is still to be done once the bytes are read: calls, items and states, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .finder import Former


class Deferred:
    """Stand for an object that will be made."""

    __slots__ = ("_made", "_uses", "decide", "gets_state", "is_made", "made_at", "making", "state")

    def __init__(self, made_at: int) -> None:
        self.made_at = made_at
        self.gets_state = False
        """Whether the pickle holds a state for it."""

        self.state: Any = None
        """That state, as it was read."""

        self.making: Making | None = None
        """What makes it of its state, where it cannot be made without."""

        self.decide: Callable[[Deferred], None] | None = None
        """What may make it before its state is whole, where somebody needs it."""

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
        if not self.is_made and self.decide is not None:
            decide, self.decide = self.decide, None
            decide(self)
        if not self.is_made:
            raise NotMadeError(self.made_at, self)
        return self._made

    def stuck(self) -> Any:
        """Return what to say where it is needed to make itself; None where only that is known."""
        conversion = None if self.making is None else self.making.conversion(self.state)
        return None if conversion is None else conversion.stuck()


@attrs.frozen
class Making:
    """Make an object of its state, when that is there."""

    make: Callable[[Any], Any]
    conversion: Callable[[Any], Any] = lambda state: None
    """Returns what tells the class of the object by its state, if that can be told earlier."""


class Opaque:
    """Stand in a state for a neighbour that is not made: steps may keep it, and not look at it."""

    __slots__ = ("_made_at",)

    def __init__(self, made_at: int) -> None:
        object.__setattr__(self, "_made_at", made_at)

    def _refuse(self, *_: object) -> Any:
        raise NotMadeError(object.__getattribute__(self, "_made_at"))

    __getattribute__ = __setattr__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __call__ = __str__ = __repr__ = __format__ = _refuse


class Copies:
    """
    Show the parts of states to steps that will run once more, and may change them.

    Containers are copied, once in a load, and what is not made yet is opaque.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any]] = {}

    def of(self, part: Any) -> Any:
        coming: list[tuple[Any, Any]] = []
        shown = self._begun(part, coming)
        while coming:
            old, new = coming.pop()
            if type(old) is dict:
                new.update((key, self._begun(value, coming)) for key, value in old.items())
            elif type(old) is list:
                new.extend(self._begun(item, coming) for item in old)
            else:
                new.update(old)
        return shown

    def _begun(self, part: Any, coming: list[tuple[Any, Any]]) -> Any:
        """Return what stands for *part*; a container is filled later."""
        if type(part) is Deferred:
            return part.made if part.is_made else Opaque(part.made_at)
        if type(part) not in {dict, list, set}:
            return meaning(part)
        if id(part) not in self._made:
            made = type(part)()
            self._made[id(part)] = part, made
            coming.append((part, made))
        return self._made[id(part)][1]


class NotMadeError(Exception):
    """Say that an object is needed to make itself; never leaves a load."""

    def __init__(self, made_at: int, needed: Deferred | None = None) -> None:
        super().__init__(made_at)
        self.made_at = made_at
        self.needed = needed


def meaning(found: Any) -> Any:
    """Return the object that *found* stands for, which may be itself."""
    if type(found) is Deferred:
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
