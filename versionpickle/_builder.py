"""Two readers made of the machine: one builds what C's cannot, one lists what is refused."""

from __future__ import annotations

import copyreg

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ._finder import Finder, Former, Refused, reconstruct
from ._hooks import Hooks, set_attributes
from ._machine import Machine
from ._stamp import Stamp
from ._tree import TreeReader
from .exceptions import DamagedError


class Builder(Machine):
    """
    Build objects as pickle does, and what it cannot.

    A function may stand for a class, a class may have been known by names of
    different versions, need not carry hooks, and gets its items after its state.
    """

    def __init__(
        self,
        file: Any,
        find: Callable[[str, str], Any],
        met: Mapping[type, Hooks],
        *,
        encoding: str,
        errors: str,
        persistent: Callable[[Any], Any] | None,
        buffers: Iterator[Any] | None,
    ) -> None:
        super().__init__(file, encoding=encoding, errors=errors)
        self._find = find
        self._met = met
        self._persistent = persistent
        self._buffers = buffers
        self._blank: dict[int, tuple[Any, Hooks, str | None, int]] = {}
        self._unfilled: dict[int, tuple[Any, int]] = {}
        self._named_args: dict[int, tuple[Any, Any]] = {}
        self._items: dict[int, list[Callable[[], None]]] = {}
        self._late: dict[int, list[tuple[int, Callable[[], None]]]] = {}

    def run(self) -> Any:
        found = _class_of(super().run())
        for obj, hooks, ref, made_at in list(self._blank.values()):
            self.count = made_at
            hooks.restore(obj, None, ref)
            self._put_items(obj)
        for puts in self._late.values():
            for count, put in puts:
                self.count = count
                put()
        return found

    def find(self, module: str, name: str) -> Any:
        return self._find(module, name)

    def find_persistent(self, key: Any) -> Any:
        if self._persistent is None:
            raise DamagedError(
                f"it holds the persistent id {key!r}, and no persistent_load is set"
            )
        return self._persistent(key)

    def find_extension(self, code: int) -> Any:
        key = copyreg._inverted_registry.get(code)  # type: ignore[attr-defined] # known to pickle alone
        if key is None:
            raise DamagedError(f"its extension code {code} is not registered")
        if type(key) is not tuple or [type(part) for part in key] != [str, str]:
            raise DamagedError(f"its extension code {code} is registered for {key!r}, no name")
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

    def call(self, function: Any, args: Any) -> Any:
        ref = None
        if isinstance(function, Former):
            function, ref = function.cls, function.ref
        if function is reconstruct and len(args) == 3:
            _, named = self._named_args.get(id(args), (args, args))
            ref = named[0].ref if isinstance(named[0], Former) else None
            remade = self._remake(args[0], args[2], ref)
        else:
            remade = self._remake(function, args, ref)
        if remade is not None:
            return remade
        made = function(*args)
        if type(function) is Stamp:
            self._unfilled[id(made)] = (made, self.count)
        return made if _is_ours(function) else self._note(made, ref)

    def new(self, cls: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        ref = None
        if isinstance(cls, Former):
            cls, ref = cls.cls, cls.ref
        if not isinstance(cls, type):
            return cls(*args, **kwargs)
        remade = None if kwargs else self._remake(cls, args, ref)
        if remade is not None:
            return remade
        hooks = self._met.get(cls)
        if hooks is not None and (args or kwargs):
            hooks.check_arguments()
        return self._note(cls.__new__(cls, *args, **kwargs), ref)

    def _remake(self, cls: Any, values: Any, ref: str | None) -> Any:
        """Make an object that cannot be filled later; None for any other class."""
        hooks = self._met.get(cls) if isinstance(cls, type) else None
        return hooks.remake(values, ref) if hooks is not None and hooks.remakes else None

    def _note(self, obj: Any, ref: str | None) -> Any:
        """Remember an object that was made without a stamp, until it has its state."""
        hooks = self._met.get(type(obj))
        if hooks is not None:
            self._blank[id(obj)] = (obj, hooks, ref, self.count)
            self._unfilled[id(obj)] = (obj, self.count)
        return obj

    def build(self, obj: Any, state: Any) -> Any:
        state = _class_of(state)
        _, hooks, ref, _ = self._blank.pop(id(obj), (obj, None, None, 0))
        self._unfilled.pop(id(obj), None)
        if hooks is not None and not _is_stamped(state):
            hooks.restore(obj, state, ref)
        else:
            _build_plainly(obj, state)
        self._put_items(obj)
        return obj

    def _put_items(self, obj: Any) -> None:
        for put in self._items.pop(id(obj), ()):
            put()

    def _when_built(self, obj: Any, put: Callable[[], None]) -> None:
        if id(obj) in self._blank:
            self._items.setdefault(id(obj), []).append(put)
        else:
            put()

    # Containers

    def pack(self, items: list[Any]) -> tuple[Any, ...]:
        packed = tuple(map(_class_of, items))
        if any(isinstance(item, Former) for item in items):
            self._named_args[id(packed)] = (packed, tuple(items))
        return packed

    def new_list(self, items: list[Any]) -> Any:
        return _classes_of(items)

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        made: dict[Any, Any] = {}
        self.update(made, pairs)
        return made

    def new_frozenset(self, items: list[Any]) -> Any:
        early = self._hashed_early(items)
        if early is not None:
            raise HashedEarlyError(early)
        return frozenset(_classes_of(items))

    def extend(self, obj: Any, items: list[Any]) -> None:
        items = _classes_of(items)
        if hasattr(obj, "extend"):
            self._when_built(obj, lambda: obj.extend(items))
        else:
            self._when_built(obj, lambda: _each(obj.append, items))

    def add(self, obj: Any, items: list[Any]) -> None:
        self._when_hashable(obj, items, lambda: _each(obj.add, items))

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        def put() -> None:
            for key, value in pairs:
                obj[_class_of(key)] = _class_of(value)

        self._when_hashable(obj, [key for key, _ in pairs], put)

    def _when_hashable(self, obj: Any, items: list[Any], put: Callable[[], None]) -> None:
        """Let *obj* wait for items that are made but not filled: a cycle leads through it."""
        if id(obj) in self._late or self._hashed_early(items) is not None:
            self._late.setdefault(id(obj), []).append((self.count, put))
        else:
            self._when_built(obj, put)

    def _hashed_early(self, items: Iterable[Any]) -> int | None:
        """Return when the first was made of the objects whose hash needs what they lack yet."""
        coming = list(items)
        while coming:
            item = coming.pop()
            if type(item) in {tuple, frozenset}:
                coming += item
            elif id(item) in self._unfilled and _hashes_by_value(type(item)):
                return self._unfilled[id(item)][1]
        return None


class HashedEarlyError(Exception):
    """Say that an object is part of what its hash is needed for; never leaves a load."""

    def __init__(self, made_at: int) -> None:
        super().__init__(made_at)
        self.made_at = made_at


def _each(function: Callable[[Any], Any], items: list[Any]) -> None:
    for item in items:
        function(item)


def _hashes_by_value(cls: Any) -> bool:
    return cls.__hash__ is not object.__hash__


def _class_of(found: Any) -> Any:
    return found.cls if isinstance(found, Former) else found


def _classes_of(found: list[Any]) -> list[Any]:
    return [_class_of(item) for item in found]


def _is_ours(function: Any) -> bool:
    """Tell whether what *function* makes is stamped."""
    return type(function) is Stamp or getattr(function, "__module__", None) == "versionpickle"


def _is_stamped(state: Any) -> bool:
    return type(state) is tuple and bool(state) and type(state[0]) is Stamp


def _build_plainly(obj: Any, state: Any) -> None:
    """Give an object its state as pickle does."""
    setstate = getattr(obj, "__setstate__", None)
    if setstate is None:
        set_attributes(obj, state)
    else:
        setstate(state)


class Lister(TreeReader):
    """List the names in a pickle that a finder refuses."""

    def __init__(self, file: Any, finder: Finder) -> None:
        super().__init__(file, encoding="bytes")
        self._finder = finder
        self.refused: list[str] = []

    def find(self, module: str, name: str) -> Any:
        try:
            self._finder.find(module, name)
        except Refused as refused:
            self.refused.append(str(refused))
        return super().find(module, name)
