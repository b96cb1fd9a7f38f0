"""Build the objects of a pickle, including those that C's unpickler cannot build."""

from __future__ import annotations

import copyreg
import types

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, NoReturn

import attrs

from versionpickle._classes.conversion import conversion_of, is_pending
from versionpickle._classes.parts import Parts as StoredParts
from versionpickle._classes.placeholder import Placeholder, is_placeholder, keep, placeholder_class
from versionpickle._wire import calls
from versionpickle._wire.refs import ref_of, shortened
from versionpickle._wire.stamp import MAKES_BLANKS, Stamp, is_stamped
from versionpickle.exceptions import DamagedError, NotAClassError

from .actions import DeferredActions
from .deferred import SETTLED, Deferred, Making, Parts, is_settled, resolved
from .finder import Finder, Former, reconstruct
from .policy import Policy


@attrs.frozen(kw_only=True)
class Outside:
    """What a pickle refers to, and does not contain."""

    find: Callable[[str, str], Any]
    """Returns what a name means."""

    persistent: Callable[[Any], Any] | None = None
    buffers: Iterator[Any] | None = None


class Builder:
    """
    Build objects as pickle does, and what it cannot.

    A function may be in the place of a class, a class may have been known by names of
    different versions, need not carry instrumentation, may be made from its state, gets its
    items after its state, and its place in sets when it is whole.

    While the bytes are read, only blank objects, containers and settled values are
    made; all that runs foreign code is deferred, in its order, until the bytes have
    turned out good.
    """

    def __init__(
        self,
        finder: Finder,
        outside: Outside,
        policy: Policy,
        parts: Parts,
        actions: DeferredActions,
    ) -> None:
        self._finder = finder
        self._outside = outside
        self._policy = policy
        self._parts = parts
        self._actions = actions
        self.packs_plainly = policy.packs_plainly
        self._makes_blanks: dict[int, tuple[Stamp, bool]] = {}
        self._waiting: dict[int, Any] = {}
        """Containers that get the rest of their parts when all is there."""

        self._kept: dict[int, Any] = {}
        """Objects that were stored as placeholders, and whose classes are back."""

    def _defer_making(self, make: Callable[[], Any]) -> Deferred:
        self.packs_plainly = False
        return self._actions.defer_making(make)

    # What is outside

    def find(self, module: str, name: str) -> Any:
        found = self._actions.ask(self._policy.find, self._outside.find, module, name)
        if type(found) is Former:
            self.packs_plainly = False
        return found

    def find_persistent(self, key: Any) -> Any:
        persistent = self._outside.persistent
        if persistent is None:
            raise DamagedError(
                f"it holds the persistent id {shortened(key)}, and no persistent_load is set"
            )
        if self._policy.may_resolve_at_once(key):
            return self._actions.ask(persistent, key)
        return self._defer_making(lambda: persistent(resolved(key)))

    def find_extension(self, code: int) -> Any:
        self._policy.find_extension(code)
        key = copyreg._inverted_registry.get(code)  # type: ignore[attr-defined] # known to pickle alone
        if key is None:
            raise DamagedError(f"its extension code {code} is not registered")
        if type(key) is not tuple or [type(part) for part in key] != [str, str]:
            raise DamagedError(
                f"its extension code {code} is registered for {shortened(key)}, which is no name"
            )
        return self.find(*key)

    def next_buffer(self) -> Any:
        if self._outside.buffers is None:
            raise DamagedError("it refers to buffers outside, and buffers= was not given")
        try:
            return self._actions.ask(next, self._outside.buffers)
        except StopIteration:
            raise DamagedError("it refers to more buffers than buffers= gives") from None

    def read_only(self, buffer: Any) -> Any:
        self._policy.view()
        with memoryview(buffer) as view:
            return buffer if view.readonly else view.toreadonly()

    # Calls: what runs no foreign code is made at once

    def call(self, function: Any, args: Any) -> Any:
        if type(function) is Stamp and type(args) is tuple and not args:
            return self._call_stamp(function)
        function = self._finder.called(function)
        given = self._parts.of(args)
        self._policy.call(function, args, given)
        if type(args) is Deferred and _names_a_maker(function, given):
            args.set_result(None)  # nothing else needs this tuple, and what it names is no data
        if is_attribute(function):
            return self._attribute(function, args)
        if type(given) is tuple:
            new = self._new_of_call(function, given)
            if new is not None:
                return self.new(*new)
        if function is calls.make and type(given) is tuple and type(given[1]) is Former:
            args = self._as_of_today(args, given)
        made = self._called(function, args, given)
        self._policy.called(made, function, args, given)
        return made

    def _call_stamp(self, stamp: Stamp) -> Any:
        self._policy.call(stamp, (), ())
        made = self._blank_of(stamp)
        if made is None:
            made = self._defer_making(lambda: self._actions.call(stamp, ()))
        self._policy.called(made, stamp, (), ())
        return made

    def _attribute(self, function: Any, args: Any) -> Any:
        owner, *names = self._parts.of(args)
        if type(owner) is Former and not isinstance(owner.cls, type):
            return self._policy.found(function(owner.cls, *names))
        instrumentation = self._finder.unstamped.get(_class_of(owner))
        if instrumentation is not None and instrumentation.is_member(*names):
            found_as = owner.ref if type(owner) is Former else None
            return self._defer_making(lambda: instrumentation.member(*names, found_as))
        if type(args) is tuple and len(args) == 2 and isinstance(args[0], type):
            return self._policy.found(function(*args))
        return self._defer_making(lambda: function(*resolved(args)))

    def _new_of_call(
        self, function: Any, given: tuple[Any, ...]
    ) -> tuple[Any, Any, dict[str, Any]] | None:
        """Return the arguments of `new` for a call that newer protocols have an opcode for."""
        if function is reconstruct:
            cls, base, state = given if len(given) == 3 else (None, None, None)
            plain = cls.cls if type(cls) is Former else cls
            is_blank = base is object and state is None and not is_placeholder(plain)
            return (cls, (), {}) if is_blank else None
        if function is copyreg.__newobj__ and given:  # type: ignore[attr-defined] # known to pickle alone
            return given[0], self._packed([*given[1:]]), {}
        if function is copyreg.__newobj_ex__ and len(given) == 3:  # type: ignore[attr-defined] # as above
            return given[0], given[1], given[2]
        return None

    def _as_of_today(self, args: Any, given: tuple[Any, ...]) -> Any:
        """Return the arguments of a stamped object: what makes it is called as it is today."""
        stamp, former, *rest = given
        today = self._finder.today(former.ref)
        return self._packed([stamp, former.cls if today is None else today, *rest])

    def _called(self, function: Any, args: Any, given: Any) -> Any:
        if function is calls.set_state and _is_of_state(given):
            self._build(*given)
            args.set_result(None)  # nothing else needs this tuple, which may never be whole
            return None
        pending = self._pending_of(function, args, given)
        if pending is not None:
            self.packs_plainly = False
            return self._actions.defer_to_state(_making(*pending))
        if type(args) is tuple and self._finder.is_pure(function) and is_settled(args):
            return self._called_at_once(function, args)
        if self._finder.is_pure(function) and not isinstance(function, Stamp):
            return self._defer_making(lambda: self._value_or_placeholder(function, resolved(args)))
        if function is keep and type(args) is tuple and args:
            return self._unkept(*args)
        return self._called_later(function, args, given)

    def _called_later(self, function: Any, args: Any, given: Any) -> Any:
        if function is reconstruct and type(given) is tuple and len(given) == 3:
            return self._reconstructed(*given)
        return self._defer_making(lambda: self._actions.call(function, resolved(args)))

    def _reconstructed(self, cls: Any, *rest: Any) -> Deferred:
        """Make an object as protocols 0 and 1 do, under the name that its class was found by."""
        plain = cls.cls if type(cls) is Former else cls
        if self._is_no_class(plain):
            return self._not_a_class(plain)
        return self._defer_making(lambda: self._actions.reconstruct(cls, *map(resolved, rest)))

    def _pending_of(self, function: Any, args: Any, given: Any) -> Any:
        """Return the stamp and arguments of an object that becomes another, if it does."""
        if type(function) is Stamp and is_pending(function) and not function.claim.is_by_values:
            return function, args
        if function is not calls.make or type(given) is not tuple or len(given) != 4:
            return None
        stamp, maker, made_of, kwargs = given
        is_of_class = maker is None or maker is stamp
        if type(stamp) is Stamp and is_pending(stamp) and is_of_class:
            return stamp, made_of, kwargs
        return None

    def _called_at_once(self, function: Any, args: tuple[Any, ...]) -> Any:
        try:
            return self._actions.run_call(function, args)
        except Exception as exc:  # noqa: BLE001 - a policy may take it later than it is raised
            failure = self._policy.failed(function, exc)
            self._actions.is_calling = False
            return self._policy.found(self._defer_making(lambda: _raise(failure)))

    def _value_or_placeholder(self, function: Any, args: Any) -> Any:
        """Make a value; keep the call if it does not take a placeholder as an argument."""
        try:
            return self._actions.call(function, args)
        except TypeError:
            if not any(isinstance(arg, Placeholder) for arg in args):
                raise
            self._actions.is_calling = False
            return placeholder_class(ref_of(function))(*args)

    def _blank_of(self, stamp: Stamp) -> Any:
        """Make a blank object, or what represents one; None where that runs foreign code."""
        known = self._makes_blanks.get(id(stamp))
        if known is None:
            known = self._makes_blanks[id(stamp)] = stamp, makes_blanks(stamp)
        if known[1]:
            made = stamp()
            self._actions.note_unfilled(made)
            return made
        if not is_pending(stamp):
            return None
        self.packs_plainly = False
        return self._actions.defer_to_state(_making(stamp))

    def _unkept(self, ref: str, args: Any, kwargs: Any, *called: Any) -> Any:
        """Make what was stored as a placeholder: an object of its class, if that is back."""
        cls = self._finder.find_back(ref)
        if cls is None:
            return self._defer_making(lambda: keep(ref, resolved(args), resolved(kwargs), *called))
        cls = self._policy.found(cls)
        made = self.call(cls, args) if any(called) else self.new(cls, args, kwargs)
        self._kept[id(made)] = made
        return made

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        self._policy.new(cls, args, kwargs, self._parts.of(args))
        made = self._new(cls, args, kwargs)
        self._policy.made_new(made, cls, args)
        return made

    def _new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        plain: Any = cls.cls if type(cls) is Former else cls
        if self._is_no_class(plain):
            return self._not_a_class(plain)
        if _is_empty(args, tuple) and _is_empty(kwargs, dict) and self._is_made_blank(plain):
            return self._blank_unless_it_fails(cls, plain)
        return self._defer_making(lambda: self._actions.new(cls, resolved(args), resolved(kwargs)))

    def _blank_unless_it_fails(self, cls: Any, plain: Any) -> Any:
        try:
            made = plain.__new__(plain)
        except Exception:  # noqa: BLE001 - which its class names when the bytes are read
            return self._defer_making(lambda: self._actions.new(cls, (), {}))
        return self._actions.note(made, cls.ref if plain is not cls else None)

    def _is_no_class(self, maker: Any) -> bool:
        is_class = isinstance(maker, type | Deferred)
        return not is_class and id(maker) not in self._finder.in_place_of_classes

    def _not_a_class(self, maker: Any) -> Deferred:
        """Refuse to make an object without a call of what is neither a class nor its alias."""
        problem = f"it is no class today, but a {type(maker).__name__}"
        failure = self._policy.failed(maker, NotAClassError(problem, _ref_of_any(maker)))
        return self._defer_making(lambda: _raise(failure))

    def _is_made_blank(self, cls: Any) -> bool:
        if not isinstance(cls, type) or not _is_builtin(cls.__new__):
            return False
        instrumentation = self._finder.unstamped.get(cls)
        return instrumentation is None or not (
            instrumentation.immutable or instrumentation.made_from_state
        )

    # Containers

    def pack(self, items: list[Any]) -> Any:
        nested = [item for item in items if type(item) not in _FLAT]
        packed = self._packed(items) if nested else tuple(items)
        self._policy.packed(packed, items, nested)
        return packed

    def _packed(self, items: list[Any]) -> Any:
        if any(map(_is_made_later, items)):
            deferred = self._defer_making(lambda: tuple([resolved(item) for item in items]))
            self._parts.note(deferred, (*items,))
            return deferred
        packed = tuple([resolved(item) for item in items])
        if any(type(item) is Former for item in items):
            self._parts.note(packed, (*items,))
        return packed

    def new_list(self, items: list[Any]) -> Any:
        made: list[Any] = []
        self._policy.begin(made, items)
        if items:
            self._extend(made, items)
        return made

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        made: dict[Any, Any] = {}
        self._policy.begin(made, [part for pair in pairs for part in pair])
        if pairs:
            self._update(made, pairs)
        return made

    def new_set(self) -> Any:
        made: set[Any] = set()
        self._policy.begin(made, [])
        return made

    def new_frozenset(self, items: list[Any]) -> Any:
        if self._policy.are_settled(items):
            self._policy.charge(None, items)
            made: Any = frozenset(items)
        else:
            made = self._defer_making(lambda: self._actions.frozen(items))
        self._policy.froze(made, items)
        return made

    def extend(self, obj: Any, items: list[Any]) -> None:
        self._policy.take_in(obj, len(items), items)
        self._extend(obj, items)

    def _extend(self, obj: Any, items: list[Any]) -> None:
        if type(obj) is not list or self._waits_for(obj, items):
            self._actions.defer(self._actions.extend, obj, items)
        else:
            obj.extend(map(resolved, items))

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        self._policy.take_in(obj, len(pairs), [part for pair in pairs for part in pair])
        self._update(obj, pairs)

    def _update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        keys = [key for key, _ in pairs]
        if (
            type(obj) is not dict
            or self._waits(obj, keys)
            or self._waits_for(obj, [value for _, value in pairs])
        ):
            self._actions.defer(self._actions.update, obj, pairs)
            self._parts.add_pairs(obj, pairs)
        else:
            self._actions.put_pairs(obj, pairs)

    def add(self, obj: Any, items: list[Any]) -> None:
        self._policy.take_in(obj, len(items), items)
        self._policy.check_set(obj)
        if type(obj) is not set or self._waits(obj, items):
            self._actions.defer(self._actions.add, obj, items)
        else:
            self._actions.put_members(obj, items)

    def _waits(self, obj: Any, keys: Iterable[Any]) -> bool:
        """Return whether these keys, or keys before them, are hashed when all is there."""
        if id(obj) not in self._waiting and not self._policy.are_settled(keys):
            self._waiting[id(obj)] = obj
        return id(obj) in self._waiting

    def _waits_for(self, obj: Any, values: list[Any]) -> bool:
        """Return whether these values, or values before them, are still to be made."""
        if any(type(value) is Deferred for value in values):
            self._waiting[id(obj)] = obj
        return id(obj) in self._waiting

    def dropped(self) -> None:
        self._policy.dropped()

    # States

    def build(self, obj: Any, state: Any) -> Any:
        is_plain = self._policy.take_state(obj, state) and is_stamped(state)
        if is_plain and id(obj) not in self._kept and self._actions.defer_filling(obj, state):
            return obj
        return self._build(obj, state)

    def _build(self, obj: Any, state: Any) -> Any:
        if type(obj) is Deferred:
            obj.gets_state = True
        if id(obj) in self._kept:
            self._actions.defer(self._actions.build_kept, obj, state)
            return obj
        if type(obj) is Deferred:
            obj.state = state
        else:
            self._actions.note_unfilled(obj)
        self._actions.defer(self._actions.build, obj, state)
        return obj


