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


class FastPathMiss(Exception):  # noqa: N818 - it is no error
    """Say that a pickle needs more care; never leaves a load."""


_NEEDS_CARE = object()
"""Stands for what a name means that C's unpickler cannot take."""

FastLoads: TypeAlias = Callable[[bytes | bytearray | memoryview], Any]


def load_fast(data: bytes | bytearray | memoryview, registry: Registry) -> Any:
    """
    Return the object of a pickle that holds nothing but stamps and names as good as those.

    Whatever is raised says only that this is not the way to load it.
    """
    return (registry.fast_loads or fast_loads(registry))(data)


def fast_loads(registry: Registry) -> FastLoads:
    """Return that load, which remembers what names mean until that may change."""
    registry.fast_loads = registry.fast_loads or _make_fast_loads(registry)
    return registry.fast_loads


def _make_fast_loads(registry: Registry) -> FastLoads:
    names: dict[tuple[str, str], Any] = {}

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            try:
                found = names[module, name]
            except KeyError:
                found = names[module, name] = _found(registry, module, name)
            if found is _NEEDS_CARE:
                raise FastPathMiss
            return found

    def load(data: bytes | bytearray | memoryview) -> Any:
        if _REGISTERED:  # whose cached objects would not be asked for by name
            raise FastPathMiss
        file = io.BytesIO(data)
        found = Reader(file).load()
        if file.read(1):
            raise DamagedError("bytes follow after its end")
        return found

    return load


def _found(registry: Registry, module: str, name: str) -> Any:
    finder = Finder(registry)
    found = finder.find(module, name)
    return found if finder.is_free_of_care(found) else _NEEDS_CARE
