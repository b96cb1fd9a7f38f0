"""Placeholders for objects whose class is gone; they keep everything that was stored."""

from __future__ import annotations

import copyreg
import functools
import threading

from collections.abc import Callable
from typing import Any, Self

from versionpickle._wire import calls
from versionpickle._wire.calls import wire_function
from versionpickle._wire.refs import public
from versionpickle._wire.stamp import Claim, Construction, Stamp, make_stamp
from versionpickle.exceptions import StampError
from versionpickle.migrations._fields import as_dict


_CLASSES_MAX = 4096
_REF_MAX = 1024


class _Written(threading.local):
    """
    Count the placeholders that plain pickle had to write as such, in each thread.

    Our own dumps look whether that changes, and write them anew.
    """

    count = 0


WRITTEN = _Written()


@public("versionpickle")
class Placeholder:
    """
    Stand for an object whose class is retired.

    *ref* names the class, and *version* its version if the object was stamped.
    The fields that were stored are its attributes.
    *args* and *kwargs* are what the constructor was given, *state* what there
    was to restore, *items* and *pairs* what was appended or set.
    A placeholder is stored again with all of that: by our own dumps as it was read, under
    the name of its class, and by plain pickle as a placeholder, where it had no stamp.
    """

    ref = ""
    version: int | None = None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: Any
    items: list[Any]
    pairs: list[tuple[Any, Any]]
    maker: tuple[Any] | None = None
    """What made the object, where that was not its class's ``__new__``."""

    in_call: tuple[Any, ...] = ()
    """The state, where it was an argument of the call that made the object."""

    setter: Callable[..., None] | None = None
    """What set the state, where that was not the class itself."""

    is_called = False
    """Whether its class was called, without a stamp, and not its ``__new__`` alone."""

    called: Placeholder | None = None
    """The object, itself a placeholder, whose call made it."""

    remade_from: tuple[Any, ...] | None = None
    """What protocols 0 and 1 made it of: a base, and the state of that."""

    whole: tuple[Any, ...] | None = None
    """The call that made the object, where all of it stood in that call."""

    _stored: tuple[Any, ...] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self.args = args
        self.kwargs = kwargs
        self.state = None
        self.items = []
        self.pairs = []
        self._stored = None
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.is_called = True

    def __setstate__(self, state: Any) -> None:
        if type(state) is tuple and state and type(state[0]) is Stamp:
            state[0].fill(self, state)
        else:
            self.state = state

    def extend(self, items: Any) -> None:
        self.items.extend(items)

    def append(self, item: Any) -> None:
        self.items.append(item)

    def add(self, item: Any) -> None:
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.pairs.append((key, value))

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        if self.whole is not None:
            return (*self.whole, None, iter(self.items), iter(self.pairs))
        if self._stored is not None:
            return self._reduce_stamped(self._stored)
        WRITTEN.count += 1
        content = {"state": self.state, "items": self.items, "pairs": self.pairs}
        called = (True,) if self.is_called else ()
        return keep, (self.ref, self.args, self.kwargs, *called), content

    def reduce_by_name(self, protocol: int) -> tuple[Any, ...]:
        """Reduce to what was read; only a pickler that can write names of the past takes it."""
        if self.whole is not None or self._stored is not None:
            return self.__reduce_ex__(protocol)
        cls = type(self)
        call: tuple[Any, ...] = copyreg.__newobj__, (cls, *self.args)  # type: ignore[attr-defined] # known to pickle alone
        if self.remade_from is not None:
            call = copyreg._reconstructor, (cls, *self.remade_from)  # type: ignore[attr-defined] # as above
            return *call, self.state
        if self.called is not None:
            call = self.called, self.args[1:]
        elif self.is_called:
            call = cls, self.args
        elif self.kwargs:
            call = copyreg.__newobj_ex__, (cls, self.args, self.kwargs)  # type: ignore[attr-defined] # as above
        return *call, self.state, iter(self.items), iter(self.pairs)

    def _reduce_stamped(self, stored: tuple[Any, ...]) -> tuple[Any, ...]:
        stamp = stored[0]
        call: tuple[Any, ...] = (stamp, self.args)
        if self.maker is not None:
            args = (stamp, *self.maker, self.args, self.kwargs, *self.in_call)
            call = (calls.make, args)
        is_whole = bool(self.in_call) or (stamp.claim.is_by_values and not stored[1])
        state = None if is_whole else stored
        reduced = (*call, state, iter(self.items), iter(self.pairs))
        return reduced if self.setter is None else (*reduced, self.setter)

    def __call__(self, *args: Any) -> Placeholder:
        """Keep a call of this object, which a pickle holds."""
        made = placeholder_class("operator:call")(self, *args)
        made.called = self
        return made

    def __getattr__(self, name: str) -> Any:
        """Return what was stored under this name."""
        stored = as_dict(self.__dict__.get("state"))
        if isinstance(stored, dict) and name in stored and not name.startswith("__"):
            return stored[name]
        raise AttributeError(f"the placeholder of {self.ref} holds no {name!r}")

    def __repr__(self) -> str:
        version = "" if self.version is None else f" version {self.version}"
        return f"<placeholder of {self.ref}{version}: {self.state!r}>"


