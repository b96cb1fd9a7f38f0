"""Plan what has to be written for changed classes: version, step, former name."""

from __future__ import annotations

import difflib

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._project.difference import ClassDifference
from versionpickle._project.find import names_of
from versionpickle._project.project import Project
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, Schema

from .answers import Answer, Answers
from .declarations import Space, by_hand, edits, place_of
from .imports import Scope
from .source_text import Edit, SourceText
from .step_code import placed_at_the_end, placed_behind
from .step_module import step_module
from .steps import NewStep


@attrs.define
class Draft:
    """A module, and what is to be changed in it."""

    source: SourceText
    space: Space
    is_new: bool = False
    edits: list[Edit] = attrs.field(factory=list)
    scope: Scope = attrs.field(init=False)

    @scope.default
    def _make_scope(self) -> Scope:
        return Scope(self.source, self.space)

    @property
    def text(self) -> str:
        return self.source.edited([*self.scope.edits(), *self.edits])


@attrs.define
class Plan:
    """All that will be written, and why some classes are left as they are."""

    project: Project
    drafts: dict[Path, Draft] = attrs.field(factory=dict)
    packages: list[Path] = attrs.field(factory=list)
    """Files that make packages of the folders of new modules."""

    records: dict[Path, bytes] = attrs.field(factory=dict)
    """Further files: schemas and samples of versions that no code is left of."""

    replaced: list[Path] = attrs.field(factory=list)
    """Records to remove before all is recorded anew."""

    made: list[str] = attrs.field(factory=list)
    """The keys of the classes that have changed."""

    refused: dict[str, ProjectError] = attrs.field(factory=dict)
    is_discarded: bool = False

    def files(self) -> dict[Path, bytes]:
        """Return what will be in the files that change."""
        changed = {file: draft for file, draft in self.drafts.items() if draft.edits}
        sources = {file: draft.source.encoded(draft.text) for file, draft in changed.items()}
        return dict.fromkeys(self.packages, b"") | sources | self.records

    def check_unchanged(self) -> None:
        """Refuse to overwrite what another program has written meanwhile."""
        for draft in self.drafts.values():
            source = draft.source
            if source.file.exists() == draft.is_new or (
                not draft.is_new and source.file.read_bytes() != source.encoded(source.text)
            ):
                problem = "it was changed while this command was running"
                raise ProjectError(str(source.file), problem, "nothing was written: run it again")

    def discard(self) -> None:
        """Write nothing: answers would not fit a second time, together with those that lack."""
        self.drafts.clear()
        self.packages.clear()
        self.made.clear()
        self.is_discarded = True

    def check_bases(self, key: str) -> None:
        """Refuse a class with a base that is left as it is: its samples would hold that."""
        for base in self.project.lineage(key):
            if base in self.refused:
                problem = f"its base {base} has to be made first"
                cure = f"pass what is missing for {base}"
                raise ProjectError(self.project.classes[key].declaration.ref, problem, cure)

    def diff(self) -> str:
        """Return what changes, as a unified diff."""
        return "".join(line for draft in self.drafts.values() for line in self._diff(draft))

    def _diff(self, draft: Draft) -> Iterable[str]:
        shown = draft.source.file.relative_to(self.project.known.root).as_posix()
        before = [] if draft.is_new else _lines(draft.source.text)
        name = "/dev/null" if draft.is_new else f"a/{shown}"
        return difflib.unified_diff(before, _lines(draft.text), name, f"b/{shown}")

    def draft(self, source: SourceText, space: Space, *, is_new: bool = False) -> Draft:
        """Return the draft of a module, which several classes may share."""
        return self.drafts.setdefault(source.file, Draft(source, space, is_new))


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.splitlines()]


def plan(project: Project, names: Iterable[str], answers: Answers) -> Plan:
    """Return what has to be written for these classes, or for all that have changed."""
    for answer in answers.all("renamed", ()):
        answers.use(answer)
        old, new = _renamed_class(project, answer)
        project.renames[old] = new
    made = Plan(project)
    for key in sorted(_chosen(project, tuple(names)), key=project.depth):
        try:
            made.check_bases(key)
            if _plan_class(made, key, answers):
                made.made.append(key)
        except ProjectError as exc:
            made.refused[key] = exc
    if made.refused and answers.any():
        made.discard()
    refuse_unused(made, answers)
    return made


def refuse_unused(made: Plan, answers: Answers) -> None:
    """Refuse options that no class needed, unless the class may be one that was refused."""
    for answer in () if made.refused else answers.unused():
        owner = answer.cls or "a changed class"
        problem = f"it names {', '.join(answer.fields)}, which {owner} has no use for"
        raise ProjectError(f"--{answer.option}", problem, "run 'versionpickle check' first")


