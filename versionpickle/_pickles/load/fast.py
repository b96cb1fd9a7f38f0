"""The load that most pickles take: C's unpickler, with names that are remembered between loads."""

from __future__ import annotations

import copyreg
import functools
import io
import pickle

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from versionpickle._classes.conversion import is_pending
from versionpickle._classes.unstamped import Unstamped
from versionpickle._pickles.build.finder import Finder, NeedsBuilder, revives
from versionpickle._wire.stamp import Stamp
from versionpickle.exceptions import DamagedError
from versionpickle.migrations import Registry

from .arguments import loses_arguments
from .blanks import leaves_blanks


_REGISTERED: dict[Any, Any] = copyreg._extension_registry  # type: ignore[attr-defined] # pickle's own


FastLoads: TypeAlias = Callable[[bytes | bytearray | memoryview], Any]


def fast_loads(registry: Registry) -> FastLoads:
    """
    Return a load with default settings, which remembers what names mean until that may change.

    It raises NeedsBuilder where C's unpickler would go wrong.
    Whatever else it raises is no answer yet: `load_again` finds that out.
    """
    registry.fast_loads = registry.fast_loads or _make_fast_loads(registry)
    return registry.fast_loads


class FastUnpickler(pickle.Unpickler):
    """Read what is known to one registry."""

    registry: Registry
    names: dict[tuple[str, str], Any]
    """What names mean to every load of this registry."""

    checked: dict[tuple[str, str], Unstamped]
    """What names mean to them, of which they must only check that nothing was left undone."""

    finder: Finder | None = None
    """Of this load alone, where one of its names needs more care than that."""

    unstamped: Mapping[type, Unstamped] = {}
    """The versioned classes that the pickle names."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.names[module, name]
        except KeyError:
            return self._find_with_care(module, name)

    def _find_with_care(self, module: str, name: str) -> Any:
        known = self.checked.get((module, name))
        if known is not None and self.finder is None:
            self.unstamped = {**self.unstamped, known.cls: known}
            return known.cls
        finder = Finder(self.registry)
        found = finder.find(module, name)
        if finder.may_convert:
            found = without_conversions(found)
        if finder.is_free_of_care(found):
            self.names[module, name] = found
            return found
        if finder.needs_builder:
            raise NeedsBuilder
        if self.finder is None and finder.only_checks(found):
            self.checked[module, name] = finder.unstamped[found]
            return self._find_with_care(module, name)
        if self.finder is None:
            self.finder = finder
            finder.unstamped.update(self.unstamped)
            return found
        return self.finder.find(module, name)


def _make_fast_loads(registry: Registry) -> FastLoads:
    members = {"registry": registry, "names": {}, "checked": {}}
    unpickler = type("FastUnpickler", (FastUnpickler,), members)

    def load(data: bytes | bytearray | memoryview) -> Any:
        if _REGISTERED:
            forget_extensions()
        if registry.reducers and _is_from_elsewhere(data):
            raise NeedsBuilder
        file = io.BytesIO(data)
        reader = unpickler(file)
        found = reader.load()
        if file.read(1):
            raise DamagedError(bytes_left(file))
        if reader.finder is None:
            is_left = leaves_undone(registry, reader.unstamped, found, lambda: data)
        else:
            is_left = is_unfinished(reader.finder, found, lambda: data)
        if is_left:
            raise NeedsBuilder
        return found

    return load


def _is_from_elsewhere(data: Any) -> bool:
    """Return whether stamped objects were written by classes that set their states themselves."""
    data = bytes(data)
    return b"_revive" in data and b"_set_state" not in data


def bytes_left(file: io.BytesIO) -> str:
    """Return the problem of a file that goes on after its pickle, of which a byte was read."""
    left = memoryview(file.getbuffer()).nbytes - file.tell() + 1
    return f"{left} bytes follow after its end"


forget_extensions: Callable[[], None] = copyreg.clear_extension_cache
"""Let C's unpickler ask for the names behind extension codes."""


def is_unfinished(finder: Finder, root: Any, read: Callable[[], Any]) -> bool:
    """
    Return whether C's unpickler left something undone.

    Nothing has upgraded old objects without a state, arguments may be lost, and a class
    that needs our own reader may have been found by `getattr`.
    *read* returns the bytes.
    """
    if finder.has_stamps and finder.registry.reducers and _is_from_elsewhere(read()):
        return True
    return finder.needs_builder or leaves_undone(finder.registry, finder.unstamped, root, read)


def leaves_undone(
    registry: Registry,
    unstamped: Mapping[type, Unstamped],
    root: Any,
    read: Callable[[], Any],
) -> bool:
    """Return whether nothing has filled an object of these classes, or its arguments are lost."""
    return bool(unstamped) and (
        leaves_blanks(root, unstamped) or loses_arguments(registry, unstamped.values(), read())
    )


def without_conversions(found: Any) -> Any:
    """Return *found*, or if it revives stamps, what leaves those of conversions to our reader."""
    return functools.partial(_revive_unless_pending, found) if revives(found) else found


def _revive_unless_pending(revive: Callable[..., Stamp], *described: Any) -> Stamp:
    stamp = revive(*described)
    if is_pending(stamp):  # C can give its objects no state before their class is known
        raise NeedsBuilder
    return stamp
