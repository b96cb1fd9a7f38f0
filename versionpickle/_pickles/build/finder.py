"""What the names in a pickle mean to one load."""

from __future__ import annotations

import _compat_pickle
import copyreg
import functools

from collections.abc import Callable
from typing import Any

import attrs

from versionpickle._classes import reviving as _wire
from versionpickle._classes.adopt import imported
from versionpickle._classes.hooks import Hooks
from versionpickle._classes.placeholder import (
    Placeholder,
    is_placeholder,
    placeholder_class,
    remade,
)
from versionpickle._pickles.value_types import attribute, is_value_type, value_type
from versionpickle._wire.refs import look_up, ref_of, shortened
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.exceptions import BuildError, DeclarationError
from versionpickle.migrations import Converted, Declaration, Registry, Retired


class Refused(Exception):  # noqa: N818 - never leaves a load
    """A name is not known to this load."""


@attrs.frozen
class Former:
    """Represent a class under one of several names whose objects differ in version."""

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

    keep: frozenset[str] = frozenset()
    """Of what is "missing" or from the "future", what becomes a placeholder."""

    waits: bool = False
    """Whether no class is asked before all is read."""

    unstamped: dict[type, Any] = attrs.field(factory=dict, init=False)
    """The versioned classes that the pickle names: their objects have no stamp."""

    needs_builder: bool = attrs.field(default=False, init=False)
    """Whether C's unpickler would go wrong with one of the names found."""

    may_convert: bool = attrs.field(default=False, init=False)
    """Whether stamps were found, and some classes of the registry become others."""

    pure: dict[int, Any] = attrs.field(factory=dict, init=False)
    """The value types and their reconstructors that were found: calling them is harmless."""

    known: dict[int, Any] = attrs.field(factory=dict, init=False)
    """What a guarded load has found by name, and may call."""

    in_place_of_classes: dict[int, Any] = attrs.field(factory=dict, init=False)
    """The functions that an alias put in the place of a class."""

    singles: dict[int, Any] = attrs.field(factory=dict, init=False)
    """The live objects that were found, which their classes store by name."""

    unconfirmed: list[tuple[str, Hooks, Any]] = attrs.field(factory=list, init=False)
    """Those of them that are still to be asked for their names."""

    _kept: dict[Claim, Stamp] = attrs.field(factory=dict, init=False)
    """The stamps that make placeholders in this load."""

    def is_pure(self, function: object) -> bool:
        return id(function) in self.pure

    def is_free_of_care(self, found: object) -> bool:
        """Return whether what was found means the same to every load, and C's can take it."""
        return not (
            self.unstamped
            or self.needs_builder
            or self.in_place_of_classes
            or self.singles
            or found == self._attribute
        )

    def find(self, module: str, name: str) -> Any:
        """Return the meaning; raise Refused where nobody gave one."""
        try:
            return self._find_known(module, name)
        except LookupError:
            pass
        try:
            return self._find_known(*today(module, name))
        except LookupError:
            if self.plain is not None:
                return self.plain(module, name)
            ref = self.registry.target(f"{module}:{name}")
            if "missing" in self.keep:
                return placeholder_class(ref)
            raise Refused(ref) from None

    def find_back(self, ref: str) -> Any:
        """Return the class that a placeholder represents; None if it is still not known."""
        try:
            found = self.find(*ref.split(":", 1))
        except (Refused, ImportError, AttributeError):
            return None
        is_class = type(found) is Former or (isinstance(found, type) and not is_placeholder(found))
        return found if is_class else None

    def _find_known(self, module: str, name: str) -> Any:
        if module == "versionpickle" and name == "_revive":
            importing = self.plain is not None
            if self.keep:
                keeping = (self.registry, importing, self.keep, self._kept)
                revive = functools.partial(_wire.revive_or_keep, *keeping)
            else:
                revive = functools.partial(_wire.revive_in, self.registry, importing)
            self.may_convert = self.registry.has_edges
            return self._noted_pure(revive)
        if (module, name) in _OURS:
            self.needs_builder |= name == "_keep"  # the class may be back
            return _OURS[module, name]
        ref = f"{module}:{name}"
        meaning = self.registry.resolve(ref)
        if meaning is not None:
            return self._find_declared(ref, meaning)
        target = self.registry.target(ref)
        for allowed in (self.allowed, self.registry.allowed):
            if target in allowed:
                return self._find_allowed(target, allowed[target])
        return self._find_plain(ref, target)

    def admits(self, module: str, name: str) -> bool:
        """Return whether `find` would find this, without importing or calling anything."""
        ref = f"{module}:{name}"
        target = self.registry.target(ref)
        return (
            (module, name) in _OURS
            or ref == "versionpickle:_revive"
            or self.registry.resolve(ref) is not None
            or target in self.allowed
            or target in self.registry.allowed
            or target == "builtins:getattr"
            or self._holds_known(target)
            or is_value_type(*target.partition(":")[::2])
            or target == "zoneinfo:ZoneInfo._unpickle"
        )

    def _find_plain(self, ref: str, target: str) -> Any:
        """Find what needs no leave: everything in an unsafe load, value types in others."""
        module, _, name = target.partition(":")
        if self.plain is not None:
            if target == ref:
                raise LookupError(ref)
            return self.plain(module, name)
        if target == "builtins:getattr":
            return self._attribute
        if self._holds_known(target):
            return look_up(target)
        single = self._find_single(target)
        return self._noted_pure(value_type(module, name)) if single is None else single

    def _noted_pure(self, function: Any) -> Any:
        self.pure[id(function)] = function
        return function

    def _find_single(self, ref: str) -> Any:
        """Return a live object that its class stores by this name; None if there is none."""
        try:
            found = look_up(ref)
        except LookupError:
            return None
        declared = self.registry.declared(ref_of(type(found)))
        if declared is None or declared.hooks.cls is not type(found):
            return None
        self.singles[id(found)] = found
        if self.waits:
            self.unconfirmed.append((ref, declared.hooks, found))
        elif not _is_stored_as(declared.hooks, found, ref):
            return None
        return found

    def confirm(self) -> None:
        """Raise Refused where a live object that was found is not stored by that name."""
        for ref, hooks, found in self.unconfirmed:
            if not _is_stored_as(hooks, found, ref):
                raise Refused(ref)
        self.unconfirmed.clear()

    def _holds_known(self, ref: str) -> bool:
        """Return whether a known class is nested in the class *ref*: the way to it is open."""
        known = (*self.allowed, *self.registry.known())
        return any(other.startswith(f"{ref}.") for other in known)

    def _find_declared(self, ref: str, meaning: object) -> Any:
        if isinstance(meaning, Retired):
            return placeholder_class(meaning.ref)
        if isinstance(meaning, Declaration):
            return self._find_versioned(ref, meaning.hooks)
        if isinstance(meaning, Converted):
            return self._find_converted(meaning.ref)
        if not isinstance(meaning, type):  # a function may be in the place of a class
            self.needs_builder = True
            self.in_place_of_classes[id(meaning)] = meaning
        return meaning

    def _find_converted(self, ref: str) -> Any:
        from versionpickle._classes.conversion import RemovedClass, pending_class  # noqa: PLC0415 - few classes become others

        self.needs_builder = True
        cls = pending_class(ref)
        self.unstamped[cls] = RemovedClass(self.registry, ref)
        return cls

    def _find_versioned(self, ref: str, hooks: Hooks) -> Any:
        hooks.check_unstamped()
        self.unstamped[hooks.cls] = hooks
        if (
            not hooks.is_installed
            or hooks.made_from_state
            or hooks.immutable_unstamped
            or hooks.codec.layout.items_in_state
        ):
            self.needs_builder = True
        if hooks.declaration.formerly.get(ref) is not None:
            self.needs_builder = True
            return Former(hooks.cls, ref)
        return hooks.cls

    def _find_allowed(self, ref: str, target: object) -> Any:
        """Return what the user allowed; by ref alone, it may still be to import."""
        try:
            found = imported(ref) if target is None else target
        except DeclarationError as exc:
            raise BuildError(str(exc), ref) from exc
        meaning = self.registry.resolve(ref)  # which the import may have declared
        return found if meaning is None else self._find_declared(ref, meaning)

    def _attribute(self, owner: Any, name: str) -> Any:
        """Get what a class holds, as old pickles of nested classes do, or an allowed method."""
        if type(name) is not str:
            raise TypeError(f"the name of an attribute must be a string, not {shortened(name)}")
        try:
            return self._noted_pure(attribute(owner, name))
        except ValueError:
            pass
        if isinstance(owner, type) and issubclass(owner, Placeholder):
            return self.find(*f"{owner.ref}.{name}".split(":"))
        if isinstance(owner, type):
            return self.find(owner.__module__, f"{owner.__qualname__}.{name}")
        ref = self.registry.target(f"{ref_of(type(owner))}.{name}")
        if ref in self.allowed or ref in self.registry.allowed:
            return getattr(owner, ref.rpartition(".")[2])
        raise Refused(ref)


