"""What has to be written so that the pickles of old releases load."""

from __future__ import annotations

import enum
import itertools
import re
import sys

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._classes.names import is_gone
from versionpickle._project.make.answers import Answers
from versionpickle._project.make.declarations import edits, place_of
from versionpickle._project.make.plan import Plan, plan_steps, refuse_unused
from versionpickle._project.make.steps import NewStep
from versionpickle._project.project import Project
from versionpickle._project.samples import fields_in_all, kinds_of, samples_in
from versionpickle._project.schemas import file_name
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, RecordedField, Schema

from .generations import Generation, Question, generations, questions
from .releases import OldClass, Release


@attrs.define
class History:
    """The generations of a class, and the version of today, which may be the last of them."""

    ref: str
    generations: list[Generation]
    today: Recorded

    @property
    def version(self) -> int:
        return self.today.version

    @property
    def steps(self) -> list[tuple[Recorded, Recorded]]:
        """What each step leads from, and what to."""
        then = [Recorded(one.version, one.fields) for one in self.generations]
        ends = [*then[: self.version - 1], self.today]
        return [_comparable(*pair) for pair in itertools.pairwise(ends)]

    @property
    def questions(self) -> dict[int, Question]:
        return questions({one.version: one.names for one in self.generations})

    def of_release(self, name: str) -> int:
        """Return the version that the class had in a release; the oldest if it had none."""
        found = (
            one.version
            for one in self.generations
            if any(old.release == name for old in one.releases)
        )
        return next(found, 1)


def _comparable(old: Recorded, new: Recorded) -> tuple[Recorded, Recorded]:
    """Forget the types of attributes of which one is not known."""
    kinds = {field.name: field.type for field in old.fields or ()}
    others = {field.name: field.type for field in new.fields or ()}

    def known(found: Recorded) -> Recorded:
        fields = (
            one
            if kinds.get(one.name, "?") and others.get(one.name, "?")
            else attrs.evolve(one, type="")
            for one in found.fields or ()
        )
        return attrs.evolve(found, fields=tuple(fields))

    return known(old), known(new)


