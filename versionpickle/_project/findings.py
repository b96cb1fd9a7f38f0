"""What is wrong between the classes of a project and what was recorded of them."""

from __future__ import annotations

import contextlib
import inspect
import re

from collections.abc import Iterator
from pathlib import Path

import attrs

from versionpickle._classes.check import check
from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.inspect.report import inspect as report_of
from versionpickle._pickles.rewrite.snapshot import description, is_same
from versionpickle._project.make.declarations import place_of
from versionpickle.exceptions import MissingStepError, ProjectError, VersionPickleError
from versionpickle.migrations import Registry
from versionpickle.migrations._schema import Recorded, Schema

from .difference import ClassDifference, operations, renamed_perhaps
from .find import is_own, packages_of
from .project import Project
from .samples import Sample


@attrs.frozen
class Finding:
    """One thing that would stop old data, or that is not recorded."""

    kind: str
    """One of *changed*, *unrecorded*, *moved*, *gone*, *step*, *sample* and *unversioned*."""

    ref: str
    """The class."""

    version: int
    problem: str
    cure: str
    field: str | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.ref} at version {self.version}: {self.problem}; {self.cure}"


def findings(project: Project) -> list[Finding]:
    """Return all that is wrong, class by class."""
    found = [one for key in sorted(project.classes) for one in _of_class(project, key)]
    changed = {one.ref for one in found if one.kind == "changed"}  # and lack the last step
    found += [one for one in _of_registry(project) if one.ref not in changed]
    found += _of_schemas(project)
    return [_with_place(project, one) for one in found]


def _of_class(project: Project, key: str) -> Iterator[Finding]:
    hooks = project.classes[key]
    ref, version = hooks.declaration.ref, hooks.declaration.version
    try:
        today = project.recorded(key)
    except VersionPickleError as exc:
        yield Finding("step", ref, version, str(exc), "mend that first")
        return
    schema = project.schema_before(key)
    if schema is None and any(project.twin(one) == key for one in project.gone()):
        return  # which is told of the one that is gone: to record it would hide what changed
    if schema is None:
        cure = "run 'versionpickle record', and commit what it writes"
        yield Finding("unrecorded", ref, version, "nothing is recorded of this class", cure)
        return
    if schema.key != key or schema.ref != ref:
        yield _moved(schema, ref, version)
    changed = [*_of_version(project, key, today, schema)]
    yield from changed
    if any(one.kind == "changed" for one in changed) or _waits_for_base(today, schema.latest):
        return
    yield from _of_chains(project, key, schema)
    yield from _of_samples(project, key)


def _waits_for_base(today: Recorded, latest: Recorded) -> bool:
    """Tell whether a base has changed that has no new version yet."""
    is_same = (today.version, today.bases) == (latest.version, latest.bases)
    return is_same and today.digest != latest.digest


def _moved(schema: Schema, ref: str, version: int) -> Finding:
    name = "" if schema.name is None else f" (name={schema.name!r})"
    cure = "run 'versionpickle record' to record where it is now"
    return Finding("moved", ref, version, f"it is recorded as {schema.ref}{name}", cure)


def _of_version(project: Project, key: str, today: Recorded, schema: Schema) -> Iterator[Finding]:
    """Compare what the class says with what is recorded for its version."""
    ref, latest = project.classes[key].declaration.ref, schema.latest
    if today.version > latest.version:
        cure = "run 'versionpickle record', and commit what it writes"
        problem = f"only versions up to {latest.version} are recorded"
        yield Finding("unrecorded", ref, today.version, problem, cure)
    elif today.version < latest.version:
        problem = f"version {latest.version} is recorded already: it went back"
        cure = f"say version={latest.version}, or take the schema back from version control"
        yield Finding("changed", ref, today.version, problem, cure)
    elif today.digest != latest.digest:
        difference = project.difference(key, latest)
        yield from _changed(ref, today, difference)
        if not difference and today.bases != latest.bases:
            cure = "run 'versionpickle record', and commit what it writes"
            problem = "a base of it has another version than was recorded"
            yield Finding("unrecorded", ref, today.version, problem, cure)


def _changed(ref: str, today: Recorded, difference: ClassDifference) -> Iterator[Finding]:
    found = difference.fields
    name = ref.partition(":")[2].rpartition(".")[2]
    code = ", ".join(map(str, operations(found)))
    cure = (
        f"run 'versionpickle make', or say version={today.version + 1} and "
        f"migration({name}, {today.version}, {code or '...'})"
    )
    perhaps = dict(renamed_perhaps(found))
    for change in found:
        renamed = perhaps.get(change.field)
        question = f" (or renamed to {renamed!r}?)" if change.kind == "removed" and renamed else ""
        problem = f"{change}{question}, and the version is still {today.version}"
        yield Finding("changed", ref, today.version, problem, cure, change.field)
    for sentence in difference.others:
        problem = f"{sentence}, and the version is still {today.version}"
        yield Finding("changed", ref, today.version, problem, cure)


def _of_chains(project: Project, key: str, schema: Schema) -> Iterator[Finding]:
    """Follow the recorded fields of each old version through its steps."""
    hooks = project.classes[key]
    declaration = hooks.declaration
    for old in schema.versions:
        if not declaration.oldest <= old.version < declaration.version or old.fields is None:
            continue
        try:
            project.follow(key, old)
        except MissingStepError:
            pass  # check() tells of holes
        except VersionPickleError as exc:
            cure = f"mend the steps from version {old.version} on"
            yield Finding("step", declaration.ref, old.version, str(exc), cure)


