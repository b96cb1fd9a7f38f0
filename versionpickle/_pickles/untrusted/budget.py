"""How much of its limits a load has used so far."""

from __future__ import annotations

import collections
import sys
import time

from collections.abc import Iterable
from typing import Any, NoReturn

from versionpickle._pickles.build.deferred import SETTLED
from versionpickle._pickles.machine.source import Source
from versionpickle.exceptions import LimitError

from .hash_cost import HashCosts
from .limits import Limits


class Budget:
    """Count what is made of *source*, and end the load where that is more than *limits* allow."""

    def __init__(self, limits: Limits, source: Source) -> None:
        self.limits = limits
        self.objects = 0
        """How many objects there are so far."""

        self._source = source
        self._deadline = time.monotonic() + limits.seconds
        self._next_look = 0
        self._hashed = 0
        self._items = 0
        self._ticks = 0
        self._costs = HashCosts()
        self._hashes: dict[int, collections.Counter[int]] = {}
        self._depths: dict[int, int] = {}

    def exceed(self, limit: str, value: float) -> NoReturn:
        raise LimitError(limit, getattr(self.limits, limit), value, self._source.at)

    def check(self, limit: str, value: int) -> None:
        if value > getattr(self.limits, limit):
            self.exceed(limit, value)

    def count(self, objects: int = 1) -> None:
        self.objects += objects
        if self.objects >= self._next_look:
            self.check("objects", self.objects)
            self._next_look = min(self.objects + _LOOK_EVERY, self.limits.objects + 1)
            self.look_at_the_clock()

    def tick(self) -> None:
        """Look at the clock now and then, where nothing is made."""
        self._ticks += 1
        if not self._ticks % _LOOK_EVERY:
            self.look_at_the_clock()

    def hold(self, items: int) -> None:
        """Count items, of all containers together."""
        self._items += items
        self.check_items(0)
        self.tick()

    def check_items(self, further: int) -> None:
        """Refuse to hold so many *further* items beside those of containers."""
        if self._items + further > self.limits.items:
            self.exceed("items", self._items + further)

    def look_at_the_clock(self) -> None:
        over = time.monotonic() - self._deadline
        if over > 0:
            self.exceed("seconds", self.limits.seconds + over)

    def hurry(self) -> None:
        """Leave little time: this load has failed already, and only looks for more reasons."""
        self._deadline = min(self._deadline, time.monotonic() + _HURRY)

    # Depth

    def forget(self, obj: Any) -> None:
        """Begin with a new object, whose id may be that of one that is gone."""
        self._depths.pop(id(obj), None)

    def deepen(self, obj: Any, parts: Iterable[Any]) -> None:
        """Note how deep *obj* is, now that these are part of it."""
        depths = self._depths
        below = 0
        for part in parts:
            if type(part) not in SETTLED:
                below = max(below, depths.get(id(part), 1))
        if below >= depths.get(id(obj), 1):
            self.check("depth", below + 1)
            depths[id(obj)] = below + 1

    def be_as_deep(self, obj: Any, state: Any) -> None:
        """Note that *obj* consists of its state, which is no object of its own."""
        depth = self._depths.get(id(state), 1)
        if depth > 1:
            self._depths[id(obj)] = max(depth, self._depths.get(id(obj), 1))

    # Hashes

    def charge(self, holder: Any, keys: Iterable[Any]) -> None:
        """
        Count what it costs to hash these, and to compare those whose hashes are equal.

        *holder* holds keys from before; None where these are all.
        """
        hashes: collections.Counter[int] | None = None
        for key in keys:
            if _is_easy(key) or type(key).__hash__ is None:  # which its user refuses
                continue
            cost, depth = self._costs.of(key)
            self.check("depth", depth)
            self._spend(cost)
            if hashes is None:
                hashes = self._hashes_of(holder)
            try:
                number = hash(key)
            except TypeError:  # of one of its parts; its user raises the error
                continue
            self._spend(hashes[number] * cost)
            hashes[number] += 1

    def _hashes_of(self, holder: Any) -> collections.Counter[int]:
        if holder is None:
            return collections.Counter()
        return self._hashes.setdefault(id(holder), collections.Counter())

    def note_state(self) -> None:
        """Note that an object got a state, with which it may cost more."""
        if time.monotonic() > self._deadline:
            self.look_at_the_clock()
        if self._costs.changing:
            self._costs.changing.clear()

    def are_settled(self, keys: Iterable[Any]) -> bool:
        """Return whether these are all there, and hashing them runs no foreign code."""
        return all(type(key) in SETTLED or self._costs.is_settled(key) for key in keys)

    def _spend(self, parts: int) -> None:
        self._hashed += parts
        self.check("hashing", self._hashed)


def _is_easy(key: Any) -> bool:
    """Return whether a pickle cannot give many of these one hash, and they are soon compared."""
    kind = type(key)
    if kind in _TEXTS:
        return len(key) < _LONG_TEXT
    return kind in _EASY or (kind is int and -_MODULUS < key < _MODULUS)


_LOOK_EVERY = 512
_HURRY = 0.25
_MODULUS = sys.hash_info.modulus
_TEXTS = frozenset({str, bytes})
_EASY = frozenset({bool, type(None), float})
_LONG_TEXT = 1024
"""From how many characters on the comparison of equal ones counts."""
