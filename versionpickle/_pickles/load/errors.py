"""The errors of loads: bad bytes, or a class that could not cope with good ones."""

from __future__ import annotations

from collections.abc import Callable

from versionpickle._pickles.build.deferred import NotMadeError
from versionpickle._pickles.build.reader import Reader
from versionpickle._pickles.machine.tree import PathMap, TreeReader
from versionpickle.exceptions import (
    BuildError,
    CycleError,
    DamagedError,
    VersionPickleError,
)


def explained(
    reader: Reader, exc: Exception, read_again: Callable[[], TreeReader]
) -> VersionPickleError:
    """
    Return an error that describes what went wrong in *reader*, and where.

    The bytes are read once more to find the place, if that takes no longer than it may.
    """
    if not reader.can_be_mapped():
        return _described(reader, exc)
    where = PathMap(read_again())
    node = where.node(reader.source.at)
    made_of = getattr(node, "made_of", None)
    if isinstance(exc, NotMadeError):
        member = where.path(where.node(exc.made_at))
        error: VersionPickleError = CycleError(made_of, member or "the whole")
        if exc.needed is not None:
            error = exc.needed.stuck() or error
    else:
        error = _described(reader, exc, made_of)
    error.path = where.path(node)
    return error


def _described(reader: Reader, exc: Exception, made_of: str | None = None) -> VersionPickleError:
    if isinstance(exc, VersionPickleError):
        return exc
    problem = f"{type(exc).__name__}: {exc}"
    is_of_bytes = reader.is_reading and not isinstance(exc, TypeError | AttributeError)
    return DamagedError(problem) if is_of_bytes else BuildError(problem, made_of)
