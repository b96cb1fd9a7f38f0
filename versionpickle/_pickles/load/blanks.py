"""Detect unstamped objects that nothing has filled, because their pickle has no state for them."""

from __future__ import annotations

import gc
import types

from collections.abc import Iterator, Mapping
from typing import Any

from versionpickle._classes.unstamped import Unstamped


_NO_DATA = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def leaves_blanks(root: Any, unstamped: Mapping[type, Unstamped]) -> bool:
    """Return whether *root*, or what it consists of, includes blank objects of these classes."""
    for objects, kinds in _levels(root, unstamped):
        for cls in kinds & unstamped.keys():
            of_class = objects if len(kinds) == 1 else [obj for obj in objects if type(obj) is cls]
            if unstamped[cls].have_blanks(of_class):
                return True
    return False


def _levels(root: Any, small: Mapping[type, object]) -> Iterator[tuple[list[Any], set[type]]]:
    """
    Yield *root*, what it refers to, what that refers to, and so on, with their classes.

    Leaves out what the garbage collector does not track, since that refers to nothing.
    A level takes a few calls into C, and none for each object.
    The first objects of *small* classes, which refer to little, may be yielded twice.
    """
    seen: set[int] = set()
    seen_kinds: set[type] = set()
    level, kinds = [root], {type(root)}
    while level:
        yield level, kinds
        seen_kinds |= kinds
        below, kinds = _below(level)
        if below:
            seen.update(map(id, level))
        if not (kinds <= small.keys() and seen_kinds.isdisjoint(small)):
            below = [*{id(obj): obj for obj in below if id(obj) not in seen}.values()]
            kinds = {*map(type, below)}
        level = below


def _below(level: list[Any]) -> tuple[list[Any], set[type]]:
    """Return what the objects of a level refer to, without classes, functions and modules."""
    below = [*filter(gc.is_tracked, gc.get_referents(*level))]
    kinds = {*map(type, below)}
    skipped = {kind for kind in kinds if issubclass(kind, _NO_DATA)}
    if not skipped:
        return below, kinds
    kinds -= skipped
    return [obj for obj in below if type(obj) in kinds] if kinds else [], kinds
