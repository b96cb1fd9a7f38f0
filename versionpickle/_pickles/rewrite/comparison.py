"""Compare an object with what is loaded after it was rewritten."""

from __future__ import annotations

import enum
import math

from typing import Any

import attrs

from versionpickle._pickles.path import name_of_root, short
from versionpickle._wire.refs import is_written_in_c, ref_of
from versionpickle.exceptions import VersionPickleError

from .order import rank
from .snapshot import NAMED, is_same, name_shown, reduced_parts, snapshot


_ATOMS = frozenset({type(None), bool, int, float, str, bytes, complex})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_PATH_MAX = 24
"""How many parts of a path are shown."""


@attrs.frozen
class Difference:
    """Where two objects differ, and how."""

    ref: str
    """The class of the object that holds what differs."""

    path: str
    before: str
    after: str


class DifferentError(VersionPickleError):
    """What was written is not what was loaded; becomes a row of the report."""

    problem: str
    found: Difference | None

    @property
    def ref(self) -> str | None:
        return None if self.found is None else self.found.ref

    def _sentence(self) -> str:
        if self.found is None:
            cure = "look at __reduce__, __getstate__ and __setstate__ of its classes"
            return f"{self.problem}; {cure}"
        return (
            f"{self.problem}: in {self.found.ref}, {self.found.before} would become "
            f"{self.found.after}; look at its __reduce__, __getstate__ and __setstate__, or "
            "accept such differences with --accept-differences, or accept_differences=True"
        )


def check_kept(before: Any, after: Any) -> None:
    """Raise DifferentError where two objects differ."""
    found = difference(before, after)
    if found is not None:
        error = DifferentError("what would be written loads as something else", found)
        error.path = found.path
        raise error


def difference(before: Any, after: Any) -> Difference | None:
    """
    Return the first difference between two objects; None where they are equal.

    That equal parts are one object in one of them, and two in the other, is no
    difference where they are immutable.

    >>> difference([1, (2, 3)], [1, (2, 4)]).path
    'obj[1][1]'
    """
    try:
        if is_same(snapshot(before), snapshot(after)):
            return None
    except RecursionError:  # the other way needs no more stack for what is deep
        pass
    return _Comparison().first(before, after)


@attrs.frozen
class _Place:
    """How to get at a part."""

    text: str
    within: _Place | None = None
    holder: Any = None
    """The innermost object that is no container."""

    is_fixed: bool = False
    """Whether it is part of something immutable, and may be one object or two."""

    def part(self, text: str, holder: Any = None) -> _Place:
        return _Place(text, self, self.holder if holder is None else holder, self.is_fixed)

    def path(self) -> str:
        texts: list[str] = []
        place: _Place | None = self
        while place is not None:
            texts.append(place.text)
            place = place.within
        texts.reverse()
        if len(texts) > _PATH_MAX:
            half = _PATH_MAX // 2
            texts[half:-half] = [f" ... ({len(texts) - _PATH_MAX:,} steps) ... "]
        return "".join(texts)


_Pair = tuple[Any, Any, _Place]


class _Comparison:
    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._partners: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        self._fixed: dict[int, tuple[Any, bool]] = {}

    def first(self, before: Any, after: Any) -> Difference | None:
        coming: list[_Pair] = [(before, after, _Place(name_of_root(type(before).__name__)))]
        while coming:
            one, other, place = coming.pop()
            if self._is_seen(one, other):
                continue
            problem = _unlike(one, other)
            if problem is None and not place.is_fixed and self._is_shared_otherwise(one, other):
                place = attrs.evolve(place, is_fixed=self._is_fixed(one))
                problem = None if place.is_fixed else self._as_shared(one, other)
            pairs = [] if problem else _pairs(one, other, place)
            if problem or pairs is None:
                shown = problem or (short(one), short(other))
                return Difference(_holder(one, place), place.path(), *shown)
            coming += reversed(pairs or [])
        return None

    def _is_seen(self, one: Any, other: Any) -> bool:
        if type(one) in _ATOMS:
            return False
        is_seen = (id(one), id(other)) in self._seen
        self._seen[id(one), id(other)] = (one, other)  # which keeps both alive
        return is_seen

    def _is_shared_otherwise(self, one: Any, other: Any) -> bool:
        """Return whether one object is two after all, or two are one."""
        if type(one) in _ATOMS or isinstance(one, NAMED):
            return False
        there, back = self._partners
        is_one = there.setdefault(id(one), other) is other
        return (back.setdefault(id(other), one) is not one) or not is_one

    def _as_shared(self, one: Any, other: Any) -> tuple[str, str]:
        was_one = self._partners[0][id(one)] is not other
        return (f"one {short(one)}", "two") if was_one else (f"two {short(one)}", "one")

    def _is_fixed(self, obj: Any) -> bool:
        """Return whether an object is immutable, so that it may as well be two."""
        if type(obj) in _ATOMS or isinstance(obj, (*NAMED, enum.Enum)):
            return True
        if id(obj) not in self._fixed:
            self._fixed[id(obj)] = (obj, False)  # as is what leads back to itself
            try:
                self._fixed[id(obj)] = (obj, all(map(self._is_fixed, _fixed_parts(obj))))
            except RecursionError:  # it is too deep to find out
                return False
        return self._fixed[id(obj)][1]