def _of_samples(project: Project, key: str) -> Iterator[Finding]:
    hooks = project.classes[key]
    ref, version = hooks.declaration.ref, hooks.declaration.version
    found = project.samples(key)
    schema = project.schema_before(key)
    recorded = [] if schema is None else [one.version for one in schema.versions]
    for number in recorded:
        is_read = hooks.declaration.oldest <= number
        if is_read and number not in {one.version for one in found}:
            yield Finding(
                "sample", ref, number, "there is no sample of it", _cure(number, version)
            )
    for one in found:
        if one.version < hooks.declaration.oldest:
            continue
        problem = problem_of(one, version, project.registry)
        if problem is not None:
            file = one.file.relative_to(project.known.root)
            yield Finding("sample", ref, one.version, *problem, file=str(file))
    current = [one for one in found if one.version == version]
    for other in sorted({other for one in current for other in _unversioned(project, one)}):
        text = f"its objects hold some of {other}, which has no version"
        name = other.partition(":")[2]
        yield Finding("unversioned", ref, version, text, f"put @versioned on {name}")


def _may_name(project: Project, data: bytes) -> bool:
    """Tell whether a pickle may name a module of the project: a stamp has a colon behind it."""
    packages = "|".join(re.escape(package) for package in packages_of(project))
    return re.search(rf"(?:{packages})(?:\.\w+)*(?![\w.:])".encode(), data) is not None


def _unversioned(project: Project, one: Sample) -> Iterator[str]:
    """Yield the classes of the project in a sample that nobody looks after."""
    data = one.file.read_bytes()
    if not _may_name(project, data):  # which spares reading most of them
        return
    try:
        found = report_of(data, registry=project.registry).classes
    except VersionPickleError:  # which is told already
        return
    for met in found:
        is_guarded = met.version is not None or project.registry.resolve(met.ref) is not None
        if not is_guarded and is_own(project, met.ref):
            yield met.ref


def _cure(number: int, version: int) -> str:
    if number == version:
        return "run 'versionpickle record', and commit what it writes"
    return (
        f"check out the code of version {number}, run 'versionpickle record' there, and bring "
        "the file over"
    )


def problem_of(sample: Sample, version: int, registry: Registry) -> tuple[str, str] | None:
    """Return what is wrong with a sample, and the cure; None where it is as it was recorded."""
    try:
        found = description(sample.load())
    except Exception as exc:  # noqa: BLE001 - whatever stops it, it is told
        problem = f"its sample {sample.name!r} does not load: {type(exc).__name__}: {exc}"
        return problem, "mend the step or the class"
    expected = sample.described(version, found, registry)
    if expected is None:
        problem = f"nothing says what its sample {sample.name!r} is at version {version}"
        return problem, "run 'versionpickle record', look at what it writes, and commit it"
    if not is_same(found["object"], expected):
        problem = (
            f"its sample {sample.name!r} loads as {found['object']}, and was recorded as "
            f"{expected}"
        )
        return problem, "mend the step that was changed since"
    return None


def _of_registry(project: Project) -> Iterator[Finding]:
    own = {hooks.declaration.ref for hooks in project.classes.values()}
    for problem in check(project.registry):
        if problem.ref in own or project.registry.resolve(problem.ref) is None:
            yield Finding(
                "step", problem.ref, problem.version, problem.problem, problem.cure, problem.field
            )


def _of_schemas(project: Project) -> Iterator[Finding]:
    """Look for classes that are gone without a word."""
    for schema in project.gone():
        yield _gone(project, schema)


def _gone(project: Project, schema: Schema) -> Finding:
    key = project.twin(schema)
    if key is None:
        cure = (
            f"say what became of it: formerly={schema.ref!r} on its successor, a become() or "
            f"replace() in a last step, or retire({schema.key!r}); or import its module in "
            "[tool.versionpickle]"
        )
    else:
        twin = project.classes[key].declaration.ref
        cure = (
            f"if it is {twin} now, say formerly={schema.ref!r} there, or run 'versionpickle make'"
        )
    return Finding("gone", schema.ref, schema.latest.version, "this class is gone", cure)


def _with_place(project: Project, finding: Finding) -> Finding:
    """Say in which file, and where, the class stands."""
    hooks = next(
        (one for one in project.classes.values() if one.declaration.ref == finding.ref), None
    )
    if hooks is None or finding.file is not None:
        return finding
    try:
        path, line = _place(hooks, project.known.root)
    except (OSError, TypeError):
        return finding
    root = project.known.root
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return attrs.evolve(finding, file=str(shown), line=line)


def _place(hooks: Instrumentation, root: Path) -> tuple[Path, int]:
    """Return where a class is adopted, or where it stands."""
    if hooks.declaration.adopted_by:
        with contextlib.suppress(ProjectError):  # not in a plain call of this project
            adoption = place_of(hooks, root)
            return adoption.source.file, adoption.node.lineno
    file, (_, line) = inspect.getsourcefile(hooks.cls), inspect.getsourcelines(hooks.cls)
    assert file is not None
    return Path(file), line
