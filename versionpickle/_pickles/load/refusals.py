"""All names in a pickle that a load refuses, not the first alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from versionpickle._classes.named_sets import cures_of
from versionpickle._pickles.build.finder import Finder, Refused
from versionpickle._pickles.machine.tree import TreeReader
from versionpickle.exceptions import ForbiddenError


def forbidden(refs: Iterable[str]) -> ForbiddenError:
    """Return the error that names these, and what lets them in."""
    error = ForbiddenError(tuple(sorted({*refs})))
    error.cures = cures_of(error.refs)
    return error


class Lister(TreeReader):
    """List the names in a pickle that a finder refuses."""

    def __init__(self, data: bytes, finder: Finder) -> None:
        super().__init__(data, encoding="bytes")
        self._finder = finder
        self.refused: list[str] = []

    def find(self, module: str, name: str) -> Any:
        try:
            self._finder.find(module, name)
        except Refused as refused:
            self.refused.append(str(refused))
        return super().find(module, name)