class Kept(Placeholder):
    """A placeholder that is being read again: its state is its own attributes."""

    def __setstate__(self, state: Any) -> None:
        if type(state) is not dict or state.keys() != {"state", "items", "pairs"}:
            raise StampError(self.ref, "what was kept of a placeholder is not its content")
        self.__dict__.update(state)
        object.__setattr__(self, "__class__", placeholder_class(self.__dict__.pop("ref")))


@wire_function
def keep(
    ref: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_called: bool = False,  # noqa: FBT002 - as all of these, it is given by position
) -> Placeholder:
    """Make a placeholder that was stored as one."""
    kept = Kept(*args, **kwargs)
    kept.ref = ref
    kept.is_called = is_called
    return kept


def placeholder_class(ref: str) -> type[Placeholder]:
    """Return the class of the placeholders for *ref*; short ones are kept."""
    return _kept_class(ref) if len(ref) <= _REF_MAX else _class_of(ref)


def _class_of(ref: str) -> type[Placeholder]:
    module, _, name = ref.partition(":")
    shown_as = {"__module__": module, "__qualname__": name} if name else {"__module__": __name__}
    return type("Placeholder", (Placeholder,), {"ref": ref, **shown_as})


def kept_attribute(owner: Placeholder, name: str) -> Placeholder:
    """Return the placeholder of what a pickle takes from an object that is a placeholder."""
    return placeholder_class("builtins:getattr")(owner, name)


_kept_class = functools.lru_cache(_CLASSES_MAX)(_class_of)


def is_placeholder(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Placeholder)


def remade(cls: type[Placeholder], base: Any, state: Any) -> Placeholder:
    """Make what protocols 0 and 1 make of a base and its own state."""
    obj = cls()
    obj.is_called = False
    obj.remade_from = base, state
    if isinstance(state, dict):
        obj.pairs = [*state.items()]
    elif isinstance(state, list | set):
        obj.items = [*state]
    elif base is not object:
        obj.args = (state,)
    return obj


class _OfPlaceholders(Construction):
    """Keep what a stream would make objects of, so that it can be written again."""

    def call(
        self, stamp: Stamp, function: Any, args: tuple[Any, ...], kwargs: Any, state: Any
    ) -> Any:
        obj: Placeholder = stamp.cls(*args, **kwargs)
        obj.maker = (function,)
        obj.in_call = () if state is None else (state,)
        if state is not None:
            stamp.fill(obj, (stamp, None if state is False else state))
        return obj

    def whole(self, function: Any, stamp: Stamp, *stored: Any) -> Any:
        obj: Placeholder = stamp.cls(*stored[0] if len(stored) > 1 else ())
        obj.version = stamp.claim.version
        obj.state = stored[:2][-1]
        obj.whole = (function, (stamp, *stored))
        return obj

    def set_state(self, obj: Any, state: tuple[Any, ...]) -> None:
        super().set_state(obj, state)
        obj.setter = calls.set_state


_KEEPING = _OfPlaceholders()


def placeholder_stamp(claim: Claim) -> Stamp:
    """Return a stamp that makes placeholders, and is written as it was read."""

    def fill(obj: Any, state: Any) -> None:
        obj._stored = state
        obj.version = claim.version
        if claim.is_by_values:
            obj.state = {**dict(zip(claim.names, obj.args, strict=False)), **state[1]}
        elif claim.fields is None:
            obj.state = state[1]
        else:
            values, further = state[1 : 1 + len(claim.fields)], state[1 + len(claim.fields) :]
            obj.state = {
                name: value
                for name, value in zip(claim.fields, values, strict=False)
                if value is not state[0]
            }
            obj.state |= further[0] if further and type(further[0]) is dict else {}

    def make_of_values(*values: Any) -> Any:
        obj = cls(*values)
        fill(obj, (stamp, {}))
        return obj

    cls = placeholder_class(claim.ref)
    make = (make_of_values,) if claim.is_by_values else None
    stamp = make_stamp(cls, claim, fill, make=make, construction=_KEEPING)
    return stamp
