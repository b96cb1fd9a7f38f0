"""An object that will exist once the bytes are read, with the actions that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from versionpickle.exceptions import BuildError

from .finder import Former


class Deferred:
    """Represent an object that will be made."""

    __slots__ = (
        "_callbacks",
        "_done",
        "_result",
        "decide",
        "gets_state",
        "made_at",
        "making",
        "state",
    )

    def __init__(self, made_at: int) -> None:
        self.made_at = made_at
        """The index of the opcode that makes it."""

        self.gets_state = False
        """Whether the pickle holds a state for it."""

        self.state: Any = None
        """That state, as it was read."""

        self.making: Making | None = None
        """What makes it from its state, where it cannot be made without."""

        self.decide: Callable[[Deferred], None] | None = None
        """What may make it before its state is whole, where it is needed earlier."""

        self._done = False
        self._result: Any = None
        self._callbacks: list[Callable[[Any], None]] = []

    def done(self) -> bool:
        return self._done

    def set_result(self, obj: Any) -> None:
        """Let *obj* take its place, wherever it was needed."""
        self._result = obj
        self._done = True
        for callback in self._callbacks:
            callback(obj)
        self._callbacks.clear()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._done:
            callback(self._result)
        else:
            self._callbacks.append(callback)

    def result(self) -> Any:
        """Return the object; raise NotMadeError where it is still to be made."""
        if not self._done and self.decide is not None:
            decide, self.decide = self.decide, None
            decide(self)
        if not self._done:
            raise NotMadeError(self.made_at, self)
        return self._result

    def is_pending(self) -> bool:
        """Return whether this will be made from a state that comes later."""
        return self.making is not None and not self._done

    def keeps_items(self, items: Any) -> bool:
        """Keep items for what it becomes; return whether that takes them."""
        if self.making is None or self.making.items is None:
            return False
        self.making.items.append(items)
        return True

    def stuck(self) -> Any:
        """Return the error of an object that is needed to make itself, if it has a special one."""
        conversion = None if self.making is None else self.making.conversion(self.state)
        return None if conversion is None else conversion.stuck()


@attrs.frozen
class Making:
    """Make an object from its state, when that is there."""

    make: Callable[[Any], Any]
    conversion: Callable[[Any], Any] = lambda state: None
    """Returns what decides the class of the object by its state, if that is possible earlier."""

    items: list[Any] | None = None
    """Where items are kept for *make*; None if they come after it."""


class Parts:
    """The parts of tuples that are still to be made, and of dicts that are still to be filled."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Any, Any]] = {}

    def note(self, container: Any, parts: Any) -> None:
        self._parts[id(container)] = (container, parts)

    def add_pairs(self, container: Any, pairs: list[tuple[Any, Any]]) -> None:
        _, known = self._parts.setdefault(id(container), (container, []))
        known += pairs

    def of(self, container: Any) -> Any:
        """Return the parts of a tuple or dict, some of which may be deferred; of others itself."""
        found = self._parts.get(id(container))
        return container if found is None else found[1]


class Opaque:
    """Represent a neighbour that is not made yet: steps may keep it, but not look at it."""

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
        self._copied: dict[int, tuple[Any, Any]] = {}

    def of(self, part: Any) -> Any:
        todo: list[tuple[Any, Any]] = []
        copy = self._begin(part, todo)
        while todo:
            old, new = todo.pop()
            if type(old) is dict:
                new.update((key, self._begin(value, todo)) for key, value in old.items())
            elif type(old) is list:
                new.extend(self._begin(item, todo) for item in old)
            else:
                new.update(old)
        return copy

    def _begin(self, part: Any, todo: list[tuple[Any, Any]]) -> Any:
        """Return what represents *part*; a container is filled later."""
        if type(part) is Deferred:
            return part.result() if part.done() else Opaque(part.made_at)
        if type(part) not in {dict, list, set}:
            return resolved(part)
        if id(part) not in self._copied:
            copy = type(part)()
            self._copied[id(part)] = part, copy
            todo.append((part, copy))
        return self._copied[id(part)][1]


class NotMadeError(Exception):
    """An object is needed to make itself; never leaves a load."""

    def __init__(self, made_at: int, needed: Deferred | None = None) -> None:
        super().__init__(made_at)
        self.made_at = made_at
        self.needed = needed


def resolved(obj: Any) -> Any:
    """Return the object that *obj* represents, which may be itself."""
    if type(obj) is Deferred:
        return obj.result()
    if type(obj) is not Former:
        return obj
    if not obj.is_data():
        problem = "alias() lets a function take its place, which can be called, and is no data"
        raise BuildError(problem, obj.ref)
    return obj.cls


SETTLED = frozenset({type(None), bool, int, float, str, bytes, complex})


def is_settled(obj: Any) -> bool:
    """Return whether *obj* is complete: its hash runs no code of a class."""
    if type(obj) in SETTLED:
        return True
    todo, seen = [obj], {id(obj)}
    while todo:
        part = todo.pop()
        if type(part) is tuple:
            todo += (inner for inner in part if id(inner) not in seen)
            seen.update(map(id, part))
        elif type(part) not in SETTLED:
            return False
    return True
