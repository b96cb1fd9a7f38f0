"""States that carry their stamp, as ``__getstate__`` of a versioned class returns them."""

from __future__ import annotations

from typing import Any

from .calls import wire_function
from .refs import public
from .stamp import Stamp


class StampedState:
    """
    A state that is read as the plain one would be, and knows its version wherever it goes.

    Frameworks that call ``__getstate__`` and ``__setstate__`` themselves store it as they
    like: by pickle, or by its class and by what its own ``__getstate__`` returns.
    """

    __slots__ = ()

    stamp: Stamp

    def plain(self) -> Any:
        """Return the state without its stamp."""
        raise NotImplementedError

    def refill(self, stamp: Stamp, content: Any) -> None:
        """Take a stamp and a plain state: this one was made without any."""
        raise NotImplementedError

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return state, (self.stamp, self.plain())

    def __getstate__(self) -> dict[str, Any]:
        return {"stamp": self.stamp.described, "content": self.plain()}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        self.refill(Stamp.revive(*stored["stamp"]), stored["content"])


@public("versionpickle")
class _StateDict(StampedState, dict[Any, Any]):
    """A state of named values."""

    __slots__ = ("stamp",)

    def plain(self) -> Any:
        return dict(self)

    def refill(self, stamp: Stamp, content: Any) -> None:
        self.stamp = stamp
        self.update(content)

    def copy(self) -> Any:
        return state(self.stamp, self.plain())

    def __or__(self, other: Any) -> Any:
        return state(self.stamp, {**self, **other})


@public("versionpickle")
class _StateList(StampedState, list[Any]):
    """A state that is a list."""

    __slots__ = ("stamp",)

    def plain(self) -> Any:
        return list(self)

    def refill(self, stamp: Stamp, content: Any) -> None:
        self.stamp = stamp
        self.extend(content)


@public("versionpickle")
class _StateTuple(StampedState, tuple[Any, ...]):  # noqa: SLOT001 - a tuple has no place for slots
    """A state such as the pair of attributes and slots."""

    content: tuple[Any, ...]

    def plain(self) -> Any:
        return self.content

    def refill(self, stamp: Stamp, content: Any) -> None:
        self.stamp = stamp
        self.content = content


@public("versionpickle")
class _StateValue(StampedState):
    """A state of any other type, which cannot carry a stamp itself."""

    __slots__ = ("content", "stamp")

    def plain(self) -> Any:
        return self.content

    def refill(self, stamp: Stamp, content: Any) -> None:
        self.stamp = stamp
        self.content = content


_OF_BUILTINS: dict[type, Any] = {dict: _StateDict, list: _StateList, tuple: _StateTuple}
STATES: dict[str, Any] = {cls.__name__: cls for cls in (*_OF_BUILTINS.values(), _StateValue)}
"""The classes that some frameworks store by name, as names of the package itself."""


@wire_function
def state(stamp: Stamp, content: Any) -> Any:
    """Return a state that carries *stamp*."""
    kind = _OF_BUILTINS.get(type(content), _StateValue)
    made = kind.__new__(kind, content) if kind is _StateTuple else kind()
    made.refill(stamp, content)
    return made
