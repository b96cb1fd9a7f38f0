"""The findings of the schema check: differences between classes and what was recorded."""

from __future__ import annotations

import contextlib
import enum
import inspect

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from versionpickle._classes.check import check
from versionpickle._classes.instrument import Instrumentation
from versionpickle._project.make.declarations import place_of
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import MissingStepError, ProjectError, VersionPickleError
from versionpickle.migrations import Chain
from versionpickle.migrations._schema import Recorded, Schema

from .difference import ClassDifference, operations, renamed_perhaps
from .project import Project
from .sample_check import SampleProblem, check_sample, cure_of_refused
from .samples import Sample, Unmade
from .unconverted import unconverted
from .undeclared import undeclared
from .unlisted import unlisted


NO_SAMPLE = "there is no sample of it"


@attrs.frozen
class Finding:
    """A problem that would stop old data, or something that is not recorded."""

    kind: str
    """*changed*, *unrecorded*, *moved*, *gone*, *step*, *sample*, *unversioned* or *unlisted*."""

    ref: str
    """The class."""

    version: int
    problem: str
    cure: str
    field: str | None = None
    file: str | None = None
    line: int | None = None
    details: tuple[str, ...] = ()
    """Further lines, such as each attribute that differs."""

    also: tuple[str, ...] = ()
    """What else it stops: classes whose samples fail, or samples of the same class."""

    sample: str | None = None
    """The file of the sample that it is about."""

    def __str__(self) -> str:
        parts = [self.problem, *self.details, *filter(None, [self.stops]), self.cure]
        return f"{self.ref} at version {self.version}: {'; '.join(parts)}"

    @property
    def stops(self) -> str:
        """What else it stops, as a sentence."""
        return f"also stops the samples of {', '.join(self.also)}" if self.also else ""


def findings(project: Project) -> list[Finding]:
    """Return everything that is wrong: first what is gone or not listed, then class by class."""
    of_classes = [one for key in sorted(project.classes) for one in _of_class(project, key)]
    found = [*_of_gone(project), *unlisted_classes(project), *of_classes]
    changed = {one.ref for one in found if one.kind in {"changed", "gone"}}
    found += [one for one in _of_registry(project) if one.ref not in changed]
    stopped = _stopped_samples(project, found)
    found = _merged(found, stopped)
    known = {one.ref for one in found if one.kind == "unversioned"}
    found += [one for one in _of_enums(project) if one.ref not in known]
    return [_with_place(project, one) for one in found]


def _of_enums(project: Project) -> Iterator[Finding]:
    """Look for enums that a field may hold, and that our loads refuse, in no sample so far."""
    for key, name, enumeration in undeclared(project):
        declaration, ref = project.classes[key].declaration, ref_of(enumeration)
        problem = f"{name!r} may hold some of {ref}, which versionpickle.loads refuses"
        cure = cure_of_refused(project, (ref,))
        yield Finding("unversioned", declaration.ref, declaration.version, problem, cure, name)


def _of_gone(project: Project) -> Iterator[Finding]:
    for schema in project.gone():
        cure = _cure_of_gone(project, schema)
        yield Finding("gone", schema.ref, schema.latest.version, "this class is gone", cure)


def _cure_of_gone(project: Project, schema: Schema) -> str:
    keys = project.successors(schema)
    names = {schema.key: None, schema.ref: None, **dict.fromkeys(schema.formerly)}
    calls = " and ".join(f"retire({name!r})" for name in names)
    otherwise = (
        f"end its steps in become() or replace(), or call {calls}; or list its module in "
        "[tool.versionpickle]"
    )
    if not keys:
        return f"set formerly={schema.ref!r} on its successor, {otherwise}"
    refs = [project.classes[key].declaration.ref for key in keys]
    which = "set it there"
    if len(refs) == 1:
        which += f", or run 'versionpickle make --renamed {_renaming_of_class(schema.ref, *refs)}'"
    return (
        f"if it is {' or '.join(refs)} now, that class needs formerly={schema.ref!r}: {which}; "
        f"if not, {otherwise}"
    )


def _renaming_of_class(old: str, new: str) -> str:
    """Return what make's --renamed takes: short names, unless they are the same."""
    names = [ref.partition(":")[2] for ref in (old, new)]
    return f"{old}={new}" if names[0] == names[1] else "=".join(names)


