"""Describe what a hostile pickle calls, without asking the object itself."""

from __future__ import annotations

import types

from typing import Any

from versionpickle._classes.placeholder import keep
from versionpickle._pickles.build.deferred import SETTLED, Deferred
from versionpickle._pickles.build.finder import Former, reconstruct
from versionpickle._pickles.value_types import is_value_type
from versionpickle._wire import calls, states
from versionpickle._wire.refs import shortened


def plainly(maker: Any) -> Any:
    """Return the class, whichever of its names it was found under."""
    return maker.cls if type(maker) is Former else maker


def named(obj: Any) -> str:
    """Describe *obj* without asking it."""
    obj = plainly(obj)
    if type(obj) in SETTLED:
        return shortened(obj)
    if type(obj) is Deferred:
        return "what is made later"
    if isinstance(obj, type | types.FunctionType | types.BuiltinFunctionType):
        return f"{obj.__module__}:{obj.__qualname__}"
    name = type(obj).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def is_value_class(cls: Any) -> bool:
    return isinstance(cls, type) and is_value_type(cls.__module__, cls.__qualname__)


def is_maker(function: Any) -> bool:
    """Return whether this function is in pickles for pickle's own sake, or for ours."""
    return type(function) is types.FunctionType and function in _MAKERS


_MAKERS: frozenset[object] = frozenset(
    {
        reconstruct,
        keep,
        calls.make,
        calls.member,
        calls.rebuild,
        calls.set_state,
        states.state,
    }
)
