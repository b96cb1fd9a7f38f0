"""Whether a pickle makes objects from arguments that C's unpickler gives to classes unseen."""

from __future__ import annotations

import io
import pickle
import re

from collections.abc import Iterable
from typing import Any

from versionpickle._classes.unstamped import Unstamped
from versionpickle.migrations import Registry


_MAY_GIVE = re.compile(rb"(?:[\x85-\x87t]\x94?|[hq].|[jr].{4}|\x94)\x81|\x92", re.DOTALL)
"""What may be a NEWOBJ with arguments, or a NEWOBJ_EX; in other bytes it is seldom found."""


def loses_arguments(registry: Registry, unstamped: Iterable[Unstamped], data: Any) -> bool:
    """Return whether a pickle gives arguments to those of these classes that would lose them."""
    checked = [of_class for of_class in unstamped if of_class.may_lose_arguments]
    if not checked or not (any(of_class.is_value for of_class in checked) or _may_give(data)):
        return False
    reader = _Looking(io.BytesIO(data))
    reader.registry = registry
    try:
        reader.load()
    except Exception:  # noqa: BLE001 - if it is none of ours, our own reader knows better
        return True
    return False


def _may_give(data: Any) -> bool:
    """Return whether some bytes may be a NEWOBJ with arguments, or a NEWOBJ_EX."""
    data = bytes(data)
    is_without = data.count(b"\x81") == data.count(b")\x81") and b"\x92" not in data
    return not is_without and _MAY_GIVE.search(data) is not None


class _FoundError(Exception):
    """Arguments were given."""


class _Calling(type):
    instrumentation: Unstamped | None = None

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made: Any = cls
        checked = cls.instrumentation
        if checked is not None and checked.is_value and checked.loses(args, kwargs):
            raise _FoundError
        return object.__new__(made)


class _Blank(metaclass=_Calling):
    """Take the place of an object: with any items and state, but no arguments."""

    __slots__ = ()
    __setstate__ = callable  # in C, it does nothing with a state

    def _ignore(self, *_: Any) -> None:
        pass

    append = extend = add = __setitem__ = _ignore

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Anything()


class _Anything(_Blank):
    """Take the place of an object: with any arguments, items and state."""

    __slots__ = ()

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return object.__new__(cls)


class _Looking(pickle.Unpickler):
    """Read the bytes without making anything of what they name."""

    registry: Registry

    def find_class(self, module: str, name: str) -> Any:
        declaration = self.registry.declaration(f"{module}:{name}")
        if declaration is None:
            return _Anything
        return _place_of(declaration.instrumentation.unstamped)

    def persistent_load(self, key: Any) -> Any:
        return _Anything()


def _place_of(instrumentation: Unstamped) -> Any:
    if instrumentation.ignores_arguments:  # C refuses any
        return _Calling("_Place", (_Blank,), {"__slots__": (), "instrumentation": instrumentation})

    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        if instrumentation.loses(args, kwargs):
            raise _FoundError
        return object.__new__(cls)

    return _Calling("_Place", (_Blank,), {"__new__": new, "instrumentation": instrumentation})
