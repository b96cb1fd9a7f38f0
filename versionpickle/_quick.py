"""The load that most pickles take: C's unpickler alone, where nothing can go wrong unnoticed."""

from __future__ import annotations

import io
import pickle

from typing import Any

from ._finder import Finder
from .exceptions import DamagedError
from .migrations import Registry


class NotQuickError(Exception):
    """Say that a pickle needs more care; never leaves a load."""


def load_quickly(data: bytes | bytearray | memoryview, registry: Registry) -> Any:
    """
    Return the object of a pickle that holds nothing but stamps and names as good as those.

    Whatever is raised says only that this is not the way to load it.
    """
    file = io.BytesIO(data)
    reader = _Reader(file)
    reader.registry = registry
    reader.names = registry.quick_names
    found = reader.load()
    if file.read(1):
        raise DamagedError("bytes follow after its end")
    return found


class _Reader(pickle.Unpickler):
    registry: Registry
    names: dict[tuple[str, str], Any]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.names[module, name]
        except KeyError:
            return self._find(module, name)

    def _find(self, module: str, name: str) -> Any:
        finder = Finder(self.registry)
        found = finder.find(module, name)
        if not finder.is_free_of_care(found):
            raise NotQuickError
        self.names[module, name] = found
        return found