@attrs.define
class Backfill:
    """The plan for the classes of a project, class by class."""

    plan: Plan
    answers: Answers
    replaces: bool
    """Whether the versions that are recorded by now were never used."""

    old: dict[str, list[OldClass]] = attrs.field(factory=dict)
    histories: dict[str, History] = attrs.field(factory=dict)
    unknown: dict[str, str] = attrs.field(factory=dict)
    """Classes of old releases that are not there today, and the last release of each."""

    @property
    def project(self) -> Project:
        return self.plan.project

    def look(self, releases: Iterable[Release], samples: Mapping[str, Path]) -> None:
        """Find out what the releases stored; modules with *samples* are given by name."""
        names = {key: [*self._names(one)] for key, one in self.project.classes.items()}
        known = {ref for refs in names.values() for ref in refs}
        for release in releases:
            answer = release.ask(self.project.known, names, samples)
            for key, one in answer.classes.items():
                self.old.setdefault(key, []).append(one)
                known.add(one.ref)
            others = [ref for ref in answer.others if not _is_there(ref)]
            self.unknown |= dict.fromkeys(others, release.name)
        self.unknown = {ref: name for ref, name in self.unknown.items() if ref not in known}

    def _names(self, instrumentation: Instrumentation) -> Iterator[str]:
        """Yield the names that a class had: today's first."""
        declaration = instrumentation.declaration
        yield declaration.ref
        yield from declaration.formerly
        module, _, qualname = declaration.ref.partition(":")
        for answer in self.answers.all("renamed", ()):
            if answer.value == qualname:
                self.answers.use(answer)
                yield f"{module}:{answer.fields[0]}"

    def plan_all(self) -> None:
        recorded = self.project.recorded
        for key in sorted(self.old, key=lambda key: (len(recorded(key).bases), key)):
            try:
                self._plan_class(key)
                self.plan.made.append(key)
            except ProjectError as exc:
                self.plan.refused[key] = exc
        if self.plan.refused:  # the classes may hold one another
            self.plan.made.clear()
        refuse_unused(self.plan, self.answers)

    def _plan_class(self, key: str) -> None:
        instrumentation = self.project.classes[key]
        self._check(key, instrumentation)
        history = self._history(key, instrumentation)
        settings = self._settings(key, history)
        if settings or history.steps:
            self._plan_source(key, history, settings)
        self._plan_records(key, history)
        self.histories[key] = history

    def _check(self, key: str, instrumentation: Instrumentation) -> None:
        declaration = instrumentation.declaration
        if declaration.version != 1 or declaration.unstamped != 1:
            problem = f"it is at version {declaration.version} already"
            cure = "set version=1 without unstamped=, if no pickle was written with a version yet"
            raise ProjectError(declaration.ref, problem, cure)
        if self.project.schema_before(key) is not None and not self.replaces:
            problem = "its version 1 is recorded, so there may be pickles with that version"
            cure = "pass --replace if none was written yet"
            raise ProjectError(declaration.ref, problem, cure)
        for old in self.old[key]:
            if self.project.known.plain_pickle and is_gone(old.ref):
                name, _, short = old.ref.partition(":")
                problem = f"plain pickle does not find {old.ref}, its name at {old.release}"
                cure = (
                    f"write {short} = {instrumentation.cls.__qualname__} into {name}, or set "
                    "plain-pickle = false in [tool.versionpickle] if only versionpickle.loads "
                    "reads your data"
                )
                raise ProjectError(declaration.ref, problem, cure)
            if not old.samples:
                problem = f"no sample of it can be made at {old.release}: {_listed(old.problems)}"
                cure = (
                    "write a function with @versionpickle.testing.sample that makes one there, in "
                    "a file that --samples names"
                )
                raise ProjectError(declaration.ref, problem, cure)

    def _history(self, key: str, instrumentation: Instrumentation) -> History:
        fields = self._today(key)
        ref = instrumentation.declaration.ref
        found = [(old, [*self._own(key, old)]) for old in self.old[key]]
        if issubclass(instrumentation.cls, enum.Enum):
            known = self._generation_of_enum(ref, found, fields)
        else:
            known = generations(found, [field.name for field in fields])
        today = attrs.evolve(self.project.recorded(key), fields=tuple(fields), bases=())
        last = known[-1]
        history = History(ref, known, attrs.evolve(today, version=last.version + 1))
        if last.names == {field.name for field in fields} and not self._converts(key, history):
            history.today = attrs.evolve(today, version=last.version)
        if len(known) > 1:
            _check_questions(history)
        return history

    def _converts(self, key: str, history: History) -> bool:
        """Return whether the last step has to convert a field."""
        old, new = history.steps[-1]
        found = self.project.with_class(key, new).difference(key, old)
        return any(change.needs_conversion for change in found.fields)

    def _generation_of_enum(
        self,
        ref: str,
        found: list[tuple[OldClass, list[RecordedField]]],
        fields: Sequence[RecordedField],
    ) -> list[Generation]:
        """Members are stored by value, so all releases are one version."""
        gone = {one.name for _, old in found for one in old} - {field.name for field in fields}
        if gone:
            problem = f"the members {', '.join(sorted(gone))} are gone, and were stored by value"
            cure = (
                f"map the old values to members with alias({ref!r}, {{old: member}}.__getitem__)"
            )
            raise ProjectError(ref, problem, cure)
        return [Generation(1, tuple(old for old, _ in found), tuple(fields))]

    def _today(self, key: str) -> list[RecordedField]:
        """Return today's own fields: the declared ones, or those of new objects."""
        today = self.project.recorded(key)
        fields = today.fields
        if fields is None:
            cls = self.project.classes[key].cls
            states = [
                kinds_of(vars(one)) for one in self.project.fresh(key).values() if type(one) is cls
            ]
            fields = fields_in_all(states)
        inherited = {name for base, _ in today.bases for name in self._names_of_base(base)}
        return [field for field in fields if field.name not in inherited]

    def _names_of_base(self, key: str) -> Iterable[str]:
        return [field.name for field in self._today(key)] if key in self.project.classes else ()

    def _own(self, key: str, old: OldClass) -> Iterator[RecordedField]:
        """Yield the fields of an old class that no versioned base had."""
        bases = [base for base, _ in self.project.recorded(key).bases]
        inherited = {
            field.name
            for base in bases
            for one in self.old.get(base, ())
            if one.release == old.release
            for field in one.fields
        }
        return (field for field in old.fields if field.name not in inherited)

    def _settings(self, key: str, history: History) -> dict[str, str]:
        """Return the settings that the declaration needs; the conditions are imported later."""
        declaration = self.project.classes[key].declaration
        settings = {} if history.version == 1 else {"version": str(history.version)}
        known = {declaration.ref, *declaration.formerly}
        refs = dict.fromkeys(old.ref for old in self.old[key] if old.ref not in known)
        listed = ", ".join(f'"{ref}"' for ref in refs)
        if refs:
            is_new = len(refs) > 1 and not declaration.formerly
            settings["formerly"] = f"({listed})" if is_new else listed
        return settings

    def _plan_source(self, key: str, history: History, settings: dict[str, str]) -> None:
        instrumentation = self.project.classes[key]
        place = place_of(instrumentation, self.project.known.root)
        steps = []
        for old, new in history.steps:
            step = NewStep(self.project.with_class(key, new), key, place, self.answers)
            step.ask(old)
            steps.append(step)
        draft = self.plan.draft(place.source, place.space)
        if len(history.generations) > 1:
            of = {
                number: f"{draft.scope.name_of('versionpickle.migrations', one.word)}{one.listed}"
                for number, one in history.questions.items()
            }
            settings["unstamped"] = _dict_of(of, place.source.indent)
        changed = edits(place, instrumentation, settings)
        if steps:
            plan_steps(self.plan, steps)
        draft.edits.extend(changed)

    def _plan_records(self, key: str, history: History) -> None:
        known, declaration = self.project.known, self.project.classes[key].declaration
        folder = known.samples / file_name(declaration.key)
        schema = known.schemas / f"{file_name(declaration.key)}.json"
        before = [path for one in samples_in(folder, key) for path in (one.file, one.descriptions)]
        self.plan.replaced += [path for path in (schema, *before) if path.exists()]
        versions = [
            self._recorded(key, one)
            for one in history.generations
            if one.version < history.version
        ]
        records = dict(_samples(folder, history))
        if versions:
            formerly = (old.ref for old in self.old[key] if old.ref != declaration.ref)
            names = (*declaration.formerly, *formerly)
            made = Schema(
                declaration.ref, tuple(versions), declaration.name, tuple(dict.fromkeys(names))
            )
            records[schema] = made.text().encode()
        self.plan.records |= records
        self.plan.replaced = [path for path in self.plan.replaced if path not in records]

    def _recorded(self, key: str, generation: Generation) -> Recorded:
        """Return what to record of a generation: what its last release declared."""
        old = generation.releases[-1]
        bases = tuple(
            (base, self.histories[base].of_release(old.release))
            for base, _ in self.project.recorded(key).bases
            if base in self.histories
        )
        types = {field.name: field.type for field in generation.fields}
        fields = old.declared and tuple(
            attrs.evolve(field, type=types.get(field.name, field.type)) for field in old.declared
        )
        return Recorded(generation.version, fields, bases=bases)