def unlisted_classes(project: Project) -> Iterator[Finding]:
    """Look for versioned classes in modules that nothing imports."""
    for module, name, file, line in unlisted(project):
        yield Finding(
            "unlisted",
            f"{module}:{name}",
            1,
            "this versioned class is in a module that no listed module imports",
            f"add {module!r} to modules = [...] in [tool.versionpickle], or import it there",
            file=file,
            line=line,
        )


def _of_class(project: Project, key: str) -> Iterator[Finding]:
    instrumentation = project.classes[key]
    ref, version = instrumentation.declaration.ref, instrumentation.declaration.version
    try:
        today = project.recorded(key)
    except VersionPickleError as exc:
        yield Finding("step", ref, version, str(exc), "fix that first")
        return
    schema = project.schema_before(key)
    if schema is None and key in project.asked_about():
        return  # it may be one that is gone: to record it would hide what changed
    if schema is None:
        cure = _cure_by_record(project, key)
        yield Finding("unrecorded", ref, version, "nothing is recorded of this class", cure)
        return
    changed = [*_of_version(project, key, today, schema)]
    yield from changed
    if not changed and (schema.key != key or schema.ref != ref):
        yield _moved(schema, ref, version, _cure_by_record(project, key))
    is_changed = any(one.kind == "changed" for one in changed)
    if not is_changed and not any(map(project.is_changed, project.bases(key))):
        yield from _of_chains(project, key, schema)
    yield from _of_records(project, key, schema)


def _cure_by_record(project: Project, key: str) -> str:
    first = project.unrecordable(key)
    before = "" if first is None else f"do what is printed for {first}; then "
    return f"{before}run 'versionpickle record', and commit what it writes"


def _moved(schema: Schema, ref: str, version: int, cure: str) -> Finding:
    name = "" if schema.name is None else f" (name={schema.name!r})"
    return Finding("moved", ref, version, f"it is recorded as {schema.ref}{name}", cure)


def _of_version(project: Project, key: str, today: Recorded, schema: Schema) -> Iterator[Finding]:
    """Compare the class with what is recorded of its version."""
    ref, latest = project.classes[key].declaration.ref, schema.latest
    if today.version > latest.version:
        cure = _cure_by_record(project, key)
        problem = f"only versions up to {latest.version} are recorded"
        yield Finding("unrecorded", ref, today.version, problem, cure)
    elif today.version < latest.version:
        problem = f"version {latest.version} is recorded already: it went back"
        cure = f"set version={latest.version}, or restore the schema from version control"
        yield Finding("changed", ref, today.version, problem, cure)
    else:
        difference = project.difference(key, latest)
        yield from _changed(ref, today, difference)
        if not difference and today.bases != latest.bases:
            cure = _cure_by_record(project, key)
            problem = "a base of it has another version than was recorded"
            yield Finding("unrecorded", ref, today.version, problem, cure)


def _changed(ref: str, today: Recorded, difference: ClassDifference) -> Iterator[Finding]:
    if not difference:
        return
    cure = _cure_of_change(ref, today, difference)
    perhaps = renamed_perhaps(difference.fields)
    for change in difference.fields:
        names = " or ".join(repr(new) for old, new in perhaps if old == change.field)
        question = f" (or renamed to {names}?)" if change.kind == "removed" and names else ""
        problem = f"{change}{question}, and the version is still {today.version}"
        yield Finding("changed", ref, today.version, problem, cure, change.field)
    for sentence in difference.others:
        problem = f"{sentence}, and the version is still {today.version}"
        yield Finding("changed", ref, today.version, problem, cure)


def _cure_of_change(ref: str, today: Recorded, difference: ClassDifference) -> str:
    """Return a cure that keeps all data: what may have another name now is asked about."""
    gone = [change.field for change in difference.fields if change.kind == "removed"]
    come = [change.field for change in difference.fields if change.kind == "added"]
    name = ref.partition(":")[2]
    following = f"set version={today.version + 1} and write migration({name}, {today.version}"
    if gone and (come or difference.is_of_enum):
        new = _only_name(gone, difference)
        options = " ".join(f"--rename {one}={new or '...'}" for one in gone)
        renamed = {*gone, new} if new else {*gone}
        others = operations(one for one in difference.fields if one.field not in renamed)
        code = ", ".join([_renaming(one, new, difference) for one in gone] + [*map(str, others)])
        if difference.structure:  # which make refuses
            instead = f"; if {gone[0]!r} is gone, write remove({gone[0]!r}), add({new!r}, ...)"
            return f"{following}, {code}){instead if new else ''}"
        none = "" if difference.is_of_enum else ", without a name behind the = if it is gone"
        command = f"run 'versionpickle make {options}'{none}"
        return f"{command}; or {following}, {code})" if new else command
    if difference.is_of_enum:
        return "run 'versionpickle make', which writes the next version"
    code = "".join(f", {one}" for one in operations(difference.fields))
    command = "" if difference.structure else "run 'versionpickle make', or "
    return f"{command}{following}{code})"


