"""
The methods that are put on a versioned class.

Libraries that pickle a class by value, such as cloudpickle and dill, find them by name, and
so need not look into what was generated; at the other end the name makes them anew.
"""

from __future__ import annotations

import os
import weakref

from collections.abc import Callable
from typing import Any, TypeAlias


Known: TypeAlias = Callable[[], Any]
"""Return the instrumentation of the class."""

KNOWN: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
"""The instrumentations of this process by their ids, which are the same in all processes."""

_EARLY: dict[tuple[str, str], Any] = {}
"""Methods that came before the instrumentation they belong to."""

_PREFIX = "_method"


def new_id() -> str:
    """Return an id that no other class of any process has."""
    return os.urandom(8).hex()


def name_method(function: Any, name: str, identity: str) -> None:
    """Let *function* be found by a name in this package; see `method_named`."""
    function.__module__ = "versionpickle"
    function.__qualname__ = f"{_PREFIX}:{name}:{identity}"


def method_named(text: str) -> Any:
    """Return the method of this name, which may belong to a class that is still to come."""
    prefix, _, rest = text.partition(":")
    name, _, identity = rest.partition(":")
    if prefix != _PREFIX or name not in _FACTORIES:
        raise AttributeError(f"versionpickle has no {text!r}")
    known = KNOWN.get(identity)
    if known is not None:
        return known.method(name)
    key = identity, name
    return _EARLY.get(key) or _EARLY.setdefault(key, new_method(name, lambda: KNOWN[identity]))


def take_early(identity: str) -> dict[str, Any]:
    """Return the methods that came before their instrumentation."""
    return {name: _EARLY.pop(key) for key in [*_EARLY] if key[0] == identity for name in key[1:]}


def new_method(name: str, known: Known) -> Any:
    """Return a method of this name that does what the instrumentation of its class knows."""
    return _FACTORIES[name](known)


def _reduce_ex(known: Known) -> Callable[..., Any]:
    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return known().put_reduce()(self, protocol)

    return __reduce_ex__


def _setstate(known: Known) -> Callable[..., Any]:
    def __setstate__(self: Any, state: Any) -> None:
        known().put_setstate()(self, state)

    return __setstate__


def _getstate(known: Known) -> Callable[..., Any]:
    def __getstate__(self: Any) -> Any:
        return known().state(self)

    return __getstate__


def _resolve_conflict(known: Known) -> Callable[..., Any]:
    def _p_resolveConflict(self: Any, old: Any, saved: Any, new: Any) -> Any:  # noqa: N802 - ZODB's name
        return known().merged(self, "_p_resolveConflict", (old, saved, new))

    return _p_resolveConflict


def _init_subclass(known: Known) -> Callable[..., Any]:
    def __init_subclass__(subclass: Any, /, **kwargs: Any) -> None:
        known().watch(subclass, kwargs)

    return __init_subclass__


_FACTORIES: dict[str, Callable[[Known], Any]] = {
    "__reduce_ex__": _reduce_ex,
    "__setstate__": _setstate,
    "__getstate__": _getstate,
    "_p_resolveConflict": _resolve_conflict,
    "__init_subclass__": _init_subclass,
}
"""The methods that compile those which replace them when they are first used, and the others."""
