"""Decide whether today's code can read the data of older code, and the reverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import Chain, Declaration
from versionpickle.migrations._schema import Recorded, Schema

from .difference import Change
from .project import Project
from .type_texts import accepts


Reads: TypeAlias = Literal["both", "backward", "forward", "neither"]

SENTENCES: Mapping[Reads, str] = {
    "both": "today's code reads old data, and yesterday's code reads new data",
    "backward": "today's code reads old data, but yesterday's code cannot read new data",
    "forward": "today's code cannot read old data, but yesterday's code reads new data",
    "neither": "today's code cannot read old data, and yesterday's code cannot read new data",
}


@attrs.frozen
class Compatibility:
    """What has changed in one class, and what that means for its data."""

    ref: str
    name: str | None
    before: int | None
    """The version then; None for a new class."""

    today: int | None
    """Today's version; None for a class that is gone."""

    changes: tuple[str, ...]
    steps: tuple[str, ...]
    """Those that lead from then to today."""

    old_problems: tuple[str, ...]
    """Why today's code cannot read old data."""

    new_problems: tuple[str, ...]
    """Why yesterday's code cannot read new data."""

    writes_old: bool = False
    """Whether ``dumps(versions=...)`` writes what yesterday's code reads."""

    @property
    def reads(self) -> Reads:
        """
        Who reads what.

        *backward* means that only today's code reads what yesterday's wrote, *forward* that
        only yesterday's code reads what today's writes.
        """
        if self.old_problems:
            return "neither" if self.new_problems else "forward"
        return "backward" if self.new_problems else "both"


def compared(project: Project) -> Iterator[Compatibility]:
    """Compare the classes of a project with its schemas; yield what is not the same."""
    compared_keys = set()
    for key in sorted(project.classes):
        schema = project.schema_before(key)
        if schema is None:
            yield _of_new(project.classes[key])
        else:
            compared_keys.add(schema.key)
            result = _Comparison(project, key, schema).result()
            if result.changes or result.old_problems:
                yield result
    for key in sorted({*project.schemas} - compared_keys):
        yield _of_gone(project, project.schemas[key])


def _of_new(instrumentation: Instrumentation) -> Compatibility:
    one = instrumentation.declaration
    unknown = "it does not know the class"
    return Compatibility(one.ref, one.name, None, one.version, ("it is new",), (), (), (unknown,))


def _of_gone(project: Project, schema: Schema) -> Compatibility:
    version = schema.latest.version
    found = project.registry.resolve(schema.key)
    problems = (*_problems_of_gone(project, schema, found),)
    return Compatibility(schema.ref, schema.name, version, None, ("it is gone",), (), problems, ())


def _problems_of_gone(project: Project, schema: Schema, goal: object) -> Iterator[str]:
    if goal is None:
        yield "nothing declares what became of the class"
    if not isinstance(goal, Declaration):
        return
    try:
        project.registry.path(project.registry.target(schema.key), schema.latest.version, goal)
    except VersionPickleError as exc:
        yield str(exc)


class _Comparison:
    """Compare one class with what was recorded of it."""

    def __init__(self, project: Project, key: str, schema: Schema) -> None:
        self._project = project
        self._key = key
        self._instrumentation = project.classes[key]
        self._schema = schema
        self._old = schema.latest
        self._new: Recorded = project.recorded(key)
        self._difference = project.difference(key, self._old)

    def result(self) -> Compatibility:
        declaration = self._instrumentation.declaration
        chain = self._chain()
        steps = chain.steps if isinstance(chain, Chain) else ()
        new_problems = [*self._new_problems()]
        writes_old = False
        if new_problems and steps and isinstance(chain, Chain):
            writes_old, sentence = self._undoing(chain)
            new_problems.append(sentence)
        return Compatibility(
            declaration.ref,
            declaration.name,
            self._old.version,
            declaration.version,
            (*self._changes(),),
            tuple(map(str, steps)),
            (*self._old_problems(chain),),
            tuple(new_problems),
            writes_old,
        )

    def _changes(self) -> Iterator[str]:
        declaration = self._instrumentation.declaration
        if self._schema.ref != declaration.ref:
            yield f"it was {self._schema.ref}"
        if self._schema.name != declaration.name:
            yield f"its stable name was {self._schema.name or 'none'}"
        if self._old.version != self._new.version:
            yield f"version {self._old.version} became {self._new.version}"
        yield from map(str, self._difference.fields)
        yield from self._difference.others
        for base, then, now in self._raised_bases():
            yield f"version {then} of its base {base} became {now}"

    def _raised_bases(self) -> Iterator[tuple[str, int, int]]:
        today = dict(self._new.bases)
        for base, version in self._old.bases:
            if today.get(base, version) != version:
                yield base, version, today[base]

    def _chain(self) -> Chain | str:
        """Return the steps from then to today, or why old data cannot take them."""
        if self._old.version > self._new.version:
            return f"it is at version {self._old.version}, which is newer than the class"
        try:
            return self._project.follow(self._key, self._old)
        except VersionPickleError as exc:
            return str(exc)

    def _old_problems(self, chain: Chain | str) -> Iterator[str]:
        if isinstance(chain, str):
            yield chain
        elif self._old.version == self._new.version:
            for change in self._difference.fields:
                if change.needs_conversion and change.old is not None:
                    kind = change.old.type or "unknown"
                    yield f"the field {change.field!r} would hold values of its old type, {kind}"

    def _new_problems(self) -> Iterator[str]:
        schema, key = self._schema, self._instrumentation.declaration.key
        if key not in {schema.key, schema.ref, *schema.formerly}:
            yield f"it does not know the name {key!r}"
        elif self._new.version < self._old.version:
            yield "it is unknown whether its steps fit what today's code writes"
        elif self._new.version > self._old.version or any(self._raised_bases()):
            yield "it raises FutureVersionError"
        else:
            for change in self._difference.fields:
                yield from self._unread(change)

    def _unread(self, change: Change) -> Iterator[str]:
        """Explain why older code of the same version cannot handle a change."""
        old, new = change.old, change.new
        if old is None:
            if self._instrumentation.declaration.extra != "keep":
                yield f"it has no field {change.field!r}, unless it declares extra='keep'"
        elif new is None:
            if old.default is None:
                yield f"it needs the field {change.field!r}"
        elif not accepts(old.type, new.type):
            yield f"its {change.field!r} takes {old.type}, not {new.type or 'any type'}"

    def _undoing(self, chain: Chain) -> tuple[bool, str]:
        """Return whether the steps can be undone, and a sentence about it."""
        older = [(self._key, self._old.version)] if self._old.version < self._new.version else []
        older += [(base, then) for base, then, _ in self._raised_bases()]
        wanted = ", ".join(f"{name!r}: {version}" for name, version in older)
        try:
            chain.check_undo()
        except VersionPickleError as exc:
            return False, f"dumps(versions={{{wanted}}}) cannot help: {exc}"
        return True, f"dumps(versions={{{wanted}}}) writes what it reads"
