"""Resolve the names in a pickle for one load."""

from __future__ import annotations

import _compat_pickle
import collections
import copyreg
import enum
import functools
import sys
import types

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._classes.named_sets import MOVED
from versionpickle._classes.names import imported
from versionpickle._classes.parts import put_items
from versionpickle._classes.placeholder import (
    Placeholder,
    is_placeholder,
    keep,
    kept_attribute,
    placeholder_class,
    remade,
)
from versionpickle._classes.reviving import revive_in, revive_or_keep
from versionpickle._pickles.numpy_values import is_numpy_value, numpy_value
from versionpickle._pickles.pandas_values import OLD_CALLS
from versionpickle._pickles.value_types import (
    SENTINEL,
    is_attribute_of_value,
    is_value_type,
    value_type,
)
from versionpickle._wire import calls, states
from versionpickle._wire.refs import look_up, own_ref, ref_of, shortened
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.exceptions import BuildError, DeclarationError
from versionpickle.migrations import Converted, Declaration, Registry, Retired
from versionpickle.migrations._names import Rebuilt


class Refused(Exception):  # noqa: N818 - never leaves a load
    """A name is not known to this load."""


class NeedsBuilder(Exception):  # noqa: N818 - it is no error
    """The bytes must be read again, by our own reader; never leaves a load."""


