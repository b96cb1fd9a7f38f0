"""What old releases stored of the classes of a project, and the versions that this makes."""

from __future__ import annotations

import enum
import itertools
import sys

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._classes.names import is_gone
from versionpickle._project.make.answers import Answers
from versionpickle._project.project import Project
from versionpickle._project.samples import fields_in_all, kinds_of
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, RecordedField

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
class Study:
    """The histories of the classes of a project."""

    project: Project
    answers: Answers
    replaces: bool
    """Whether the versions that are recorded by now were never used."""

    old: dict[str, list[OldClass]] = attrs.field(factory=dict)
    histories: dict[str, History] = attrs.field(factory=dict)
    """By key, bases first."""

    refused: dict[str, ProjectError] = attrs.field(factory=dict)
    unknown: dict[str, str] = attrs.field(factory=dict)
    """Classes of old releases that are not there today, and the last release of each."""

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

    def find_histories(self) -> None:
        """Give versions to what was found."""
        recorded = self.project.recorded
        for key in sorted(self.old, key=lambda key: (len(recorded(key).bases), key)):
            try:
                self._check(key, self.project.classes[key])
                self.histories[key] = self._history(key, self.project.classes[key])
            except ProjectError as exc:
                self.refused[key] = exc

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
        if history.version > 1:
            _check_names(history)
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


def _is_there(ref: str) -> bool:
    module, _, qualname = ref.partition(":")
    return hasattr(sys.modules.get(module), qualname.partition(".")[0])


def _listed(problems: Iterable[str]) -> str:
    return "; ".join(problems) or "the functions for samples make objects of other classes"


def _check_names(history: History) -> None:
    """Refuse values without names, as those of named tuples and frozen slotted dataclasses."""
    for old in (old for one in history.generations for old in one.releases):
        if old.fields and not all(sample.state for sample in old.samples):
            problem = f"its pickles of {old.release} hold values without the names of fields"
            cure = "write the steps, and unstamped= as a function of what was stored, yourself"
            raise ProjectError(history.ref, problem, cure)


def _check_questions(history: History) -> None:
    """Refuse fields that are not always there, if they would decide about the version."""
    asked = history.questions
    for one in history.generations:
        for old in one.releases:
            for sample in old.samples:
                fitting = (n for n, question in asked.items() if question.fits(sample.state))
                number = next(fitting, None)
                if number != one.version:
                    problem = (
                        f"its sample {sample.name!r} of {old.release} has the fields of another "
                        "version"
                    )
                    cure = "write unstamped= and the steps yourself, for fields that are optional"
                    raise ProjectError(history.ref, problem, cure)


def studied(
    project: Project,
    releases: Sequence[Release],
    answers: Answers,
    samples: Iterable[Path],
    *,
    replaces: bool,
) -> Study:
    """Look at old releases; *samples* are files with functions that make some."""
    known = project.known
    made = Study(project, answers, replaces)
    modules = {name: Path(sys.modules[name].__file__ or "") for name in known.sample_modules}
    made.look(releases, modules | {file.stem: file for file in samples})
    if not made.old:
        names = ", ".join(release.name for release in releases)
        problem = f"no versioned class of the project is in {names}"
        raise ProjectError(str(known.file), problem, "name releases that have some")
    made.find_histories()
    return made