_FLAT = frozenset({*SETTLED, Stamp})


def _names_a_maker(function: Any, given: Any) -> bool:
    """Return whether a call says which function, in place of a class, makes an object."""
    if type(given) is not tuple or all(map(_is_data, given)):
        return False
    return function in _FOR_MAKERS or is_attribute(function)


_FOR_MAKERS = (
    reconstruct,
    calls.make,
    copyreg.__newobj__,  # type: ignore[attr-defined] # known to pickle alone
    copyreg.__newobj_ex__,  # type: ignore[attr-defined] # as above
)


def _is_data(item: Any) -> bool:
    return type(item) is not Former or item.is_data()


def _is_made_later(item: Any) -> bool:
    return type(item) is Deferred or not _is_data(item)


def _class_of(owner: Any) -> Any:
    cls = owner.cls if type(owner) is Former else owner
    return cls if isinstance(cls, type) else None


def is_attribute(function: Any) -> bool:
    """Return whether *function* gets an attribute, as old pickles of nested classes do."""
    return type(function) is types.MethodType and function.__func__ is Finder._attribute


def _making(stamp: Stamp, args: Any = (), kwargs: Any = MappingProxyType({})) -> Making:
    """Return what makes an object that becomes another, by the conversion of its stamp."""
    conversion = conversion_of(stamp)
    items: list[Any] = []

    def make(state: Any) -> Any:
        stored = StoredParts(resolved(args), resolved(kwargs))
        for more in items:
            stored = stored.joined(StoredParts(items=more))
        return conversion.fill(None, state, stored)

    return Making(make, lambda _: conversion, items)


def _raise(exc: Exception) -> NoReturn:
    raise exc


def _ref_of_any(obj: Any) -> str:
    try:
        return ref_of(obj)
    except AttributeError:
        return shortened(obj)


def _is_of_state(given: Any) -> bool:
    """Return whether a state is set on an object that can only be made from it."""
    first = given[0] if type(given) is tuple and len(given) == 2 else None
    return type(first) is Deferred and first.making is not None


def _is_empty(obj: Any, kind: type) -> bool:
    return type(obj) is kind and not obj


def makes_blanks(stamp: Stamp) -> bool:
    """Return whether *stamp* makes an object without running code of its class."""
    new: Any = stamp.cls.__new__
    return _is_builtin(new) and (stamp.func is new or hasattr(stamp.func, MAKES_BLANKS))


def _is_builtin(function: object) -> bool:
    return type(function) is types.BuiltinFunctionType
