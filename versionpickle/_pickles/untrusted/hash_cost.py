"""The cost of hashing and comparing a key; nested tuples count each time they occur."""

from __future__ import annotations

import gc
import types

from collections.abc import Iterable
from typing import Any

from versionpickle._pickles.build.deferred import SETTLED
from versionpickle._pickles.value_types import FROZENDICT


_NO_DATA = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_PIECE = 64
"""Of how many bytes or bits one part consists."""

_VERY_MUCH = 2**60


class HashCosts:
    """Work out of how many parts a key consists, without hashing any."""

    def __init__(self) -> None:
        self._whole: dict[int, tuple[Any, int, int]] = {}
        self.changing: dict[int, tuple[Any, int, int]] = {}
        """Of objects, which may get their states later: to be cleared when one does."""

        self._settled: dict[int, tuple[Any, bool]] = {}

    def of(self, key: Any) -> tuple[int, int]:
        """Return the number of parts, and their depth."""
        if type(key) not in SETTLED:
            self._work_out(key)
        return self._so_far(key)

    def is_settled(self, key: Any) -> bool:
        """Return whether a tuple is all there: each within it is looked at once."""
        if type(key) is not tuple:
            return type(key) in SETTLED
        todo = [key]
        while todo:
            obj = todo[-1]
            inner = [part for part in obj if type(part) is tuple and id(part) not in self._settled]
            if inner and id(obj) not in self._settled:
                todo += inner
                continue
            todo.pop()
            is_settled = all(
                self._settled[id(part)][1] if type(part) is tuple else type(part) in SETTLED
                for part in obj
            )
            self._settled[id(obj)] = (obj, is_settled)
        return self._settled[id(key)][1]

    def _work_out(self, key: Any) -> None:
        """Add up from the innermost, each of them once."""
        todo: list[tuple[Any, list[Any] | None]] = [(key, None)]
        within: set[int] = set()
        while todo:
            obj, parts = todo.pop()
            if parts is None:
                if id(obj) in self._whole or id(obj) in self.changing or id(obj) in within:
                    continue
                within.add(id(obj))
                parts = list(_parts(obj))
                todo.append((obj, parts))
                todo += ((part, None) for part in parts if type(part) not in SETTLED)
            else:
                costs = [self._so_far(part) for part in parts]
                cost = min(1 + sum(cost for cost, _ in costs), _VERY_MUCH)
                depth = 1 + max((depth for _, depth in costs), default=0)
                known = self._whole if self.is_settled(obj) else self.changing
                known[id(obj)] = (obj, cost, depth)

    def _so_far(self, part: Any) -> tuple[int, int]:
        if type(part) in SETTLED:
            return _of_settled(part), 0
        # What leads back to itself is no part of its hash, or has none: Python notices.
        found = self._whole.get(id(part)) or self.changing.get(id(part), (part, 1, 0))
        return found[1:]


def _of_settled(obj: Any) -> int:
    if type(obj) is int:
        return 1 + obj.bit_length() // _PIECE
    return 1 + len(obj) // _PIECE if type(obj) in {str, bytes} else 1


def _parts(obj: Any) -> Iterable[Any]:
    """Return what may be hashed, or compared, for *obj*."""
    kind: Any = type(obj)
    if kind in {tuple, list, set, frozenset}:
        return [*obj]
    if kind in {dict, FROZENDICT}:
        return [*obj, *obj.values()]
    if kind.__hash__ is object.__hash__:
        return ()
    held = gc.get_referents(obj)
    attributes = [part for found in held if type(found) is dict for part in found.values()]
    return [part for part in held if not isinstance(part, (*_NO_DATA, dict))] + attributes
