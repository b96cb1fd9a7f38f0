"""A reader made of the machine that builds: what C's unpickler builds, and what it cannot."""

from __future__ import annotations

import copyreg
import enum
import types

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._finder import Finder, Former, reconstruct
from ._hooks import Hooks, restore
from ._machine import Machine
from ._names import shortened
from ._plan import NotMadeError, StandIn, is_settled, meaning
from ._stamp import Stamp
from .exceptions import DamagedError


_NO_KEYWORDS: dict[str, Any] = {}


class Builder(Machine):
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
        super().__init__(data, encoding=encoding, errors=errors)
        self._find = find
        self._finder = finder
        self._met = finder.met
        self._persistent = persistent
        self._buffers = buffers
        self._coming: list[tuple[int, Callable[..., None], tuple[Any, ...]]] = []
        self._blank: dict[int, tuple[Any, Hooks, str | None, int]] = {}
        self._unfilled: dict[int, tuple[Any, int]] = {}
        self._former_args: dict[int, tuple[Any, Former]] = {}
        self._items: dict[int, list[Callable[[], None]]] = {}
        self._late: dict[int, list[tuple[int, Callable[[], None]]]] = {}
        self._unsettled: dict[int, Any] = {}
        self.is_calling = False
        """Whether a class or function runs, whose errors are its own."""

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
        if type(function) is Stamp and _is_empty(args, tuple) and makes_blanks(function):
            made = function()
            self._unfilled[id(made)] = (made, self.at)
            return made
        if type(args) is tuple and self._finder.is_pure(function) and is_settled(args):
            return self._run(function, args)
        if function is reconstruct and type(args) is tuple and len(args) == 3:
            cls, base, state = args
            _, cls = self._former_args.get(id(args), (args, cls))
            if base is object and state is None:
                return self.new(cls, (), {})
            return self._later(lambda: self._reconstruct(cls, base, state))
        return self._later(lambda: self._call(function, meaning(args)))

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        plain: Any = cls.cls if type(cls) is Former else cls
        if _is_empty(args, tuple) and _is_empty(kwargs, dict) and self._is_made_blank(plain):
            return self._note(plain.__new__(plain), cls.ref if plain is not cls else None)
        return self._later(lambda: self._new(cls, meaning(args), meaning(kwargs)))

    def _is_made_blank(self, cls: Any) -> bool:
        if not isinstance(cls, type) or not _is_builtin(cls.__new__):
            return False
        hooks = self._met.get(cls)
        return hooks is None or not (hooks.remakes or hooks.rebuilds)

    def pack(self, items: list[Any]) -> Any:
        if any(type(item) is StandIn for item in items):
            return self._later(lambda: tuple([meaning(item) for item in items]))
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

    def put_members(self, obj: set[Any], items: list[Any]) -> None:
        obj.update(items)

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
        if any(type(value) is StandIn for value in values):
            self._unsettled[id(obj)] = obj
        return id(obj) in self._unsettled

    def build(self, obj: Any, state: Any) -> Any:
        if type(obj) is StandIn:
            obj.gets_state = True
        else:
            self._unfilled.setdefault(id(obj), (obj, self.at))
        self._then(self.filler(obj, state), obj, state)
        return obj

    def filler(self, obj: Any, state: Any) -> Callable[[Any, Any], None]:
        """Return what gives *obj* its state."""
        is_there = type(obj) is not StandIn and id(obj) not in self._blank
        return self.fill if is_there and _is_stamped(state) else self._build

    def fill(self, obj: Any, state: tuple[Any, ...]) -> None:
        """Give an object that is there the state with its stamp."""
        self._unfilled.pop(id(obj), None)
        restore(obj, state)

    # What waits

    def _then(self, action: Callable[..., None], *args: Any) -> None:
        self._coming.append((self.at, action, args))

    def _later(self, make: Callable[[], Any]) -> StandIn:
        """Make an object when the bytes are read; until then, something stands for it."""
        self.packs_plainly = False
        stand_in = StandIn(self.at)
        self._then(self._make, stand_in, make)
        return stand_in

    def _carry_out(self) -> None:
        for at, action, args in self._coming:
            self.at = at
            action(*args)
        for obj, hooks, ref, made_at in list(self._blank.values()):
            self.at = made_at
            hooks.restore(obj, None, ref)
            self._put_items(obj)
        for puts in self._late.values():
            for at, put in puts:
                self.at = at
                put()

    def _make(self, stand_in: StandIn, make: Callable[[], Any]) -> None:
        made = make()
        if type(made) is not Rebuilding:
            if stand_in.gets_state:
                self._unfilled[id(made)] = (made, self.at)
            stand_in.become(made)
        elif stand_in.gets_state:
            stand_in.rebuild = made.rebuild
        else:
            stand_in.become(made.rebuild(None))

    def _run(self, function: Any, args: Any, kwargs: Any = _NO_KEYWORDS) -> Any:
        """Call what may be anybody's, with arguments that are whole."""
        for arg in args:
            if id(arg) in self._late:
                raise NotMadeError(self._late[id(arg)][0][0])
        self.is_calling = True
        made = function(*args, **kwargs)
        self.is_calling = False
        return made

    def _call(self, function: Any, args: Any) -> Any:
        plain, ref = _plain(function)
        made = self._from_values(plain, args, ref)
        if made is not None:
            return made
        if plain is set or plain is frozenset:
            return self._hashed(plain, args)
        made = self._run(plain, args)
        return made if _is_ours(plain) else self._note(made, ref)

    def _hashed(self, kind: Any, args: Any) -> Any:
        """Make a set of what may be hashed too early, as protocols below 4 do."""
        items: list[Any] = args[0] if len(args) == 1 and type(args[0]) is list else []
        early = self._hashed_early(items)
        if early is None:
            return self._run(kind, args)
        if kind is frozenset:
            raise NotMadeError(early)
        made: set[Any] = set()
        self._late[id(made)] = [(self.at, lambda: self.put_members(made, items))]
        return made

    def _new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        plain, ref = _plain(cls)
        if not isinstance(plain, type):  # a function that stands for a class
            return self._run(plain, args, kwargs)
        made = self._from_values(plain, args, ref)
        if made is not None:
            return made
        hooks = self._met.get(plain)
        if hooks is not None and (args or kwargs):
            hooks.check_arguments()
        return self._note(self._run(plain.__new__, (plain, *args), kwargs), ref)

    def _reconstruct(self, cls: Any, base: Any, state: Any) -> Any:
        plain, ref = _plain(cls)
        made = self._from_values(plain, state, ref)
        if made is not None:
            return made
        return self._note(self._run(reconstruct, (plain, base, state)), ref)

    def _from_values(self, cls: Any, values: Any, ref: str | None) -> Any:
        """Make an object that nothing can fill later; None for any other class."""
        hooks = self._met.get(cls) if isinstance(cls, type) else None
        if hooks is None:
            return None
        if hooks.rebuilds:
            return Rebuilding(lambda state: hooks.rebuild(values, state, ref))
        return hooks.remake(values, ref) if hooks.remakes else None

    def _note(self, obj: Any, ref: str | None) -> Any:
        """Remember an object that was made without a stamp, until it has its state."""
        hooks = self._met.get(type(obj))
        if hooks is not None and not isinstance(obj, enum.Enum):  # whose members have their state
            self._blank[id(obj)] = (obj, hooks, ref, self.at)
            self._unfilled[id(obj)] = (obj, self.at)
        return obj

    def _build(self, obj: Any, state: Any) -> None:
        state = meaning(state)
        if type(obj) is StandIn and obj.rebuild is not None:
            obj.become(obj.rebuild(state))
            return
        obj = meaning(obj)
        self._unfilled.pop(id(obj), None)
        _, hooks, ref, _ = self._blank.pop(id(obj), (obj, None, None, 0))
        if hooks is not None and not _is_stamped(state):
            hooks.restore(obj, state, ref)
        else:
            restore(obj, state)
        self._put_items(obj)

    # Items

    def _extend(self, obj: Any, items: list[Any]) -> None:
        if type(obj) is list:
            for item in items:
                obj.append(None)
                self._put(obj, len(obj) - 1, item)
            return
        obj, items = meaning(obj), [meaning(item) for item in items]
        if hasattr(type(obj), "extend"):
            self._when_built(obj, lambda: obj.extend(items))
        else:
            self._when_built(obj, lambda: _each(obj.append, items))

    def _put(self, container: Any, place: Any, value: Any) -> None:
        """Put a value into its place, also where it is made of a state that leads here."""
        if type(value) is not StandIn:
            container[place] = meaning(value)
            return
        container[place] = None
        value.when_made(lambda made: container.__setitem__(place, made))

    def _add(self, obj: Any, items: list[Any]) -> None:
        obj, items = meaning(obj), [meaning(item) for item in items]
        self._when_hashable(obj, items, lambda: _each(obj.add, items))

    def _update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        obj, keys = meaning(obj), [meaning(key) for key, _ in pairs]

        def put() -> None:
            for key, (_, value) in zip(keys, pairs, strict=True):
                if type(obj) is dict:
                    self._put(obj, key, value)
                else:
                    obj[key] = meaning(value)

        self._when_hashable(obj, keys, put)

    def _frozen(self, items: list[Any]) -> Any:
        early = self._hashed_early(items)
        if early is not None:
            raise NotMadeError(early)
        return frozenset(items)

    def _when_built(self, obj: Any, put: Callable[[], None]) -> None:
        if id(obj) in self._blank:
            self._items.setdefault(id(obj), []).append(put)
        else:
            put()

    def _put_items(self, obj: Any) -> None:
        for put in self._items.pop(id(obj), ()):
            put()

    def _when_hashable(self, obj: Any, items: list[Any], put: Callable[[], None]) -> None:
        """Let *obj* wait for items that are made but not filled: a cycle leads through it."""
        if id(obj) in self._late or self._hashed_early(items) is not None:
            self._late.setdefault(id(obj), []).append((self.at, put))
        else:
            self._when_built(obj, put)

    def _hashed_early(self, items: Iterable[Any]) -> int | None:
        """Return when the first was made of the objects whose hash needs what they lack yet."""
        coming, seen = list(items), set[int]()
        while coming:
            item = coming.pop()
            if type(item) in {tuple, frozenset} and id(item) not in seen:
                coming += item
                seen.add(id(item))
            elif id(item) in self._unfilled and _hashes_by_value(type(item)):
                return self._unfilled[id(item)][1]
        return None


