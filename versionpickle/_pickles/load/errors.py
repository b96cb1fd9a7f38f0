"""The errors of loads: damaged bytes, or a class that failed on good ones."""

from __future__ import annotations

from collections.abc import Callable

from versionpickle._pickles.build.deferred import NotMadeError
from versionpickle._pickles.build.reader import Reader
from versionpickle._pickles.machine.tree import PathMap, TreeNode, TreeReader
from versionpickle.exceptions import (
    BuildError,
    CycleError,
    DamagedError,
    NotAClassError,
    VersionPickleError,
)

from .refusals import is_no_class


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


def not_a_class(tree: TreeReader) -> NotAClassError | None:
    """Return the error of the first object that is made of what is no class today."""
    where = PathMap(tree)
    for node in tree.about.values():
        if type(node) is TreeNode and node.is_made_of_class and is_no_class(node.made_of):
            error = NotAClassError("it is no class today", node.made_of)
            error.path = where.path(node)
            return error
    return None


def _described(reader: Reader, exc: Exception, made_of: str | None = None) -> VersionPickleError:
    if isinstance(exc, VersionPickleError):
        return exc
    problem = f"{type(exc).__name__}: {exc}"
    is_of_bytes = reader.is_reading and not isinstance(exc, TypeError | AttributeError)
    return DamagedError(problem) if is_of_bytes else BuildError(problem, made_of)
