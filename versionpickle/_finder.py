"""What the names in a pickle mean to one load."""

from __future__ import annotations

import _compat_pickle
import copyreg
import functools

from collections.abc import Callable
from typing import Any

import attrs

from . import _stream
from ._adopt import imported
from ._hooks import Hooks
from ._placeholder import Placeholder, placeholder_class
from ._values import value_type
from .migrations import Declaration, Registry, Retired


class Refused(Exception):  # noqa: N818 - never leaves a load
    """Say that a name is not known to this load."""


@attrs.frozen
class Former:
    """Stand for a class under one of several names whose objects differ in version."""

    cls: type
    ref: str


@attrs.define(eq=False)
class Finder:
    """
    Find what names mean: in the registry, among what is allowed, in the standard library.

    Imports nothing that no declaration names.
    """

    registry: Registry
    allowed: dict[str, object] = attrs.field(factory=dict)
    plain: Callable[[str, str], Any] | None = None
    """What finds all other names in an unsafe load."""

    met: dict[type, Hooks] = attrs.field(factory=dict, init=False)
    """The versioned classes that stood in the pickle by name: objects without a stamp."""

    needs_builder: bool = attrs.field(default=False, init=False)
    """Whether C's unpickler would go wrong with one of the names found."""

    def find(self, module: str, name: str) -> Any:
        """Return the meaning; raise Refused where nobody gave one."""
        try:
            return self._find_known(module, name)
        except LookupError:
            pass
        try:
            return self._find_known(*_today(module, name))
        except LookupError:
            if self.plain is not None:
                return self.plain(module, name)
            raise Refused(f"{module}:{name}") from None

    def _find_known(self, module: str, name: str) -> Any:
        if (module, name) == _REVIVE:
            return functools.partial(_stream.revive_in, self.registry, self.plain is not None)
        if (module, name) in _OURS:
            return _OURS[module, name]
        ref = f"{module}:{name}"
        meaning = self.registry.resolve(ref)
        if meaning is not None:
            return self._find_declared(ref, meaning)
        target = self.registry.target(ref)
        for allowed in (self.allowed, self.registry.allowed):
            if target in allowed:
                return allowed[target] or imported(target)
        if target != ref:
            return self._find_moved(target)
        if self.plain is not None:
            raise LookupError(ref)
        return value_type(module, name)

    def _find_declared(self, ref: str, meaning: object) -> Any:
        if isinstance(meaning, Retired):
            return placeholder_class(meaning.ref)
        if isinstance(meaning, Declaration):
            return self._find_versioned(ref, meaning.hooks)
        if not isinstance(meaning, type):  # a function may stand for a class
            self.needs_builder = True
        return meaning

    def _find_versioned(self, ref: str, hooks: Hooks) -> Any:
        self.met[hooks.cls] = hooks
        if not hooks.is_installed or _watches_items(hooks.cls):
            self.needs_builder = True
        if hooks.declaration.formerly.get(ref) is not None:
            self.needs_builder = True
            return Former(hooks.cls, ref)
        return hooks.cls

    def _find_moved(self, target: str) -> Any:
        """Find what a ref means that the user himself wrote as the new name of another."""
        module, _, name = target.partition(":")
        try:
            return value_type(module, name)
        except LookupError:
            found = imported(target)  # which may declare it
        meaning = self.registry.resolve(target)
        return found if meaning is None else self._find_declared(target, meaning)


def _today(module: str, name: str) -> tuple[str, str]:
    """Return what Python 3 calls the thing that Python 2 named so."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def reconstruct(cls: Any, base: type, state: Any) -> Any:
    """Make an object as protocols 0 and 1 do, also where a function stands for the class."""
    if isinstance(cls, type) and not issubclass(cls, Placeholder):
        return copyreg._reconstructor(cls, base, state)  # type: ignore[attr-defined] # known to pickle alone
    return cls() if base is object else cls(state)


_REVIVE = ("versionpickle", "_revive")
_OURS: dict[tuple[str, str], Any] = {
    ("versionpickle", "_make"): _stream._make,
    ("versionpickle", "_set_state"): _stream._set_state,
    ("versionpickle", "_keep"): _stream._keep,
    ("copyreg", "_reconstructor"): reconstruct,
}
_PLAIN_METHODS: tuple[tuple[type, str], ...] = (
    (dict, "__setitem__"),
    (list, "append"),
    (list, "extend"),
    (set, "add"),
)


def _watches_items(cls: type) -> bool:
    """Tell whether items, which arrive before the state, meet methods of the class itself."""
    return any(
        issubclass(cls, kind) and getattr(cls, name) is not getattr(kind, name)
        for kind, name in _PLAIN_METHODS
    )
