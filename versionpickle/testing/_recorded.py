"""What was recorded of a class, by the project that it is part of."""

from __future__ import annotations

import contextlib
import inspect

from collections.abc import Iterator
from pathlib import Path

from versionpickle._describe import recorded
from versionpickle._hooks import Hooks
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, Schema
from versionpickle.project._configuration import configuration
from versionpickle.project._schemas import read_schemas


def schema_for(hooks: Hooks) -> Schema | None:
    """Return the recorded schema of a class; None where nobody recorded it."""
    schemas = _schemas(hooks)
    declaration = hooks.declaration
    names = (declaration.key, declaration.ref, *declaration.formerly)
    return next((schemas[name] for name in names if name in schemas), None)


def _schemas(hooks: Hooks) -> dict[str, Schema]:
    """Read those of the project around the class's file, or around the current folder."""
    for folder in _folders(hooks.cls):
        try:
            known = configuration(folder)
        except ProjectError as exc:
            if "no [tool.versionpickle]" not in exc.problem:
                raise
        else:
            return read_schemas(known.schemas)
    return {}


def _folders(cls: type) -> Iterator[Path]:
    with contextlib.suppress(OSError, TypeError):  # it was typed in, or is written in C
        yield Path(inspect.getfile(cls)).parent
    yield Path.cwd()


def version_of(hooks: Hooks, version: int) -> Recorded | None:
    """Return what is known of one version: what was recorded, or today's as it is now."""
    if version == hooks.declaration.version:
        return recorded(hooks)
    schema = schema_for(hooks)
    return None if schema is None else schema.at(version)


def old_versions(hooks: Hooks) -> list[Recorded]:
    """
    Return the recorded versions before today's that the class still reads.

    Raise ProjectError where there were some, and nothing is recorded.
    """
    declaration = hooks.declaration
    schema = schema_for(hooks)
    if schema is None and declaration.version > declaration.oldest:
        raise ProjectError(
            declaration.ref,
            "nothing is recorded of this class, so nobody knows what its old versions stored",
            "run 'versionpickle init' or 'versionpickle record' in its project",
        )
    versions = () if schema is None else schema.versions
    return [one for one in versions if declaration.oldest <= one.version < declaration.version]