def _only_name(gone: list[str], difference: ClassDifference) -> str | None:
    """Return the new name of a field if there is but one that it can have."""
    perhaps = renamed_perhaps(difference.fields)
    return perhaps[0][1] if len(gone) == len(perhaps) == 1 else None


def _renaming(old: str, new: str | None, difference: ClassDifference) -> str:
    shown = repr(new) if new else "..."
    if difference.is_of_enum:
        return f"convert('name', lambda name: {{{old!r}: {shown}}}.get(name, name))"
    return f"rename({old!r}, {shown})"


def _of_chains(project: Project, key: str, schema: Schema) -> Iterator[Finding]:
    """Follow the recorded fields of each old version through its steps."""
    declaration = project.classes[key].declaration
    for old in schema.versions:
        if not declaration.oldest <= old.version < declaration.version or old.fields is None:
            continue
        try:
            yield from _of_types(project, key, old, project.follow(key, old))
        except MissingStepError:
            pass  # check() reports holes
        except VersionPickleError as exc:
            cure = f"fix the steps from version {old.version} on"
            yield Finding("step", declaration.ref, old.version, str(exc), cure)


def _of_types(project: Project, key: str, old: Recorded, chain: Chain) -> Iterator[Finding]:
    """Look for fields of another type whose old values no step converts."""
    declaration = project.classes[key].declaration
    for before, now in unconverted(project, key, old, chain):
        problem = (
            f"the field {now.name!r} was {before.type} at version {old.version}, and is "
            f"{now.type}, but no step converts it"
        )
        cure = f"write convert({now.name!r}, ...) into the step to version {declaration.version}"
        yield Finding("step", declaration.ref, old.version, problem, cure, now.name)


def _of_records(project: Project, key: str, schema: Schema) -> Iterator[Finding]:
    """Look for versions without a sample, and for samples that cannot be made again."""
    instrumentation = project.classes[key]
    ref, version = instrumentation.declaration.ref, instrumentation.declaration.version
    found = project.samples(key)
    numbers = {one.version for one in found}
    for one in schema.versions:
        if instrumentation.declaration.oldest <= one.version and one.version not in numbers:
            cure = _cure_of_missing(project, one.version, instrumentation)
            yield Finding("sample", ref, one.version, NO_SAMPLE, cure)
    if project.recorded(key).fields is None and not issubclass(instrumentation.cls, enum.Enum):
        current = {one.name for one in found if one.version == version}
        for name, obj in project.fresh(key).items():
            if name in current and isinstance(obj, Unmade):
                reason = f"{type(obj.reason).__name__}: {obj.reason}"
                problem = f"its sample {name!r} cannot be made again: {reason}"
                cure = "fix the function that makes it: the check compares its attributes"
                yield Finding("sample", ref, version, problem, cure)


def _cure_of_missing(project: Project, number: int, instrumentation: Instrumentation) -> str:
    if number == instrumentation.declaration.version:
        places = ", ".join([*project.known.modules, *project.known.sample_modules])
        return (
            "run 'versionpickle record', and commit what it writes; if no sample can be made, "
            "write a function with "
            f"@versionpickle.testing.sample({instrumentation.cls.__name__}) in {places}, "
            "or in a module that sample-modules = [...] lists"
        )
    return (
        f"check out the code of version {number}, run 'versionpickle record' there, and copy the "
        "files here"
    )


def _of_registry(project: Project) -> Iterator[Finding]:
    """Ask `versionpickle.check`, which sees the declarations alone."""
    own = {instrumentation.declaration.ref for instrumentation in project.classes.values()}
    for problem in check(project.registry):
        if problem.ref in own or project.registry.declaration(problem.ref) is None:
            yield Finding(
                "step", problem.ref, problem.version, problem.problem, problem.cure, problem.field
            )


@attrs.frozen
class Stopped:
    """A sample that fails, and the class that causes it."""

    finding: Finding
    cause: str
    explained_by: int | None
    """The number of the finding that already reports that class."""


