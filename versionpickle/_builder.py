"""Two readers made of the machine: one builds what C's cannot, one lists what is refused."""

from __future__ import annotations

import copyreg

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from ._finder import Finder, Former, Refused, reconstruct
from ._hooks import Hooks, set_attributes
from ._machine import Machine
from ._stamp import Stamp
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
        self._blank: dict[int, tuple[Any, Hooks, str | None]] = {}
        self._named_args: dict[int, tuple[Any, Any]] = {}
        self._items: dict[int, list[Callable[[], None]]] = {}

    def run(self) -> Any:
        found = _class_of(super().run())
        for obj, hooks, ref in list(self._blank.values()):
            hooks.restore(obj, None, ref)
            self._put_items(obj)
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
        return self.find(*key)

    def next_buffer(self) -> Any:
        if self._buffers is None:
            raise DamagedError("it refers to buffers outside, and buffers= was not given")
        return next(self._buffers)

    def call(self, function: Any, args: Any) -> Any:
        ref = None
        if isinstance(function, Former):
            function, ref = function.cls, function.ref
        if function is reconstruct and args:
            _, named = self._named_args.get(id(args), (args, args))
            ref = named[0].ref if isinstance(named[0], Former) else None
        made = function(*args)
        return made if _is_ours(function) else self._note(made, ref)

    def new(self, cls: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        ref = None
        if isinstance(cls, Former):
            cls, ref = cls.cls, cls.ref
        if not isinstance(cls, type):
            return cls(*args, **kwargs)
        hooks = self._met.get(cls)
        if hooks is not None and (args or kwargs):
            hooks.check_arguments()
        return self._note(cls.__new__(cls, *args, **kwargs), ref)

    def _note(self, obj: Any, ref: str | None) -> Any:
        """Remember an object that was made without a stamp, until it has its state."""
        hooks = self._met.get(type(obj))
        if hooks is not None:
            self._blank[id(obj)] = (obj, hooks, ref)
        return obj

    def build(self, obj: Any, state: Any) -> Any:
        state = _class_of(state)
        _, hooks, ref = self._blank.pop(id(obj), (obj, None, None))
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

    def plain(self, items: list[Any]) -> list[Any]:
        return [_class_of(item) for item in items]

    def pack(self, items: list[Any]) -> tuple[Any, ...]:
        packed = tuple(map(_class_of, items))
        if any(isinstance(item, Former) for item in items):
            self._named_args[id(packed)] = (packed, tuple(items))
        return packed

    def extend(self, obj: Any, items: list[Any]) -> None:
        items = self.plain(items)
        if hasattr(obj, "extend"):
            self._when_built(obj, lambda: obj.extend(items))
        else:
            self._when_built(obj, lambda: _each(obj.append, items))

    def add(self, obj: Any, items: list[Any]) -> None:
        self._when_built(obj, lambda: _each(obj.add, items))

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        def put() -> None:
            for key, value in pairs:
                obj[_class_of(key)] = _class_of(value)

        self._when_built(obj, put)


def _each(function: Callable[[Any], Any], items: list[Any]) -> None:
    for item in items:
        function(item)


def _class_of(found: Any) -> Any:
    return found.cls if isinstance(found, Former) else found


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


class _Inert:
    """Stand for any object while nothing is built."""


def _inert(*_: object) -> Any:
    return _Inert()


class Lister(Machine):
    """List the names in a pickle that a finder refuses; build nothing."""

    def __init__(self, file: Any, finder: Finder) -> None:
        super().__init__(file, encoding="bytes")
        self._finder = finder
        self.refused: list[str] = []

    def find(self, module: str, name: str) -> Any:
        try:
            self._finder.find(module, name)
        except Refused as refused:
            self.refused.append(str(refused))
        return _Inert()

    find_persistent = find_extension = next_buffer = cast(Any, _inert)
    call = new = build = extend = add = update = cast(Any, _inert)
