"""Check that a sample loads as recorded, with plain pickle and with our own load."""

from __future__ import annotations

import re

from collections.abc import Iterator
from typing import Any

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.load.unpickler import loads
from versionpickle._pickles.rewrite.snapshot import description, is_same
from versionpickle.exceptions import (
    ForbiddenError,
    PlainLoadError,
    UnknownClassError,
    VersionPickleError,
)
from versionpickle.migrations import Step
from versionpickle.migrations._schema import Recorded

from .find import is_own
from .history import place_of
from .part_differences import ABSENT, differences, place_in
from .project import Project
from .samples import Sample, attribute_names, outcome, retyped, types_of
from .type_texts import holds


@attrs.frozen
class SampleProblem:
    """What is wrong with a sample."""

    problem: str
    cure: str
    cause: str | None = None
    """The class whose change it is, if it is known."""

    kind: str = "sample"
    field: str | None = None
    details: tuple[str, ...] = ()
    place: str | None = None
    """File and line of the code to look at."""

    is_open: bool = False
    """Whether nothing is wrong, but nothing is recorded either."""


def check_sample(project: Project, sample: Sample, key: str | None) -> SampleProblem | None:
    """Return the first problem of a sample; *key* is that of its class if it is in the code."""
    try:
        obj = project.load(sample)
        found = description(obj)
    except Exception as exc:  # noqa: BLE001 - whatever stops it is reported
        return _failure(project, sample, exc)
    instrumentation = None if key is None else project.classes[key]
    version = outcome(obj) if instrumentation is None else str(instrumentation.declaration.version)
    return (
        _of_our_load(project, sample, found)
        or next(problems_of_object(project, sample, key, obj), None)
        or _of_description(project, sample, version, found)
    )


def _failure(project: Project, sample: Sample, exc: Exception) -> SampleProblem:
    problem = f"its sample {sample.name!r} does not load: {type(exc).__name__}: {exc}"
    cure = "fix the step or the class"
    if isinstance(exc, UnknownClassError) and project.registry.is_retired(exc.ref):
        cure = "let the step that leads there name another class, or retire that of the sample too"
    elif isinstance(exc, UnknownClassError) and ":" not in exc.ref:
        cure = f"give the class name={exc.ref!r} again"
    elif isinstance(exc, UnknownClassError):
        cure = (
            f"set formerly={exc.ref!r} on the class that it is now, end its steps in become() or "
            f"replace(), or call retire({exc.ref!r})"
        )
    if isinstance(exc, PlainLoadError):
        cure = (
            "if only versionpickle.loads reads your data, set plain-pickle = false in "
            "[tool.versionpickle]; if not, let the class have a __dict__"
        )
    return SampleProblem(problem, cure, _ref_in(project, exc))


def _ref_in(project: Project, exc: Exception) -> str | None:
    """Return today's name of the class that an error is about."""
    ref = getattr(exc, "ref", None)
    if not isinstance(ref, str):
        return None
    declaration = project.registry.declaration(ref)
    if declaration is not None:
        return declaration.ref
    return project.schemas[ref].ref if ref in project.schemas else ref


def _of_our_load(project: Project, sample: Sample, found: dict[str, Any]) -> SampleProblem | None:
    """Load it as `versionpickle.loads` does, which builds only what is declared or allowed."""
    try:
        ours = description(loads(sample.file.read_bytes(), registry=project.registry))
    except ForbiddenError as exc:
        return _forbidden(project, exc.refs, found["object"])
    except Exception as exc:  # noqa: BLE001 - whatever stops it is reported
        problem = (
            f"pickle.loads reads its sample {sample.name!r}, but versionpickle.loads does not: "
            f"{type(exc).__name__}: {exc}"
        )
        return SampleProblem(problem, "fix the step or the class", _ref_in(project, exc))
    if is_same(ours["object"], found["object"]):
        return None
    problem = f"versionpickle.loads reads its sample {sample.name!r} as another object"
    lines = tuple(map(str, differences(found["object"], ours["object"])))
    return SampleProblem(problem, "declare what pickle.loads does for it", details=lines)


def _forbidden(project: Project, refs: tuple[str, ...], snapshot: Any) -> SampleProblem:
    place = place_in(snapshot, {*refs})
    field = re.match(r"\.(\w+)", place or "")
    where = f" in {place.removeprefix('.')!r}" if place else ""
    listed = ", ".join(refs)
    return SampleProblem(
        f"its objects hold some of {listed}{where}, which versionpickle.loads refuses",
        cure_of_refused(project, refs),
        refs[0],
        "unversioned",
        field and field.group(1),
    )


def cure_of_refused(project: Project, refs: tuple[str, ...]) -> str:
    """Return what makes our loads build the objects of these classes."""
    own = [ref.partition(":")[2] for ref in refs if is_own(project, ref)]
    if own:
        return f"put @versioned on {' and '.join(own)}"
    return f"call versionpickle.allow({', '.join(map(repr, refs))}) next to the class"


