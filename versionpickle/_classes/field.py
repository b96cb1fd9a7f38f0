"""One field of a class: where its value is stored, and its default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Default:
    """How a field gets a value that no pickle holds."""

    make: Callable[[Any], Any]
    """Take the object, as attrs' takes_self does."""

    constant: bool = False
    """Whether every call gives the same object."""


REQUIRED = None
UNSET = Default(lambda obj: attrs.NOTHING)
"""The default of a field that its class leaves without a value."""


@attrs.frozen
class Field:
    name: str
    slot: Any = None
    """The descriptor that keeps the value; None for a field in the ``__dict__``."""

    default: Default | None = REQUIRED
    transient: bool = False
    guarded: bool = False
    """Whether plain attribute access would meet something else of this name."""

    def read(self, obj: Any) -> Any:
        """Return the value; raise AttributeError or KeyError where there is none."""
        return obj.__dict__[self.name] if self.slot is None else self.slot.__get__(obj)

    def store(self, obj: Any, value: Any) -> None:
        if self.slot is None:
            obj.__dict__[self.name] = value
        else:
            self.slot.__set__(obj, value)

    @property
    def has_default(self) -> bool:
        return self.default is not REQUIRED and self.default is not UNSET

    def store_default(self, obj: Any) -> None:
        if self.default is not None and self.default is not UNSET:
            self.store(obj, self.default.make(obj))

    def clear(self, obj: Any) -> None:
        if self.slot is None:
            del obj.__dict__[self.name]
        else:
            self.slot.__delete__(obj)