def _is_there(ref: str) -> bool:
    module, _, qualname = ref.partition(":")
    return hasattr(sys.modules.get(module), qualname.partition(".")[0])


def _listed(problems: Iterable[str]) -> str:
    return "; ".join(problems) or "the functions for samples make objects of other classes"


def _check_questions(history: History) -> None:
    """Refuse fields that are not always there, if they would decide about the version."""
    asked = history.questions
    for one in history.generations:
        for old in one.releases:
            for sample in old.samples:
                state = sample.state or [field.name for field in old.fields]
                number = next((n for n, question in asked.items() if question.fits(state)), None)
                if number != one.version:
                    problem = (
                        f"its sample {sample.name!r} of {old.release} has the fields of another "
                        "version"
                    )
                    cure = "write unstamped= and the steps yourself, for fields that are optional"
                    raise ProjectError(history.ref, problem, cure)


def _dict_of(codes: Mapping[int, str], indent: str) -> str:
    items = [f"{number}: {code}" for number, code in codes.items()]
    line = f"{{{', '.join(items)}}}"
    return (
        line if len(line) < _LONG else "\n".join(["{", *(f"{indent}{one}," for one in items), "}"])
    )


_LONG = 45
"""From here on, the conditions are on lines of their own."""


def _samples(folder: Path, history: History) -> Iterator[tuple[Path, bytes]]:
    """Yield the old pickles, each once, and the files for them."""
    seen = set()
    for one in history.generations:
        for old in one.releases:
            for sample in old.samples:
                if sample.data not in seen:
                    seen.add(sample.data)
                    name = re.sub(r"[^\w.]+", "_", old.release)
                    yield folder / f"{one.version}-{name}-{sample.name}.pickle", sample.data


def backfill(
    project: Project,
    releases: Sequence[Release],
    answers: Answers,
    samples: Iterable[Path],
    *,
    replaces: bool,
) -> Backfill:
    """Plan what the pickles of old releases need; nothing is written."""
    known = project.known
    made = Backfill(Plan(project), answers, replaces)
    modules = {name: Path(sys.modules[name].__file__ or "") for name in known.sample_modules}
    made.look(releases, modules | {file.stem: file for file in samples})
    if not made.old:
        names = ", ".join(release.name for release in releases) or "no release"
        problem = f"no versioned class of the project is in {names}"
        raise ProjectError(str(known.file), problem, "name releases that have some")
    made.plan_all()
    return made
