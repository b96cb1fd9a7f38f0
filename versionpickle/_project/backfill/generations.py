"""The versions that unstamped objects have: one for each set of fields that they stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from versionpickle._project.type_texts import accepts
from versionpickle.migrations._schema import RecordedField

from .releases import OldClass


@attrs.frozen
class Generation:
    """Releases that stored the same fields of a class."""

    version: int
    releases: tuple[OldClass, ...]
    fields: tuple[RecordedField, ...]
    """Their own fields, with all types that these had."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields)


def generations(
    found: Iterable[tuple[OldClass, Sequence[RecordedField]]], today: Iterable[str]
) -> list[Generation]:
    """
    Number the sets of fields by the last release that had each; the set of *today* comes last.

    So the fields of a state decide which version it is, also if a change was reverted once.
    """
    groups: dict[frozenset[str], list[tuple[OldClass, Sequence[RecordedField]]]] = {}
    for old, fields in found:
        names = frozenset(field.name for field in fields)
        groups[names] = [*groups.pop(names, []), (old, fields)]
    current = frozenset(today)
    if current in groups:
        groups[current] = groups.pop(current)
    return [
        Generation(number, tuple(old for old, _ in group), _united([one for _, one in group]))
        for number, group in enumerate(groups.values(), 1)
    ]


def _united(lists: list[Sequence[RecordedField]]) -> tuple[RecordedField, ...]:
    """Return the fields of the last release, with the types of all."""
    types: dict[str, list[str]] = {}
    for field in (one for fields in lists for one in fields):
        types.setdefault(field.name, []).append(field.type)
    return tuple(attrs.evolve(one, type=_union(types[one.name])) for one in lists[-1])


def _union(types: list[str]) -> str:
    """
    Return the type of all values.

    >>> _union(["int", "int | None"]), _union(["int", "Decimal", "int"]), _union(["", "int"])
    ('int | None', 'int | Decimal', '')
    """
    kinds = list(dict.fromkeys(types))
    if "" in kinds:
        return ""
    wide = [
        kind for kind in kinds if not any(accepts(other, kind) for other in kinds if other != kind)
    ]
    return " | ".join(wide or kinds)


@attrs.frozen
class Question:
    """A condition of ``unstamped=``: `has` or `lacks`, and names of fields."""

    word: str
    names: tuple[str, ...]

    @property
    def listed(self) -> str:
        """The arguments, as code."""
        names = ", ".join(f'"{name}"' for name in self.names)
        return f"({names})"

    def fits(self, state: Iterable[str]) -> bool:
        known = {*state}
        return all((name in known) is (self.word == "has") for name in self.names)


def questions(sets: Mapping[int, frozenset[str]]) -> dict[int, Question]:
    """
    Return conditions that, asked in this order, tell sets of fields apart.

    >>> found = questions({1: frozenset({"a"}), 2: frozenset({"a", "b"}), 3: frozenset({"b"})})
    >>> [(number, one.word, one.names) for number, one in found.items()]
    [(1, 'lacks', ('b',)), (2, 'has', ('a',)), (3, 'lacks', ('a',))]
    """
    left = dict(sets)
    found: dict[int, Question] = {}
    while left:
        number, question = _next_question(left, sets)
        found[number] = question
        del left[number]
    return found


def _next_question(
    left: Mapping[int, frozenset[str]], sets: Mapping[int, frozenset[str]]
) -> tuple[int, Question]:
    """Return the first set that a question separates from the others: the largest always is."""
    return next(
        (number, min(possible, key=lambda one: len(one.names)))
        for number in left
        if (possible := [*_separating(number, sets), *_separating(number, left)])
    )


def _separating(number: int, sets: Mapping[int, frozenset[str]]) -> Iterator[Question]:
    own = sets[number]
    others = [names for other, names in sets.items() if other != number]
    foreign = frozenset[str]().union(*others) - own
    for word, names in (("has", own), ("lacks", foreign)):
        question = Question(word, tuple(sorted(names)))
        if names and not any(question.fits(other) for other in others):
            yield _shortened(question, others)


def _shortened(question: Question, others: list[frozenset[str]]) -> Question:
    """Leave out the names that are not needed, and keep one."""
    for name in question.names:
        names = tuple(one for one in question.names if one != name)
        shorter = attrs.evolve(question, names=names)
        if names and not any(shorter.fits(other) for other in others):
            question = shorter
    return question
