"""The history of a class, version by version."""

from __future__ import annotations

import contextlib
import inspect

from collections.abc import Iterator
from pathlib import Path

import attrs

from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import Declaration, Registry, Step
from versionpickle.migrations._operations import name_of
from versionpickle.migrations._schema import Recorded, Schema

from .difference import changes, declaring, other_changes
from .project import Project


@attrs.frozen
class OutgoingStep:
    """The step that leaves a version."""

    to: int
    what: str
    """Its operations, or the name of its function."""

    place: str | None
    """The file and line of the function."""

    under: str | None
    """The former ref for which it is registered."""


@attrs.frozen
class VersionInfo:
    """One version of a class."""

    version: int
    is_recorded: bool
    is_today: bool
    is_read: bool
    """Whether data of this version is still read."""

    changes: tuple[str, ...]
    """What changed against the recorded version before."""

    steps: tuple[OutgoingStep, ...]
    samples: tuple[str, ...]


@attrs.frozen
class History:
    """Everything known about one class, the oldest version first."""

    ref: str
    name: str | None
    today: int | None
    """Its version; None if the class is gone."""

    oldest: int
    formerly: tuple[tuple[str, int | None], ...]
    """Its former refs, and which version unstamped pickles under them are."""

    versions: tuple[VersionInfo, ...]


def history(project: Project, ref: str) -> History:
    """Return the history of the class with this *ref*, today or in the records."""
    key, declaration = _declared(project, ref)
    schema = project.schema_before(key) if declaration else project.schemas.get(key)
    builder = _HistoryBuilder(project, ref, key, declaration, schema)
    former = {} if schema is None else dict.fromkeys(schema.formerly)
    if schema is not None and schema.ref != ref:
        former[schema.ref] = None
    if declaration is None:
        name = None if schema is None else schema.name
        return History(ref, name, None, 1, (*former.items(),), (*builder.versions(former),))
    former |= declaration.formerly
    former.pop(ref, None)  # of a class that came back
    return History(
        ref,
        declaration.name,
        declaration.version,
        declaration.oldest,
        (*former.items(),),
        (*builder.versions(former),),
    )


def _declared(project: Project, ref: str) -> tuple[str, Declaration | None]:
    """Return the key of a class, and its declaration if there is one."""
    for key, instrumentation in project.classes.items():
        if instrumentation.declaration.ref == ref:
            return key, instrumentation.declaration
    recorded = (key for key, schema in project.schemas.items() if schema.ref == ref)
    return next(recorded, ref), None


@attrs.frozen
class _HistoryBuilder:
    project: Project
    ref: str
    key: str
    declaration: Declaration | None
    schema: Schema | None

    def versions(self, former: dict[str, int | None]) -> Iterator[VersionInfo]:
        if self.declaration:
            import_steps(self.project.registry, self.declaration)
        refs = [self.ref, *former]
        steps = [step for ref in refs for step in self.project.registry.steps_of(ref)]
        before: Recorded | None = None
        for number in self._numbers(steps):
            known = None if self.schema is None else self.schema.at(number)
            yield self._info(number, before, known, steps)
            before = known or before

    def _numbers(self, steps: list[Step]) -> list[int]:
        """Return all versions of which anything is known."""
        recorded = () if self.schema is None else self.schema.versions
        samples = self.project.samples(self.key)
        numbers = {one.version for one in recorded} | {one.version for one in samples}
        numbers |= {step.version for step in steps}
        return sorted(
            numbers if self.declaration is None else {*numbers, self.declaration.version}
        )

    def _info(
        self, number: int, before: Recorded | None, known: Recorded | None, steps: list[Step]
    ) -> VersionInfo:
        declaration, samples = self.declaration, self.project.samples(self.key)
        return VersionInfo(
            version=number,
            is_recorded=known is not None,
            is_today=declaration is not None and number == declaration.version,
            is_read=declaration is None or number >= declaration.oldest,
            changes=(*_changes(before, known), *self._not_recorded(number, known)),
            steps=tuple(self._outgoing(step) for step in steps if step.version == number),
            samples=tuple(one.name for one in samples if one.version == number),
        )

    def _not_recorded(self, number: int, known: Recorded | None) -> Iterator[str]:
        """Report whether the class has changed since."""
        if self.declaration is None or known is None or number != self.declaration.version:
            return
        if self.project.recorded(self.key).digest != known.digest:
            yield "the class has changed since this was recorded: run 'versionpickle check'"

    def _outgoing(self, step: Step) -> OutgoingStep:
        under = None if step.ref == self.ref else step.ref
        return OutgoingStep(step.to, what_of(step), place_of(step, self.project.known.root), under)


def _changes(before: Recorded | None, now: Recorded | None) -> Iterator[str]:
    if before is not None and now is not None:
        yield from map(str, changes(before, now))
        yield from other_changes(before, now, declaring(before, now))


def import_steps(registry: Registry, declaration: Declaration) -> None:
    """Import the module that holds the steps of a class, if possible."""
    with contextlib.suppress(VersionPickleError):  # check() reports what is wrong with them
        registry.path(declaration.ref, declaration.oldest, declaration)


def what_of(step: Step) -> str:
    """
    Return what a step does, in one line.

    >>> from versionpickle.migrations import add, rename
    >>> what_of(Step("shop:Order", 1, 2, (rename("a", "b"), add("c", 1))))
    "rename('a', 'b'), add('c', 1)"
    >>> what_of(Step("shop:Order", 1, 2, function=len))
    'len'
    """
    if step.function is None:
        return ", ".join(map(repr, step.operations))
    return name_of(step.function)


def place_of(step: Step, root: Path) -> str | None:
    """Return file and line of the function of a step, seen from *root*."""
    if step.function is None:
        return None
    code = getattr(inspect.unwrap(step.function), "__code__", None)
    if code is None:
        return None
    path = Path(code.co_filename)
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{shown}:{code.co_firstlineno}"