def _of_description(
    project: Project, sample: Sample, version: str, found: dict[str, Any]
) -> SampleProblem | None:
    expected = sample.described(version, found, project.registry)
    if expected is None:
        problem = f"nothing records what its sample {sample.name!r} is today"
        cure = "run 'versionpickle record', review what it writes, and commit it"
        cause = sample.newer_class(found, project.registry)
        return SampleProblem(problem, cure, cause, is_open=True)
    if is_same(found["object"], expected):
        return None
    changed = [*differences(expected, found["object"], _name(found["object"]))]
    owners = {one.owner for one in changed}
    step = _last_step(project, sample)
    blamed = "the step that has changed since" if step is None else f"the {step}, or one before it"
    return SampleProblem(
        f"its sample {sample.name!r} no longer loads as the object that was recorded",
        f"fix {blamed}; if the new object is right, give it a new version",
        owners.pop() if len(owners) == 1 else None,
        details=tuple(map(str, changed)),
        place=None if step is None else place_of(step, project.known.root),
    )


def _name(snapshot: Any) -> str:
    ref = snapshot.get("class", "") if isinstance(snapshot, dict) else ""
    return str(ref).rpartition(":")[2].rpartition(".")[2]


def _last_step(project: Project, sample: Sample) -> Step | None:
    """Return the last step that a sample of an old version takes, a function if there is one."""
    registry = project.registry
    declaration = registry.named(sample.key) or registry.declaration(sample.key)
    if declaration is None:
        return None
    try:
        steps = registry.path(declaration.ref, sample.version, declaration)
    except VersionPickleError:
        return None
    functions = [step for step in steps if step.function is not None]
    return next(iter(reversed(functions or steps)), None)


def problems_of_object(
    project: Project, sample: Sample, before: str | None, obj: Any
) -> Iterator[SampleProblem]:
    """Compare the object with what its class looks like today; *before* is that of the sample."""
    key = project.key_of(type(obj))
    if key is None or before not in {None, key}:
        return
    instrumentation, today = project.classes[key], project.recorded(key)
    yield from _of_names(instrumentation, sample, obj)
    if before is not None and sample.version == today.version:
        return
    if today.fields is None:
        yield from _of_attributes(project, key, sample, obj)
    else:
        yield from _of_types(today, sample, obj)


def _of_names(
    instrumentation: Instrumentation, sample: Sample, obj: Any
) -> Iterator[SampleProblem]:
    """Look for attributes that the methods of the class do not find."""
    for name in sorted(attribute_names(obj)):
        hidden = getattr(instrumentation.cls, name, None)
        if _hides(type(hidden)):
            problem = (
                f"its sample {sample.name!r} has {name!r}, which the class hides by a property"
            )
            cure = (
                f"let a step rename it to the attribute that the property reads: {name!r} is lost"
            )
            yield SampleProblem(problem, cure, field=name)
        private = re.fullmatch(r"_([^_].*?)(__\w+)", name)
        owners = {base.__name__.lstrip("_") for base in instrumentation.cls.__mro__}
        if private is not None and not name.endswith("__") and private.group(1) not in owners:
            own = f"_{instrumentation.cls.__name__.lstrip('_')}{private.group(2)}"
            problem = (
                f"its sample {sample.name!r} has {name!r}, the private name of a class that is "
                f"no base of {instrumentation.cls.__name__}"
            )
            yield SampleProblem(
                problem, f"write rename({name!r}, {own!r}) into a step", field=name
            )


def _hides(descriptor: type) -> bool:
    """Return whether such an attribute of a class is found before one of its objects."""
    is_data = hasattr(descriptor, "__set__") or hasattr(descriptor, "__delete__")
    return is_data and hasattr(descriptor, "__get__")


def _of_attributes(
    project: Project, key: str, sample: Sample, obj: Any
) -> Iterator[SampleProblem]:
    """Compare the attributes of an upgraded object with those of new ones."""
    cls = project.classes[key].cls
    made = [one for one in project.fresh(key).values() if type(one) is cls]
    names = [attribute_names(one) for one in made] or [attribute_names(obj)]
    for name in sorted(set.intersection(*names) - attribute_names(obj)):
        problem = f"its sample {sample.name!r} has no {name!r}, which new objects have"
        yield SampleProblem(problem, f"write add({name!r}, ...) into a step", field=name)
    for name in sorted(attribute_names(obj) - {name for one in names for name in one}):
        if callable(getattr(cls, name, None)):
            problem = f"its sample {sample.name!r} has {name!r}, which hides a method of the class"
            cure = f"write remove({name!r}) into a step, or rename it"
            yield SampleProblem(problem, cure, field=name)
    new = project.fresh(key).get(sample.name)
    changed = retyped(types_of(obj), types_of(new)) if type(new) is cls else {}
    for name, (old, today) in changed.items():
        problem = (
            f"its sample {sample.name!r} has {old} in {name!r}, where new objects have {today}"
        )
        cure = f"write convert({name!r}, ...) into a step"
        yield SampleProblem(problem, cure, field=name)


def _of_types(today: Recorded, sample: Sample, obj: Any) -> Iterator[SampleProblem]:
    """Compare the values of an upgraded object with declared types that are simple."""
    for field in today.fields or ():
        value = getattr(obj, field.name, ABSENT)
        if value is not ABSENT and holds(field.type, value) is False:
            problem = (
                f"its sample {sample.name!r} has {value!r} in {field.name!r}, which is declared "
                f"as {field.type}"
            )
            cure = f"write convert({field.name!r}, ...) into the step to version {today.version}"
            yield SampleProblem(problem, cure, field=field.name)
