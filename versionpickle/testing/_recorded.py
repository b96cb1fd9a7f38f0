"""What the project has recorded of a class."""

from __future__ import annotations

import contextlib
import inspect

from collections.abc import Iterator
from pathlib import Path

from versionpickle._classes.describe import recorded
from versionpickle._classes.instrument import Instrumentation
from versionpickle._project.configuration import found_configuration
from versionpickle._project.schemas import read_schemas
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, Schema


def schema_for(instrumentation: Instrumentation) -> Schema | None:
    """Return the recorded schema of a class; None if it is not recorded."""
    schemas = _schemas(instrumentation)
    declaration = instrumentation.declaration
    names = (declaration.key, declaration.ref, *declaration.formerly)
    return next((schemas[name] for name in names if name in schemas), None)


def _schemas(instrumentation: Instrumentation) -> dict[str, Schema]:
    """Read those of the project around the class's file, or around the current folder."""
    for folder in _folders(instrumentation.cls):
        known = found_configuration(folder)
        if known is not None:
            return read_schemas(known.schemas)
    return {}


def _folders(cls: type) -> Iterator[Path]:
    with contextlib.suppress(OSError, TypeError):  # it was typed in, or is written in C
        yield Path(inspect.getfile(cls)).parent
    yield Path.cwd()


def version_of(instrumentation: Instrumentation, version: int) -> Recorded | None:
    """Return what is known of one version: what was recorded, or today's as it is now."""
    schema = schema_for(instrumentation)
    known = None if schema is None else schema.at(version)
    if known is None and version == instrumentation.declaration.version:
        return recorded(instrumentation)
    return known


def old_versions(instrumentation: Instrumentation) -> list[Recorded]:
    """
    Return the recorded versions before today's that the class still reads.

    Raise ProjectError if there were some, but nothing is recorded.
    """
    declaration = instrumentation.declaration
    schema = schema_for(instrumentation)
    if schema is None and declaration.version > declaration.oldest:
        raise ProjectError(
            declaration.ref,
            "nothing is recorded of this class, so it is unknown what its old versions stored",
            "run 'versionpickle init' or 'versionpickle record' in its project",
        )
    versions = () if schema is None else schema.versions
    return [one for one in versions if declaration.oldest <= one.version < declaration.version]


def recorded_versions(instrumentation: Instrumentation) -> list[Recorded]:
    """Return those, and today's as it was recorded, which may be another one by now."""
    schema = schema_for(instrumentation)
    today = None if schema is None else schema.at(instrumentation.declaration.version)
    return [*old_versions(instrumentation), *([] if today is None else [today])]