def _stopped_samples(project: Project, found: list[Finding]) -> Iterator[Stopped]:
    """Load all samples, also of classes that are gone, and yield those that are not right."""
    gone = {schema.key for schema in project.gone()}
    broken = {key for key in project.classes if not _is_described(project, key)}
    for key in sorted(project.classes.keys() - project.asked_about() - broken):
        declaration = project.classes[key].declaration
        for sample in project.samples(key):
            if sample.version >= declaration.oldest:
                yield from _stopped(project, sample, declaration.ref, key, found)
    for schema, sample in project.other_samples():
        if schema is None or schema.key not in gone:
            ref = sample.key if schema is None else schema.ref
            yield from _stopped(project, sample, ref, None, found)


def _stopped(
    project: Project, sample: Sample, ref: str, key: str | None, found: list[Finding]
) -> Iterator[Stopped]:
    wrong = check_sample(project, sample, key)
    if wrong is not None:
        kinds = (
            {"changed", "gone", "unrecorded", "moved"} if wrong.is_open else {"changed", "gone"}
        )
        cause = wrong.cause or ref
        if cause == ref and key is not None:
            cause = _changed_base(project, key, found) or ref
        places = (n for n, one in enumerate(found) if one.ref == cause and one.kind in kinds)
        yield Stopped(_of_sample(project, sample, ref, wrong), cause, next(places, None))


def _changed_base(project: Project, key: str, found: list[Finding]) -> str | None:
    """Return a base of a class that has changed without a new version."""
    declarations = [*project.classes[key].lineage()][:-1]
    changed = {one.ref for one in found if one.kind == "changed"}
    return next((one.ref for one in declarations if one.ref in changed), None)


def _is_described(project: Project, key: str) -> bool:
    try:
        project.recorded(key)
    except VersionPickleError:
        return False
    return True


def _of_sample(project: Project, sample: Sample, ref: str, found: SampleProblem) -> Finding:
    file, _, line = (found.place or "").partition(":")
    return Finding(
        found.kind,
        ref,
        sample.version,
        found.problem,
        found.cure,
        found.field,
        file or None,
        int(line) if line else None,
        found.details,
        sample=str(sample.file.relative_to(project.known.root)),
    )


def _merged(found: list[Finding], stopped: Iterable[Stopped]) -> list[Finding]:
    """Add samples that fail to the findings: each cause once, with all that it stops."""
    ordered = sorted(stopped, key=lambda one: one.finding.ref != one.cause)  # its own first
    also: dict[int, list[str]] = {}
    first: dict[tuple[object, ...], int] = {}
    for one in ordered:
        place = one.explained_by
        if place is None:
            place = next((first[key] for key in _likenesses(one) if key in first), None)
        if place is None:
            first |= dict.fromkeys(_likenesses(one), len(found))
            found.append(one.finding)
        elif one.finding.ref != found[place].ref:
            also.setdefault(place, []).append(one.finding.ref)
        elif one.explained_by is None:
            also.setdefault(place, []).append(one.finding.sample or "")
    return [
        attrs.evolve(one, also=tuple(dict.fromkeys(also.get(number, ()))))
        for number, one in enumerate(found)
    ]


def _likenesses(one: Stopped) -> Iterator[tuple[object, ...]]:
    """Yield what is equal for samples that fail for one reason."""
    finding = one.finding
    name = Path(finding.sample or "").stem.partition("-")[2]
    problem = finding.problem.replace(repr(name), "...")
    yield one.cause, finding.kind, problem, finding.details
    if (finding.details and one.cause != finding.ref) or finding.details:
        yield one.cause, "details"


def _with_place(project: Project, finding: Finding) -> Finding:
    """Add the file and line of the class."""
    instrumentation = next(
        (one for one in project.classes.values() if one.declaration.ref == finding.ref), None
    )
    if instrumentation is None or finding.file is not None:
        return finding
    try:
        path, line = _place(instrumentation, project.known.root)
    except (OSError, TypeError):
        return finding
    root = project.known.root
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return attrs.evolve(finding, file=str(shown), line=line)


def _place(instrumentation: Instrumentation, root: Path) -> tuple[Path, int]:
    """Return where a class is adopted, or where it is defined."""
    if instrumentation.declaration.adopted_by:
        with contextlib.suppress(ProjectError):  # not in a plain call of this project
            adoption = place_of(instrumentation, root)
            return adoption.source.file, adoption.node.lineno
    file, (_, line) = (
        inspect.getsourcefile(instrumentation.cls),
        inspect.getsourcelines(instrumentation.cls),
    )
    assert file is not None
    return Path(file), line
