"""What it costs to hash a key: the same tuple in a tuple twice is hashed twice."""

from __future__ import annotations

import gc
import types

from collections.abc import Iterable
from typing import Any

from ._plan import SETTLED


_NOT_HASHED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_KEEPS_ITS_HASH = frozenset({frozenset, str, bytes})
_WORD = 64
_VERY_MUCH = 2**60


class HashCosts:
    """Work out how many parts are hashed for a key, without hashing any."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, int, int]] = {}
        self._settled: dict[int, tuple[Any, bool]] = {}

    def of(self, key: Any) -> tuple[int, int]:
        """Return the number of parts, and how deep they stand."""
        if type(key) in SETTLED:
            return _of_settled(key), 0
        self._work_out(key)
        _, cost, depth = self._known[id(key)]
        return cost, depth

    def is_settled(self, key: Any) -> bool:
        """Tell whether a tuple is all there: each within it is looked at once."""
        if type(key) is not tuple:
            return type(key) in SETTLED
        coming = [key]
        while coming:
            obj = coming[-1]
            inner = [part for part in obj if type(part) is tuple and id(part) not in self._settled]
            if inner and id(obj) not in self._settled:
                coming += inner
                continue
            coming.pop()
            is_settled = all(
                self._settled[id(part)][1] if type(part) is tuple else type(part) in SETTLED
                for part in obj
            )
            self._settled[id(obj)] = (obj, is_settled)
        return self._settled[id(key)][1]

    def _work_out(self, key: Any) -> None:
        """Add up from the innermost, each of them once."""
        coming: list[tuple[Any, list[Any] | None]] = [(key, None)]
        within: set[int] = set()
        while coming:
            obj, parts = coming.pop()
            if parts is None:
                if id(obj) in self._known or id(obj) in within:
                    continue
                within.add(id(obj))
                parts = list(_parts(obj))
                coming.append((obj, parts))
                coming += ((part, None) for part in parts if type(part) not in SETTLED)
            else:
                costs = [self._so_far(part) for part in parts]
                cost = min(1 + sum(cost for cost, _ in costs), _VERY_MUCH)
                depth = 1 + max((depth for _, depth in costs), default=0)
                self._known[id(obj)] = (obj, cost, depth)

    def _so_far(self, part: Any) -> tuple[int, int]:
        if type(part) in SETTLED:
            return _of_settled(part), 0
        # What leads back to itself is no part of its hash, or has none: Python notices.
        _, cost, depth = self._known.get(id(part), (part, 1, 0))
        return cost, depth


def _of_settled(obj: Any) -> int:
    return 1 + obj.bit_length() // _WORD if type(obj) is int else 1


def _parts(obj: Any) -> Iterable[Any]:
    """Return what may be hashed for the hash of *obj*."""
    if type(obj) is tuple:
        return obj
    kind: Any = type(obj)
    if kind in _KEEPS_ITS_HASH or kind.__hash__ in {None, object.__hash__}:
        return ()
    return [part for held in gc.get_referents(obj) for part in _hashed_of(held)]


def _hashed_of(held: Any) -> Iterable[Any]:
    if isinstance(held, dict):  # the attributes
        return held.values()
    return () if isinstance(held, _NOT_HASHED) else (held,)