@attrs.frozen
class Former:
    """
    Represent a class, or what an alias names, under one name whose meaning depends on its place.

    The objects of a class may differ in version by the name that they were stored under,
    and within a stamped object a name means what today's code calls so.
    """

    cls: Any
    ref: str

    def is_data(self) -> bool:
        """Return whether it may be meant itself, and not what it makes."""
        return isinstance(self.cls, type) or not callable(self.cls) or _has_moved(self.cls)


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

    is_building: bool = False
    """Whether our own reader asks, which knows what to make of a `Former`."""

    waits: bool = False
    """Whether no class is asked before all is read."""

    unstamped: dict[type, Any] = attrs.field(factory=dict, init=False)
    """The versioned classes that the pickle names: their objects have no stamp."""

    needs_builder: bool = attrs.field(default=False, init=False)
    """Whether C's unpickler would go wrong with one of the names found."""

    has_stamps: bool = attrs.field(default=False, init=False)
    """Whether the pickle holds objects with a stamp."""

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

    unconfirmed: list[tuple[str, Instrumentation, Any]] = attrs.field(factory=list, init=False)
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

    def only_checks(self, found: object) -> bool:
        """Return whether what was found is a class, of which C leaves at most objects undone."""
        is_class = isinstance(found, type) and found in self.unstamped
        return is_class and not (self.in_place_of_classes or self.singles)

    def find(self, module: str, name: str) -> Any:
        """Return the meaning; raise Refused where there is none."""
        for spelling in self._spellings(module, name):
            try:
                return self._unless_of_today(":".join(spelling), self._find_known(*spelling))
            except LookupError:
                pass
        if self.plain is not None:
            return self._find_plainly(module, name)
        ref = self._ref_today(module, name)
        if "missing" in self.keep:
            return placeholder_class(ref)
        raise Refused(ref)

    def _unless_of_today(self, ref: str, found: Any) -> Any:
        """Return what an alias names as a `Former`, if today's code may call something else so."""
        if not self.registry.is_aliased(ref) or type(found) is Former:
            return found
        if id(found) not in self.in_place_of_classes and not _is_other(ref, found):
            return found
        self.needs_builder = True
        return Former(found, ref)

    def today(self, ref: str) -> Any:
        """Return what an aliased name means within a stamped object; None if it is gone."""
        try:
            return imported(ref) if self.registry.is_aliased(ref) else None
        except DeclarationError:
            return None

    def _spellings(self, module: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield the names by which something may be known that a pickle names so."""
        yield module, name
        yield today(module, name)
        other = self._admitted_name(self._ref_today(module, name))
        if other is not None:
            yield other[0], other[1]

    def _ref_today(self, module: str, name: str) -> str:
        """Return the ref that users would write: Python 3's name of what Python 2 named so."""
        known = (module, name) if module in sys.modules else today(module, name)
        return self.registry.target(":".join(known))

    def _admitted_name(self, ref: str) -> tuple[str, str] | None:
        """Return another name of the very same object, under which it is admitted."""
        own = own_ref(ref)
        if own is not None and own != ref and self._is_admitted(*own.split(":", 1)):
            module, _, name = own.partition(":")
            return module, name
        for known in (self.allowed, self.registry.allowed):
            for other, target in known.items():
                if own is not None and _is_same(other, target, ref):
                    module, _, name = other.partition(":")
                    return module, name
        return None

    def _find_plainly(self, module: str, name: str) -> Any:
        """Find a name as plain pickle does, or as the default load knows it."""
        assert self.plain is not None
        try:
            return self._noted_maker(self._find_imported(module, name))
        except (ImportError, AttributeError):
            if not is_value_type(module, name):
                raise
        return value_type(module, name)

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
                revive = functools.partial(revive_or_keep, *keeping, is_limited=self.waits)
            else:
                revive = functools.partial(
                    revive_in, self.registry, importing, is_limited=self.waits
                )
            self.has_stamps = True
            self.may_convert = self.registry.has_endings
            return self._noted_pure(revive)
        if (module, name) in _OURS:
            self.needs_builder |= name == "_keep"  # the class may be back
            return _OURS[module, name]
        ref = f"{module}:{name}"
        meaning = self.registry.resolve(ref)
        if meaning is not None:
            return self._find_declared(ref, meaning)
        target = ref if ref in OLD_CALLS else self.registry.target(ref)
        for allowed in (self.allowed, self.registry.allowed):
            if target in allowed:
                found = self._find_allowed(target, allowed[target])
                return (
                    self._in_place(found, ref) if self._is_in_place(ref, target, found) else found
                )
        return self._find_plain(ref, target)

    def _is_in_place(self, ref: str, target: str, found: Any) -> bool:
        """Return whether what is allowed takes the place of a class, and is not called *ref*."""
        if target == ref or isinstance(found, type) or not callable(found):
            return False
        return self.registry.is_aliased(ref) or not _is_same(target, found, ref)

    def admits(self, module: str, name: str) -> bool:
        """Return whether `find` would find this, without importing or calling anything."""
        return (
            self._is_admitted(module, name)
            or self._is_admitted(*today(module, name))
            or self._admitted_name(self._ref_today(module, name)) is not None
        )

    def refused_attribute(self, ref: str) -> str | None:
        """Return the ref that is refused if a pickle takes this from a class or an object."""
        target = self._ref_today(*ref.split(":", 1))
        is_allowed = target in self.allowed or target in self.registry.allowed
        return None if is_allowed or self.admits(*ref.split(":", 1)) else target

    def _is_admitted(self, module: str, name: str) -> bool:
        ref = f"{module}:{name}"
        target = self.registry.target(ref)
        return (
            (module, name) in _OURS
            or ref == "versionpickle:_revive"
            or self.registry.resolve(ref) is not None
            or target in self.allowed
            or target in self.registry.allowed
            or target in {"builtins:getattr", "_operator:or_", "operator:or_"}
            or self._holds_known(target)
            or is_value_type(*target.partition(":")[::2])
            or target == "zoneinfo:ZoneInfo._unpickle"
            or self._admits_sentinel(target)
        )

    def _find_or(self, target: str) -> Any:
        """Return what joins flags, as CPython 3.11.0 to 3.11.3 write it."""
        if target not in {"_operator:or_", "operator:or_"}:
            return None
        return self._noted_pure(_joined_flags)

    def _find_plain(self, ref: str, target: str) -> Any:
        """Find what needs no leave: everything in an unsafe load, value types in others."""
        module, _, name = target.partition(":")
        if target == "builtins:getattr" and self.plain is None:
            return self._attribute
        if self.plain is not None:
            if target == "builtins:getattr" and self._watches_attributes():
                self.needs_builder = True  # which leaves it as it is where it is data
            if target == ref:
                raise LookupError(ref)
            return self._find_imported(module, name)
        joining = self._find_or(target)
        if joining is not None:
            return joining
        if self._holds_known(target):
            return look_up(target)
        single = self._find_single(target)
        return self._noted_pure(value_type(module, name)) if single is None else single

    def _find_imported(self, module: str, name: str) -> Any:
        """Return what pickle finds, or what its import has just declared for it."""
        assert self.plain is not None
        found = self.plain(module, name)
        ref = f"{module}:{name}"
        meaning = self.registry.resolve(ref)
        return found if meaning is None else self._find_declared(ref, meaning)

    def _noted_pure(self, function: Any) -> Any:
        self.pure[id(function)] = function
        return function

    def _find_single(self, ref: str) -> Any:
        """Return a live object that its class stores by this name; None if there is none."""
        try:
            found = look_up(ref)
        except LookupError:
            return None
        if self._is_sentinel(found, ref):
            self.singles[id(found)] = found
            return found
        declared = self.registry.declared(ref_of(type(found)))
        if declared is None or declared.instrumentation.cls is not type(found):
            return None
        self.singles[id(found)] = found
        if self.waits:
            self.unconfirmed.append((ref, declared.instrumentation, found))
        elif not _is_stored_as(declared.instrumentation, found, ref):
            return None
        return found

    def _is_sentinel(self, found: Any, ref: str) -> bool:
        """Return whether this is a sentinel of this name, in a module of what a load may build."""
        if type(found) is not SENTINEL or f"{found.__module__}:{found.__reduce__()}" != ref:
            return False
        known = (*self.allowed, *self.registry.known())
        return any(other.startswith(f"{found.__module__}:") for other in known)

    def _admits_sentinel(self, ref: str) -> bool:
        try:
            return self._is_sentinel(look_up(ref), ref)
        except LookupError:
            return False

    def confirm(self) -> None:
        """Raise Refused where a live object that was found is not stored by that name."""
        for ref, instrumentation, found in self.unconfirmed:
            if not _is_stored_as(instrumentation, found, ref):
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
            return self._find_versioned(ref, meaning.instrumentation)
        if isinstance(meaning, Rebuilt):
            return self._find_rebuilt(meaning)
        if isinstance(meaning, Converted):
            return self._find_converted(meaning.ref)
        if not isinstance(meaning, type):  # a function may be in the place of a class
            return self._in_place(meaning, ref)
        return meaning

    def _in_place(self, meaning: object, ref: str) -> Any:
        """Return what may take the place of a class, and be called instead."""
        self.needs_builder = True
        self.in_place_of_classes[id(meaning)] = meaning
        return Former(meaning, ref) if callable(meaning) else meaning

    def _find_converted(self, ref: str) -> Any:
        from versionpickle._classes.conversion import RemovedClass, pending_class  # noqa: PLC0415 - few classes become others

        self.needs_builder = True
        cls = pending_class(ref)
        self.unstamped[cls] = RemovedClass(self.registry, ref)
        return cls

    def _find_rebuilt(self, meaning: Rebuilt) -> Any:
        from versionpickle._classes.conversion import RebuiltClass, pending_class  # noqa: PLC0415 - as above

        self.needs_builder = True
        cls = pending_class(meaning.ref)
        self.unstamped[cls] = RebuiltClass(meaning)
        return cls

    def _find_versioned(self, ref: str, instrumentation: Instrumentation) -> Any:
        unstamped = self.unstamped[instrumentation.cls] = instrumentation.unstamped
        if not instrumentation.is_installed or unstamped.needs_builder:
            self.needs_builder = True
        if instrumentation.declaration.formerly.get(ref) is not None or unstamped.is_changed_enum:
            self.needs_builder = True
            return Former(instrumentation.cls, ref)
        return instrumentation.cls

    def _find_allowed(self, ref: str, target: object) -> Any:
        """Return what the user allowed; by ref alone, it may still be to import."""
        module, _, name = ref.partition(":")
        if is_numpy_value(module, name):
            return self._noted_pure(numpy_value(module, name))
        try:
            found = _imported(ref) if target is None else target
        except DeclarationError as exc:
            raise BuildError(str(exc), ref) from exc
        meaning = self.registry.resolve(ref)  # which the import may have declared
        return self._noted_maker(found) if meaning is None else self._find_declared(ref, meaning)

    def _noted_maker(self, found: Any) -> Any:
        """Return what was found; C's unpickler may not see of which class the objects are."""
        if self.registry.has_bare_classes and _may_make_others(found):
            self.needs_builder = True
        return found

    def _attribute(self, owner: Any, name: str, *default: Any) -> Any:
        """Get what a class holds, as old pickles of nested classes do, or an allowed method."""
        if type(name) is not str:
            raise TypeError(f"the name of an attribute must be a string, not {shortened(name)}")
        if isinstance(owner, Placeholder):
            return kept_attribute(owner, name)
        ref = self._ref_of_attribute(owner, name)
        meaning = self.registry.resolve(ref) if self.registry.is_aliased(ref) else None
        if meaning is not None:
            return self._find_aliased(ref, owner, meaning)
        if self.plain is not None:
            return self._known_class(getattr(owner, name, *default))
        instrumentation = self.unstamped.get(owner) if isinstance(owner, type) else None
        if instrumentation is not None and instrumentation.is_member(name):
            return instrumentation.member(name)
        if is_attribute_of_value(owner, name):
            return self._noted_pure(getattr(owner, name))
        return self._attribute_in_code(owner, ref)

    def called(self, function: Any) -> Any:
        """Return what is called in place of *function*: unsafe loads ask for attributes too."""
        is_watched = function is getattr and self.plain is not None and self._watches_attributes()
        return self._attribute if is_watched else function

    def _watches_attributes(self) -> bool:
        """Return whether what is found in a class may have been declared, or have an alias."""
        names = (ref.partition(":")[2] for ref in self.registry.known())
        return self.registry.has_aliased_attributes() or any("." in name for name in names)

    def _known_class(self, found: Any) -> Any:
        """Return what an unsafe load found in a class; a declared class as any load finds it."""
        declared = self.registry.declared(ref_of(found)) if isinstance(found, type) else None
        if declared is None or declared.instrumentation.cls is not found:
            return found
        return self._find_versioned(declared.ref, declared.instrumentation)

    def _attribute_in_code(self, owner: Any, ref: str) -> Any:
        """Get what a class holds, or an allowed method."""
        if isinstance(owner, type) or id(owner) in self.in_place_of_classes:
            return self.find(*ref.split(":", 1))
        ref = self.registry.target(ref)
        if ref in self.allowed or ref in self.registry.allowed:
            return getattr(owner, ref.rpartition(".")[2])
        raise Refused(ref)

    def _ref_of_attribute(self, owner: Any, name: str) -> str:
        if is_placeholder(owner):
            return f"{owner.ref}.{name}"
        if isinstance(owner, type):
            return f"{ref_of(owner)}.{name}"
        if id(owner) in self.in_place_of_classes:
            return f"{self.registry.alias_of(owner)}.{name}"
        return f"{ref_of(type(owner))}.{name}"

    def _find_aliased(self, ref: str, owner: Any, meaning: object) -> Any:
        """Find what `alias` names in the place of a method, or of a class within another."""
        if not self.is_building:
            raise NeedsBuilder
        found = self._unless_of_today(ref, self._find_declared(ref, meaning))
        if isinstance(owner, type) or id(owner) in self.in_place_of_classes:
            return found
        function = found.cls if type(found) is Former else found
        return function if is_placeholder(function) else types.MethodType(function, owner)


def _imported(ref: str) -> Any:
    """Return what was allowed by its ref, which may be a name of today or an old one."""
    if ref in OLD_CALLS:
        return OLD_CALLS[ref]
    known = MOVED.get(ref, ref)
    module, _, name = known.partition(":")
    new = ":".join(today(module, name))
    return imported(known if module in sys.modules else new)


def _joined_flags(one: Any, other: Any) -> Any:
    """Join two flags, or the bits that have no names."""
    if not (isinstance(one, enum.Flag) and isinstance(other, enum.Flag | int)):
        raise TypeError(f"{shortened(one)} and {shortened(other)} are no flags of an enum")
    return one | other  # type: ignore[operator] # of one enum, or an error


def _may_make_others(found: object) -> bool:
    """Return whether a call of this may make objects of classes that the pickle does not name."""
    if isinstance(found, type):
        return isinstance(found.__new__, types.FunctionType) and not issubclass(found, enum.Enum)
    return callable(found)


def _has_moved(meaning: object) -> bool:
    """Return whether an object has a name of its own, so that it may be what a name means."""
    try:
        return look_up(ref_of(meaning)) is meaning
    except (LookupError, AttributeError):
        return False


def _is_same(ref: str, target: object, other: str) -> bool:
    """Return whether what is allowed by its ref is what another ref leads to."""
    try:
        return (look_up(ref) if target is None else target) is look_up(other)
    except LookupError:
        return False


def _is_other(ref: str, found: object) -> bool:
    """Return whether today's code has something else under this name."""
    try:
        today = look_up(ref)
    except LookupError:
        return False
    return today is not found and not (isinstance(today, types.MethodType) and today == found)


def _is_stored_as(instrumentation: Instrumentation, found: Any, ref: str) -> bool:
    """Return whether an object is stored by the name under which it was found."""
    return bool(instrumentation.codec.reduce(found, 4) == ref.partition(":")[2])


def today(module: str, name: str) -> tuple[str, str]:
    """Return what Python 3 calls the thing that Python 2 named so."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def reconstruct(cls: Any, base: type, state: Any) -> Any:
    """Make an object as protocols 0 and 1 do."""
    if is_placeholder(cls):
        return remade(cls, base, state)
    if not isinstance(cls, type):  # which is an alias, or an error
        raise NeedsBuilder
    if base is dict and issubclass(cls, collections.OrderedDict):
        made = cls.__new__(cls)
        put_items(made, state)  # dict's own method would lose their order
        return made
    return copyreg._reconstructor(cls, base, state)  # type: ignore[attr-defined] # known to pickle alone


def revives(found: object) -> bool:
    """Return whether *found* makes the stamps of a load."""
    return type(found) is functools.partial and found.func in _REVIVING


_REVIVING = (revive_in, revive_or_keep)
_OURS: dict[tuple[str, str], Any] = {
    ("versionpickle", "_make"): calls.make,
    ("versionpickle", "_member"): calls.member,
    ("versionpickle", "_rebuild"): calls.rebuild,
    ("versionpickle", "_set_state"): calls.set_state,
    ("versionpickle", "_state"): states.state,
    ("versionpickle", "_keep"): keep,
    ("copyreg", "_reconstructor"): reconstruct,
}