_OUR_MODULES = {"versionpickle._shape"}


class Rebuilding:
    """Make an object of its state, when that is there."""

    def __init__(self, rebuild: Callable[[Any], Any]) -> None:
        self.rebuild = rebuild


def _is_empty(found: Any, kind: type) -> bool:
    return type(found) is kind and not found


def makes_blanks(stamp: Stamp) -> bool:
    """Tell whether *stamp* makes an object without running code of its class."""
    new: Any = stamp.cls.__new__
    return _is_builtin(new) and (stamp.func is new or stamp.func.__module__ in _OUR_MODULES)


def _is_builtin(function: object) -> bool:
    return type(function) is types.BuiltinFunctionType


def _plain(maker: Any) -> tuple[Any, str | None]:
    """Return a class or function, and the former name that it was found under."""
    if type(maker) is StandIn:
        maker = maker.made
    return (maker.cls, maker.ref) if type(maker) is Former else (maker, None)


def _each(function: Callable[[Any], Any], items: list[Any]) -> None:
    for item in items:
        function(item)


def _hashes_by_value(cls: Any) -> bool:
    return cls.__hash__ is not object.__hash__


def _is_ours(function: Any) -> bool:
    """Tell whether what *function* makes is stamped."""
    return type(function) is Stamp or getattr(function, "__module__", None) == "versionpickle"


def _is_stamped(state: Any) -> bool:
    return type(state) is tuple and bool(state) and type(state[0]) is Stamp
