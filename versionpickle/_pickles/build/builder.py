"""A reader made of the machine that builds: what C's unpickler builds, and what it cannot."""

from __future__ import annotations

import copyreg
import types

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from versionpickle._classes.conversion import conversion_of, is_pending
from versionpickle._classes.placeholder import is_placeholder, keep
from versionpickle._classes.plain import restore
from versionpickle._wire import calls
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import MAKES_BLANKS, Stamp, is_stamped
from versionpickle.exceptions import DamagedError

from .actions import DeferredActions
from .deferred import Deferred, Making, is_settled, meaning
from .finder import Finder, Former, reconstruct


class Builder(DeferredActions):
    """
    Build objects as pickle does, and what it cannot.

    A function may stand for a class, a class may have been known by names of
    different versions, need not carry hooks, may be made from its state, gets its
    items after its state, and its place in sets when it is whole.

    While the bytes are read, only blank objects, containers and settled values are
    made; all that runs code of others waits, in its order, until the bytes have
    turned out good.
    """

    def __init__(
        self,
        data: bytes,
        find: Callable[[str, str], Any],
        finder: Finder,
        *,
        encoding: str = "ASCII",
        errors: str = "strict",
        persistent: Callable[[Any], Any] | None = None,
        buffers: Iterator[Any] | None = None,
    ) -> None:
        super().__init__(data, finder, encoding=encoding, errors=errors)
        self._find = find
        self._persistent = persistent
        self._buffers = buffers
        self._former_args: dict[int, tuple[Any, Former]] = {}
        self._unsettled: dict[int, Any] = {}
        self._kept: dict[int, Any] = {}
        """Objects that were stored as placeholders, and whose classes are back."""

    def run(self) -> Any:
        found = self.read()
        self._carry_out()
        return meaning(found)

    def read(self) -> Any:
        """Return the object, or what stands for it, with all that is foreign still to do."""
        return super().run()

    def start_from(self, memo: dict[int, Any]) -> None:
        """Go on with what earlier loads left in the memo."""
        self.memo.update(memo)

    def can_be_mapped(self) -> bool:
        """Tell whether the bytes may be read once more, to say where an error arose."""
        return True

    # What is found outside

    def find(self, module: str, name: str) -> Any:
        found = self._find(module, name)
        if type(found) is Former:
            self.packs_plainly = False
        return found

    def know(self, found: Any) -> Any:
        """Note that *found* is what a name means; return it."""
        return found

    def find_persistent(self, key: Any) -> Any:
        if self._persistent is None:
            raise DamagedError(
                f"it holds the persistent id {shortened(key)}, and no persistent_load is set"
            )
        if is_settled(key):
            return self._persistent(key)
        persistent = self._persistent
        return self._later(lambda: persistent(meaning(key)))

    def find_extension(self, code: int) -> Any:
        key = copyreg._inverted_registry.get(code)  # type: ignore[attr-defined] # known to pickle alone
        if key is None:
            raise DamagedError(f"its extension code {code} is not registered")
        if type(key) is not tuple or [type(part) for part in key] != [str, str]:
            raise DamagedError(
                f"its extension code {code} is registered for {shortened(key)}, no name"
            )
        return self.find(*key)

    def next_buffer(self) -> Any:
        if self._buffers is None:
            raise DamagedError("it refers to buffers outside, and buffers= was not given")
        try:
            return next(self._buffers)
        except StopIteration:
            raise DamagedError("it refers to more buffers than buffers= gives") from None

    def read_only(self, buffer: Any) -> Any:
        with memoryview(buffer) as view:
            return buffer if view.readonly else view.toreadonly()

    # What is read: it is made at once where that runs nobody's code

    def call(self, function: Any, args: Any) -> Any:
        if type(function) is Stamp and _is_empty(args, tuple):
            made = self._blank_of(function)
            if made is not None:
                return made
        if function is calls.set_state and self._is_of_state(args):
            Builder.build(self, *self.parts_of(args))
            args.become(None)  # nobody else needs this tuple, which may never be whole
            return None
        if type(args) is tuple and self._finder.is_pure(function) and is_settled(args):
            return self._run(function, args)
        if function is keep and type(args) is tuple and args:
            return self._unkept(*args)
        return self._call_later(function, args)

    def _call_later(self, function: Any, args: Any) -> Any:
        if function is reconstruct and type(args) is tuple and len(args) == 3:
            cls, base, state = args
            _, cls = self._former_args.get(id(args), (args, cls))
            if base is object and state is None and not is_placeholder(cls):
                return self.new(cls, (), {})
            return self._later(lambda: self._reconstruct(cls, base, state))
        return self._later(lambda: self._call(function, meaning(args)))

    def _blank_of(self, stamp: Stamp) -> Any:
        """Make a blank object, or what stands for one; None where that runs foreign code."""
        if makes_blanks(stamp):
            made = stamp()
            self._unfilled[id(made)] = (made, self.at)
            return made
        return self.later_of_state(_making(stamp)) if is_pending(stamp) else None

    def _unkept(self, ref: str, args: Any, kwargs: Any, *called: Any) -> Any:
        """Make what was stored as a placeholder: an object of its class, if that is back."""
        cls = self._finder.find_back(ref)
        if cls is None:
            return self._later(lambda: keep(ref, meaning(args), meaning(kwargs), *called))
        cls = self.know(cls)
        made = self.call(cls, args) if any(called) else self.new(cls, args, kwargs)
        self._kept[id(made)] = made
        return made

    def _build_kept(self, obj: Any, content: Any) -> None:
        """Give an object what a placeholder kept of it."""
        if content["state"] is not None:
            self._build(obj, content["state"])
        if content["items"]:
            self._extend(obj, content["items"])
        if content["pairs"]:
            self._update(obj, content["pairs"])

    def _is_of_state(self, args: Any) -> bool:
        """Tell whether a state is set on an object that can only be made of it."""
        given = self.parts_of(args)
        first = given[0] if type(given) is tuple and len(given) == 2 else None
        return type(first) is Deferred and first.making is not None

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        plain: Any = cls.cls if type(cls) is Former else cls
        if _is_empty(args, tuple) and _is_empty(kwargs, dict) and self._is_made_blank(plain):
            return self._note(plain.__new__(plain), cls.ref if plain is not cls else None)
        return self._later(lambda: self._new(cls, meaning(args), meaning(kwargs)))

    def _is_made_blank(self, cls: Any) -> bool:
        if not isinstance(cls, type) or not _is_builtin(cls.__new__):
            return False
        hooks = self._met.get(cls)
        return hooks is None or not (hooks.immutable or hooks.made_from_state)

    def pack(self, items: list[Any]) -> Any:
        if any(type(item) is Deferred for item in items):
            stand_in = self._later(lambda: tuple([meaning(item) for item in items]))
            self._parts[id(stand_in)] = (stand_in, (*items,))
            return stand_in
        packed = tuple([meaning(item) for item in items])
        if items and type(items[0]) is Former:
            self._former_args[id(packed)] = (packed, items[0])
        return packed

    def new_list(self, items: list[Any]) -> Any:
        made: list[Any] = []
        self.extend(made, items)
        return made

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        made: dict[Any, Any] = {}
        self.update(made, pairs)
        return made

    def new_frozenset(self, items: list[Any]) -> Any:
        if self.are_settled(items):
            return frozenset(items)
        return self._later(lambda: self._frozen([meaning(item) for item in items]))

    def extend(self, obj: Any, items: list[Any]) -> None:
        if type(obj) is not list or self._waits_for(obj, items):
            self._then(self._extend, obj, items)
        else:
            obj.extend(map(meaning, items))

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        keys = [key for key, _ in pairs]
        if (
            type(obj) is not dict
            or self._waits(obj, keys)
            or self._waits_for(obj, [value for _, value in pairs])
        ):
            self._then(self._update, obj, pairs)
            _, known = self._parts.setdefault(id(obj), (obj, []))
            known += pairs
        else:
            self.put_pairs(obj, pairs)

    def put_pairs(self, obj: dict[Any, Any], pairs: list[tuple[Any, Any]]) -> None:
        for key, value in pairs:
            obj[key] = meaning(value)

    def add(self, obj: Any, items: list[Any]) -> None:
        if type(obj) is not set or self._waits(obj, items):
            self._then(self._add, obj, items)
        else:
            self.put_members(obj, items)

    def are_settled(self, keys: Iterable[Any]) -> bool:
        """Tell whether these are all there, and their hashes run nobody's code."""
        return all(map(is_settled, keys))

    def _waits(self, obj: Any, keys: Iterable[Any]) -> bool:
        """Tell whether these keys, or keys before them, are hashed when all is there."""
        if id(obj) not in self._unsettled and not self.are_settled(keys):
            self._unsettled[id(obj)] = obj
        return id(obj) in self._unsettled

    def _waits_for(self, obj: Any, values: list[Any]) -> bool:
        """Tell whether these values, or values before them, are still to be made."""
        if any(type(value) is Deferred for value in values):
            self._unsettled[id(obj)] = obj
        return id(obj) in self._unsettled

    def build(self, obj: Any, state: Any) -> Any:
        if id(obj) in self._kept:
            if type(obj) is Deferred:
                obj.gets_state = True
            self._then(self._build_kept, obj, state)
            return obj
        if type(obj) is Deferred:
            obj.gets_state = True
            obj.state = state
        else:
            self._unfilled.setdefault(id(obj), (obj, self.at))
        self._then(self.filler(obj, state), obj, state)
        return obj

    def filler(self, obj: Any, state: Any) -> Callable[[Any, Any], None]:
        """Return what gives *obj* its state."""
        is_there = type(obj) is not Deferred and id(obj) not in self._blank
        return self.fill if is_there and is_stamped(state) else self._build

    def fill(self, obj: Any, state: tuple[Any, ...]) -> None:
        """Give an object that is there the state with its stamp."""
        self._unfilled.pop(id(obj), None)
        restore(obj, state)


def _making(stamp: Stamp) -> Making:
    """Return what makes an object that becomes another, by the turn that its stamp takes."""
    conversion = conversion_of(stamp)
    return Making(lambda state: conversion.fill(None, state), lambda _: conversion)


def _is_empty(found: Any, kind: type) -> bool:
    return type(found) is kind and not found


def makes_blanks(stamp: Stamp) -> bool:
    """Tell whether *stamp* makes an object without running code of its class."""
    new: Any = stamp.cls.__new__
    return _is_builtin(new) and (stamp.func is new or hasattr(stamp.func, MAKES_BLANKS))


def _is_builtin(function: object) -> bool:
    return type(function) is types.BuiltinFunctionType
