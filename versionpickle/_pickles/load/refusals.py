"""All names in a pickle that a load refuses, not the first alone."""

from __future__ import annotations

from typing import Any

from versionpickle._pickles.build.finder import Finder, Refused
from versionpickle._pickles.machine.tree import TreeReader


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
