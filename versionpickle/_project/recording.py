"""Recording what the classes of a project store today: schemas, samples, and what these are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from versionpickle._classes.describe import schema_of
from versionpickle._pickles.rewrite.snapshot import description
from versionpickle.exceptions import ProjectError

from .moving import move_samples, remove_schema
from .project import Project
from .sample_check import problems_of_object
from .samples import Sample, missing_samples, outcome, store
from .schemas import write_schema


def record(project: Project, key: str) -> Iterator[Path]:
    """
    Write the schema of a class, and the samples of today's version; yield what is new.

    Raise ProjectError at the end if no sample can be made.
    """
    known, before = project.known, project.schema_before(key)
    schema = schema_of(project.classes[key], before)
    has_moved = before is not None and before.key != key
    if before is not None and has_moved:  # samples first: a stopped run can be repeated
        move_samples(known.samples, before.key, key)
    if schema != before:
        yield write_schema(known.schemas, schema)
        project.schemas[key] = schema
    if before is not None and has_moved:
        remove_schema(known.schemas, before.key, key)
        del project.schemas[before.key]
    yield from _record_samples(project, key)


def _record_samples(project: Project, key: str) -> Iterator[Path]:
    instrumentation = project.classes[key]
    unrecorded = project.classes.keys() - {*project.recordable()}
    changed = {project.classes[one].declaration.ref for one in unrecorded}
    failed: ProjectError | None = None
    for one in missing_samples(project.known.samples, instrumentation):
        try:
            store(one, instrumentation, changed)
            yield one.file
        except ProjectError as exc:
            failed = exc
    for one in project.samples(key):
        if _describe(project, one, key):
            yield one.descriptions
    if failed is not None:
        raise failed


def record_others(project: Project) -> Iterator[Path]:
    """Record what the samples of classes that are not in the code are by now."""
    for _, one in project.other_samples():
        if _describe(project, one, None):
            yield one.descriptions


def _describe(project: Project, one: Sample, key: str | None) -> bool:
    """Record what a sample is by now, if that is not recorded, nor wrong; return whether so."""
    try:
        obj = project.load(one)
        found = description(obj)
    except Exception:  # noqa: BLE001 - the findings report it
        return False
    version = outcome(obj) if key is None else str(project.classes[key].declaration.version)
    is_known = one.described(version, found, project.registry) is not None
    if is_known or any(problems_of_object(project, one, key, obj)):
        return False
    one.describe(version, found)
    return True
