"""Objects without a stamp whose pickle holds no state either, so that nothing has filled them."""

from __future__ import annotations

import gc
import types

from collections.abc import Iterator, Mapping
from typing import Any

from versionpickle._classes.unstamped import Unstamped


_NO_DATA = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_HAVE_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC


def leaves_blanks(root: Any, unstamped: Mapping[type, Unstamped]) -> bool:
    """Return whether *root*, or what it consists of, includes blank objects of these classes."""
    are_tracked = all(cls.__flags__ & _HAVE_GC for cls in unstamped)
    for objects in _levels(root) if are_tracked else [[*_parts(root)]]:
        for cls in {*map(type, objects)} & unstamped.keys():
            if unstamped[cls].have_blanks([obj for obj in objects if type(obj) is cls]):
                return True
    return False


def _levels(root: Any) -> Iterator[list[Any]]:
    """
    Yield *root*, what it refers to, what that refers to, and so on.

    Leaves out what the garbage collector does not track, since that refers to nothing.
    A level takes a few calls into C, and none for each object.
    """
    seen: dict[int, Any] = {}
    level = [root]
    while level:
        yield level
        tracked = [*filter(gc.is_tracked, gc.get_referents(*level))]
        fresh = dict(zip(map(id, tracked), tracked, strict=True))
        for known in fresh.keys() & seen.keys():
            del fresh[known]
        seen |= fresh
        level = [*fresh.values()]
        skipped = {kind for kind in {*map(type, level)} if issubclass(kind, _NO_DATA)}
        if skipped:
            level = [obj for obj in level if type(obj) not in skipped]


def _parts(root: Any) -> Iterator[Any]:
    """Yield *root* and all objects that it consists of; no classes, functions and modules."""
    todo, seen = [root], {id(root)}
    while todo:
        obj = todo.pop()
        yield obj
        for part in gc.get_referents(obj):
            if id(part) not in seen and not isinstance(part, _NO_DATA):
                seen.add(id(part))
                todo.append(part)
