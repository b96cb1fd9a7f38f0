"""Enums that a field may hold, and that no load of ours builds, whatever the samples hold."""

from __future__ import annotations

import enum
import pickle
import typing

from collections.abc import Iterator
from typing import Any

from versionpickle._pickles.load.unpickler import loads
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import ForbiddenError, VersionPickleError

from .example import hints_of
from .project import Project


def undeclared(project: Project) -> Iterator[tuple[str, str, type[enum.Enum]]]:
    """Yield the key of a class, the name of a field, and the enum."""
    refused: dict[type, bool] = {}
    for key in sorted(project.classes):
        cls = project.classes[key].cls
        for name, kind in () if issubclass(cls, enum.Enum) else hints_of(cls).items():
            for one in _enums_in(kind):
                if one not in refused:
                    refused[one] = _is_refused(project, one)
                if refused[one]:
                    yield key, name, one


def _enums_in(kind: Any) -> Iterator[type[enum.Enum]]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        yield kind
    for part in typing.get_args(kind):
        yield from _enums_in(part)


def _is_refused(project: Project, cls: type[enum.Enum]) -> bool:
    try:
        loads(pickle.dumps(next(iter(cls)), protocol=4), registry=project.registry)
    except ForbiddenError as exc:
        return ref_of(cls) in exc.refs
    except (StopIteration, pickle.PicklingError, VersionPickleError):
        return False  # an enum without members, or one that no sample can hold either
    return False
