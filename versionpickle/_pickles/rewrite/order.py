"""The order in which the elements of a set are visited, which differs from run to run."""

from __future__ import annotations

import itertools

from collections.abc import Iterable
from typing import Any

from versionpickle._classes.plain import reduced
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import Stamp, is_stamped


_DEPTH, _BREADTH = 5, 8
"""How much of an element is looked at: it may hold all the others."""


def rank(obj: Any, depth: int = _DEPTH) -> str:
    """
    Return a string that distinguishes *obj* from others, wherever it is in memory.

    >>> rank([1, (2.5, None), {"a": {3, 4}}])
    "builtins:list(1, builtins:tuple(2.5, None), builtins:dict('a', builtins:set of 2))"
    """
    kind = type(obj)
    if obj is None or kind in {bool, int, str, float, bytes, complex}:
        return repr(obj)
    if kind in {set, frozenset}:
        return f"{ref_of(kind)} of {len(obj)}"
    if isinstance(obj, type) or not depth:
        return ref_of(obj if isinstance(obj, type) else kind)
    parts = itertools.islice(_parts(obj), _BREADTH)
    return f"{ref_of(kind)}({', '.join(rank(part, depth - 1) for part in parts)})"


def _parts(obj: object) -> Iterable[Any]:
    if type(obj) is list or type(obj) is tuple:
        return obj
    if type(obj) is dict:
        return itertools.chain.from_iterable(obj.items())
    found = reduced(obj)
    if isinstance(found, str):
        return [found]
    _, args, *state = found[:3]
    values = state[0][1:] if state and is_stamped(state[0]) else state
    return [part for part in (*args, *values) if type(part) is not Stamp]