def _is_stored_as(hooks: Hooks, found: Any, ref: str) -> bool:
    """Return whether an object is stored by the name under which it was found."""
    return bool(hooks.codec.reduce(found, 4) == ref.partition(":")[2])


def today(module: str, name: str) -> tuple[str, str]:
    """Return what Python 3 calls the thing that Python 2 named so."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def reconstruct(cls: Any, base: type, state: Any) -> Any:
    """Make an object as protocols 0 and 1 do, also with a function in the place of the class."""
    if is_placeholder(cls):
        return remade(cls, base, state)
    if isinstance(cls, type):
        return copyreg._reconstructor(cls, base, state)  # type: ignore[attr-defined] # known to pickle alone
    return cls() if base is object else cls(state)


def revives(found: object) -> bool:
    """Return whether *found* makes the stamps of a load."""
    return type(found) is functools.partial and found.func in _REVIVING


_REVIVING = (_wire.revive_in, _wire.revive_or_keep)
_OURS: dict[tuple[str, str], Any] = {
    ("versionpickle", "_make"): _wire._make,
    ("versionpickle", "_member"): _wire._member,
    ("versionpickle", "_rebuild"): _wire._rebuild,
    ("versionpickle", "_set_state"): _wire._set_state,
    ("versionpickle", "_keep"): _wire._keep,
    ("copyreg", "_reconstructor"): reconstruct,
}
