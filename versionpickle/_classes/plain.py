"""What a class does without us: how plain pickle would reduce and fill its objects."""

from __future__ import annotations

import copyreg
import sys
import threading
import types

from functools import partial
from typing import Any

from versionpickle._wire.refs import MARK, is_written_in_c


class _Reducing(threading.local):
    """The object whose class is being asked, in each thread, what it reduces to by itself."""

    obj: Any = None


REDUCING = _Reducing()


class Plain:
    """Reduce and fill the objects of one class as if nothing had been put on it."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.is_covered = False
        """Whether methods of ours hide those of the class."""

        self.originals: dict[str, Any] = {}
        """The methods that they hide, and the reducer that copyreg had."""

    def take_reducer(self, cls: type) -> None:
        """Keep what was registered with `copyreg.pickle` for the class."""
        reducer = copyreg.dispatch_table.pop(cls, None)
        if reducer is not None and not hasattr(reducer, MARK):
            self.originals["copyreg"] = reducer

    def reduce(self, obj: Any, protocol: int) -> Any:
        cls: Any = self.cls
        reducer = self._reducer
        outer = REDUCING.obj
        REDUCING.obj = obj
        try:
            if reducer is not None and type(obj) is cls:
                return reducer(obj)
            original = self.originals.get("__reduce_ex__")
            if original is not None:
                return original.__get__(obj, type(obj))(protocol)
            protocol = max(2, protocol)
            if self.is_covered:
                return super(cls, obj).__reduce_ex__(protocol)
            other = plain_of(cls)  # of another registry
            plain = obj.__reduce_ex__ if other is None else partial(other.reduce, obj)
            return plain(protocol)
        finally:
            REDUCING.obj = outer

    @property
    def _reducer(self) -> Any:
        found = copyreg.dispatch_table.get(self.cls)
        if self.is_covered and (found is None or hasattr(found, MARK)):  # as for nearly all
            return self.originals.get("copyreg")
        return registered_reducer(self.cls)

    def state(self, obj: Any) -> Any:
        """Return what ``__getstate__`` returns."""
        return self.method("__getstate__")(obj)

    def method(self, name: str) -> Any:
        """Return a function that does what a method does which one of ours hides."""
        hidden = self.originals.get(name)
        if hidden is None:
            bases = (vars(base) for base in self.cls.__mro__[1:])
            hidden = next(space[name] for space in bases if name in space)
        if isinstance(hidden, _FUNCTIONS):
            return hidden
        return lambda obj, *args: hidden.__get__(obj, type(obj))(*args)

    def set_state(self, obj: Any, state: Any) -> None:
        _set(obj, state, self._setter(obj))

    def _setter(self, obj: Any) -> Any:
        original = self.originals.get("__setstate__")
        if original is not None:
            return original.__get__(obj)
        if not self.is_covered:
            other = plain_of(self.cls)
            return other._setter(obj) if other else getattr(obj, "__setstate__", None)
        return getattr(self.above(obj), "__setstate__", None)

    def above(self, obj: Any) -> Any:
        cls: Any = self.cls
        return super(cls, obj)


_FUNCTIONS = (types.FunctionType, types.MethodDescriptorType)


def hides_state(cls: type) -> bool:
    """
    Return whether C keeps more of the objects than pickle can see, which refuses them.

    It would no longer do so with a ``__getstate__`` of any kind on the class.
    """
    default: Any = object.__reduce__
    reduces = cls.__reduce__ is not default or issubclass(cls, list | dict)
    has_args = hasattr(cls, "__getnewargs__") or hasattr(cls, "__getnewargs_ex__")
    has_state = any("__getstate__" in vars(base) for base in cls.__mro__[:-1])
    in_c = (base for base in cls.__mro__ if is_written_in_c(base))
    holds_more = any(base.__basicsize__ > object.__basicsize__ for base in in_c)
    return holds_more and not (reduces or has_args or has_state)


def plain_of(cls: type) -> Plain | None:
    """Return what hides behind the methods that were put on *cls*, if any were."""
    instrumentation = vars(cls).get(MARK)
    return None if instrumentation is None else instrumentation.plain


def registered_reducer(cls: type) -> Any:
    """Return what others than us registered with `copyreg.pickle` for *cls*; or None."""
    plain = plain_of(cls)
    if plain is not None and "copyreg" in plain.originals:
        return plain.originals["copyreg"]
    reducer: Any = copyreg.dispatch_table.get(cls)
    ours = getattr(reducer, MARK, None)
    return reducer if ours is None else ours.plain.originals.get("copyreg")


def reduced(obj: Any) -> Any:
    """Return what pickle would get from an object if its class were not instrumented."""
    reducer = registered_reducer(type(obj))
    return obj.__reduce_ex__(4) if reducer is None else reducer(obj)


def restore(obj: Any, state: Any) -> None:
    """Give an object its state as pickle does."""
    _set(obj, state, getattr(obj, "__setstate__", None))


def _set(obj: Any, state: Any, setter: Any) -> None:
    if setter is not None:
        setter(state)
        return
    is_pair = isinstance(state, tuple) and len(state) == 2
    attributes, slots = state if is_pair else (state, None)
    if attributes:
        interned = ((sys.intern(name) if type(name) is str else name) for name in attributes)
        obj.__dict__.update(zip(interned, attributes.values(), strict=True))
    for name, value in (slots or {}).items():
        setattr(obj, name, value)
