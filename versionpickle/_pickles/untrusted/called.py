"""What a hostile pickle holds, said without asking it."""

from __future__ import annotations

import types

from typing import Any

from versionpickle._pickles.build.deferred import SETTLED, Deferred
from versionpickle._pickles.build.finder import Former
from versionpickle._wire.refs import shortened


def plainly(maker: Any) -> Any:
    """Return the class, whichever of its names it was found under."""
    return maker.cls if type(maker) is Former else maker


def named(obj: Any) -> str:
    """Say what this is, without asking it."""
    obj = plainly(obj)
    if type(obj) in SETTLED:
        return shortened(obj)
    if type(obj) is Deferred:
        return "what is made later"
    if isinstance(obj, type | types.FunctionType | types.BuiltinFunctionType):
        return f"{obj.__module__}:{obj.__qualname__}"
    name = type(obj).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
