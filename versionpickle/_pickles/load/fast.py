"""The load that most pickles take: C's unpickler alone, where nothing can go wrong unnoticed."""

from __future__ import annotations

import copyreg
import io
import pickle

from collections.abc import Callable
from typing import Any, TypeAlias

from versionpickle._pickles.build.finder import Finder
from versionpickle.exceptions import DamagedError
from versionpickle.migrations import Registry


_REGISTERED: dict[Any, Any] = copyreg._extension_registry  # type: ignore[attr-defined] # pickle's own


class NotQuickError(Exception):
    """Say that a pickle needs more care; never leaves a load."""


QuickLoad: TypeAlias = Callable[[bytes | bytearray | memoryview], Any]


def load_quickly(data: bytes | bytearray | memoryview, registry: Registry) -> Any:
    """
    Return the object of a pickle that holds nothing but stamps and names as good as those.

    Whatever is raised says only that this is not the way to load it.
    """
    return (registry.quick_load or quick_load(registry))(data)


def quick_load(registry: Registry) -> QuickLoad:
    """Return that load, which remembers what names mean until that may change."""
    registry.quick_load = registry.quick_load or _quick_load(registry)
    return registry.quick_load


def _quick_load(registry: Registry) -> QuickLoad:
    names: dict[tuple[str, str], Any] = {}

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            try:
                return names[module, name]
            except KeyError:
                found = names[module, name] = _found(registry, module, name)
                return found

    def load(data: bytes | bytearray | memoryview) -> Any:
        if _REGISTERED:  # whose cached objects would not be asked for by name
            raise NotQuickError
        file = io.BytesIO(data)
        found = Reader(file).load()
        if file.read(1):
            raise DamagedError("bytes follow after its end")
        return found

    return load


def _found(registry: Registry, module: str, name: str) -> Any:
    finder = Finder(registry)
    found = finder.find(module, name)
    if not finder.is_free_of_care(found):
        raise NotQuickError
    return found