def _fixed_parts(obj: Any) -> list[Any]:
    """Return what must be fixed so that an object is; a list represents what can change."""
    if type(obj) in {tuple, frozenset}:
        return [*obj]
    if is_written_in_c(type(obj)) and _is_hashed_by_value(obj):
        return []
    parts = {"items": obj} if type(obj) in _CONTAINERS else reduced_parts(obj)
    if not parts.keys() <= {"args", "state", "name"}:
        return [[]]
    args, state = parts.get("args", []), parts.get("state")
    if state is None:
        return list(args)
    states = [*state.values()] if type(state) is dict else [state]
    return [*args, *states] if _is_hashed_by_value(obj) else [[]]


def _is_hashed_by_value(obj: Any) -> bool:
    try:
        hash(obj)
    except TypeError:
        return False
    hashing: Any = type(obj).__hash__
    return hashing is not object.__hash__


def _holder(obj: Any, place: _Place) -> str:
    held = obj if place.holder is None else place.holder
    return ref_of(type(held))


def _unlike(one: Any, other: Any) -> tuple[str, str] | None:
    """Return how two objects differ at first sight."""
    if type(one) is not type(other):
        return f"{_with_class(one)}", f"{_with_class(other)}"
    if type(one) is float and math.isnan(one) and math.isnan(other):
        return None
    if type(one) in _ATOMS:
        is_equal = one == other and repr(one) == repr(other)
    elif isinstance(one, NAMED):
        is_equal = name_shown(one) == name_shown(other)
    elif isinstance(one, enum.Enum):
        is_equal = one.name == other.name
    else:
        is_equal = type(one) not in _CONTAINERS or len(one) == len(other)
    return None if is_equal else (short(one), short(other))


def _with_class(obj: Any) -> str:
    return short(obj) if type(obj) in _ATOMS else f"a {ref_of(type(obj))}, {short(obj)},"


def _pairs(one: Any, other: Any, place: _Place) -> list[_Pair] | None:
    """Pair the parts of two objects; None where they have other parts."""
    kind = type(one)
    if kind in _ATOMS or isinstance(one, (*NAMED, enum.Enum)):
        return []
    if kind is list or kind is tuple:
        return _items(one, other, place)
    if kind is dict:
        return _entries(one, other, place)
    if kind is set or kind is frozenset:
        members = zip(_sorted(one), _sorted(other), strict=True)
        return [(*pair, place.part(f" member {short(pair[0])}")) for pair in members]
    return _of_reduced(one, other, place)


def _items(one: Any, other: Any, place: _Place) -> list[_Pair]:
    return [
        (part, same, place.part(f"[{number}]"))
        for number, (part, same) in enumerate(zip(one, other, strict=True))
    ]


def _entries(one: Any, other: Any, place: _Place) -> list[_Pair]:
    pairs: list[_Pair] = []
    for (key, value), (same, found) in zip(one.items(), other.items(), strict=True):
        pairs.append((key, same, place.part(f" key {short(key)}")))
        pairs.append((value, found, place.part(f"[{short(key)}]")))
    return pairs


def _sorted(members: Any) -> list[Any]:
    """Return the members of a set in an order that the same ones have in another process."""
    ranked = sorted(members, key=rank)
    if len({*map(rank, ranked)}) == len(ranked):
        return ranked
    return sorted(ranked, key=lambda member: repr(snapshot(member)))


def _of_reduced(one: Any, other: Any, place: _Place) -> list[_Pair] | None:
    parts, others = reduced_parts(one), reduced_parts(other)
    if parts.keys() != others.keys():
        return None
    pairs: list[_Pair] = []
    for name, part in parts.items():
        here = place.part("" if name in _HELD else f" ({name})", one)
        same = others[name]
        if name == "state" and _are_named(part, same):
            if part.keys() != same.keys():
                return None
            pairs += ((part[key], same[key], place.part(f".{key}", one)) for key in part)
        else:
            pairs.append((part, same, here))
    return pairs


_HELD = frozenset({"items", "pairs"})


def _are_named(*states: Any) -> bool:
    return all(
        type(state) is dict and all(type(name) is str for name in state) for state in states
    )