def _renamed_class(project: Project, answer: Answer) -> tuple[str, str]:
    """Return the key of a class that is gone, and that of the class that it is now."""
    old = [one.key for one in project.gone() if answer.fields[0] in _all_names(one.key, one.ref)]
    new = [
        key
        for key, instrumentation in project.classes.items()
        if answer.value in _all_names(key, instrumentation.declaration.ref)
    ]
    if len(old) != 1 or len(new) != 1:
        shown = answer.fields[0] if len(old) != 1 else answer.value
        problem = f"{len(old if len(old) != 1 else new) or 'no'} classes are called {shown}"
        cure = "name a class that is gone, and one that is in the code"
        raise ProjectError(f"--renamed {answer.fields[0]}={answer.value}", problem, cure)
    return old[0], new[0]


def _all_names(key: str, ref: str) -> set[str]:
    qualname = ref.partition(":")[2]
    return {key, ref, qualname, qualname.rpartition(".")[2]}


def _chosen(project: Project, names: tuple[str, ...]) -> list[str]:
    known = {key: names_of(instrumentation) for key, instrumentation in project.classes.items()}
    for name in names:
        if not any(name in of_class for of_class in known.values()):
            listed = ", ".join(sorted(known)) or "none"
            raise ProjectError(name, "the project has no such class", f"it has {listed}")
    return sorted(key for key, of_class in known.items() if not names or {*names} & {*of_class})


def _plan_class(plan: Plan, key: str, answers: Answers) -> bool:
    """Plan what one class needs; return whether that is anything."""
    project, instrumentation = plan.project, plan.project.classes[key]
    before = project.schema_before(key) or _twin(project, key)
    if before is None:
        return False
    difference = _difference(project, key, before)
    former = _former(instrumentation, before)
    if not difference and former is None:
        return False
    _refuse_others(instrumentation, difference, former)
    place = place_of(instrumentation, project.known.root)
    settings = {"version": str(instrumentation.declaration.version + 1)} if difference else {}
    settings |= {"formerly": f'"{former}"'} if former is not None else {}
    changed = edits(place, instrumentation, settings)
    if difference:
        step = NewStep(project, key, place, answers)
        step.ask(before.latest)
        plan_steps(plan, [step])
    plan.draft(place.source, place.space).edits.extend(changed)
    return True


def plan_steps(plan: Plan, steps: list[NewStep]) -> None:
    """Plan the steps of one class, the oldest first."""
    first = steps[0]
    place, instrumentation = first.place, first.instrumentation
    source, space, packages = step_module(plan.project.known.root, instrumentation, place)
    for step in steps:
        step.check_names(Scope(source, space))
    plan.packages += [file for file in packages if file not in plan.packages]
    draft = plan.draft(source, space, is_new=not source.file.exists())
    codes = [step.written(draft.source, space, draft.scope) for step in steps]
    if source is place.source:
        edit = placed_behind(source, space, instrumentation, place.statement, codes)
    else:
        edit = placed_at_the_end(draft.source, codes)
    draft.edits.append(edit)


def _twin(project: Project, key: str) -> Schema | None:
    """Return the schema of a class that is gone, and whose name this one has."""
    found = [one for one in project.gone() if project.clear_successor(one) == key]
    if len(found) > 1:
        gone = " or ".join(schema.ref for schema in found)
        problem = f"it may have been {gone}"
        raise ProjectError(project.classes[key].declaration.ref, problem, "set formerly=...")
    return found[0] if found else None


def _difference(project: Project, key: str, before: Schema) -> ClassDifference:
    latest: Recorded = before.latest
    declaration: Any = project.classes[key].declaration
    if declaration.version == latest.version:
        return project.difference(key, latest)
    if declaration.version > latest.version:  # which is to be recorded, and no more
        return ClassDifference((), ())
    problem = f"version {latest.version} is recorded already: it went back"
    cure = f"set version={latest.version}, or restore the schema from version control"
    raise ProjectError(declaration.ref, problem, cure)


def _former(instrumentation: Instrumentation, before: Schema) -> str | None:
    """Return the name that the class had, if its declaration does not name it."""
    declaration = instrumentation.declaration
    is_known = before.ref == declaration.ref or before.ref in declaration.formerly
    return None if is_known else before.ref


def _refuse_others(
    instrumentation: Instrumentation, difference: ClassDifference, former: str | None
) -> None:
    """Refuse changes that no operation describes."""
    if difference.structure:
        problem = " and ".join(difference.structure)
        settings = {} if former is None else {"formerly": f'"{former}"'}
        cure = f"{by_hand(instrumentation, settings)}, which 'versionpickle check' then prints"
        raise ProjectError(instrumentation.declaration.ref, problem, cure)
