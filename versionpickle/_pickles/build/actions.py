"""What waits until the bytes are read: all that runs code of others, in its order."""

from __future__ import annotations

import enum

from collections.abc import Callable, Iterable
from typing import Any

from versionpickle._classes.conversion import is_pending
from versionpickle._classes.layout import layout_of
from versionpickle._classes.plain import restore
from versionpickle._classes.unstamped import Unstamped
from versionpickle._pickles.machine.machine import Machine
from versionpickle._pickles.value_types import FROZENDICT
from versionpickle._wire.stamp import Stamp, is_stamped
from versionpickle.exceptions import StepError

from .attribute_names import with_text_names
from .deferred import Copies, Deferred, Making, NotMadeError, meaning
from .finder import Finder, Former, reconstruct


_NO_KEYWORDS: dict[str, Any] = {}


class DeferredActions(Machine):
    """Carry out, when the bytes have turned out good, what waited for that."""

    def __init__(self, data: bytes, finder: Finder, **text: str) -> None:
        super().__init__(data, **text)
        self._finder = finder
        self._met = finder.met
        self._coming: list[tuple[int, Callable[..., None], tuple[Any, ...]]] = []
        self._blank: dict[int, tuple[Any, Unstamped, str | None, int]] = {}
        self._unfilled: dict[int, tuple[Any, int]] = {}
        self._items: dict[int, list[Callable[[], None]]] = {}
        self._late: dict[int, list[tuple[int, Callable[[], None]]]] = {}
        self._parts: dict[int, tuple[Any, Any]] = {}
        """Of tuples that must still be made, and dicts that must still be filled: what with."""

        self._awaited: dict[int, list[Deferred]] = {}
        """What containers will hold once it is made."""

        self._postponed: dict[int, Deferred] = {}
        """By object: what its state waits for."""

        self._copies = Copies()
        self.is_calling = False
        """Whether a class or function runs, whose errors are its own."""

    def _then(self, action: Callable[..., None], *args: Any) -> None:
        self._coming.append((self.at, action, args))

    def _later(self, make: Callable[[], Any]) -> Deferred:
        """Make an object when the bytes are read; until then, something stands for it."""
        self.packs_plainly = False
        stand_in = Deferred(self.at)
        self._then(self._make, stand_in, make)
        return stand_in

    def later_of_state(self, making: Making) -> Deferred:
        """Make an object when its state is there."""
        self.packs_plainly = False
        stand_in = Deferred(self.at)
        stand_in.making, stand_in.decide = making, self._decide
        self._then(self._make_bare, stand_in)
        return stand_in

    def _make_bare(self, stand_in: Deferred) -> None:
        """Make an object of a state that is not there."""
        if stand_in.making is not None and not stand_in.gets_state:
            stand_in.become(stand_in.making.make(None))

    def _carry_out(self) -> None:
        for at, action, args in self._coming:
            self.at = at
            action(*args)
        _ = [value.made for value in self._postponed.values()]  # or say which is not
        for obj, hooks, ref, made_at in list(self._blank.values()):
            self.at = made_at
            hooks.restore(obj, None, ref)
            self._put_items(obj)
        for puts in self._late.values():
            for at, put in puts:
                self.at = at
                put()

    def _make(self, stand_in: Deferred, make: Callable[[], Any]) -> None:
        if stand_in.is_made:
            return
        made = make()
        if type(made) is not Making:
            if stand_in.gets_state:
                self._unfilled[id(made)] = (made, self.at)
            stand_in.become(made)
        else:
            stand_in.making, stand_in.decide = made, self._decide
            self._make_bare(stand_in)

    def _decide(self, stand_in: Deferred) -> None:
        """Make a blank object of the class that its state, as far as it is there, leads to."""
        assert stand_in.making is not None
        state = self._opaque(stand_in.state)
        conversion = stand_in.making.conversion(state)
        try:
            cls: Any = None if conversion is None else conversion.decide(state)
        except StepError as exc:
            if not isinstance(exc.__cause__, NotMadeError):
                raise
            return
        if cls is not None:
            made = cls.__new__(cls)
            self._unfilled[id(made)] = (made, stand_in.made_at)
            stand_in.become(made)

    def parts_of(self, container: Any) -> Any:
        """Return what a tuple or dict is made of, of which not all need be there."""
        return self._parts.get(id(container), (container, container))[1]

    def _opaque(self, state: Any) -> Any:
        """Return what is there of a state, and something opaque for the rest."""
        parts = self.parts_of(state)
        shown = self._copies.of
        if type(state) is dict:
            return {meaning(key): shown(value) for key, value in dict(parts).items()}
        if type(parts) is tuple:
            return tuple([self._opaque(p) if type(p) is dict else shown(p) for p in parts])
        return parts

    def _run(self, function: Any, args: Any, kwargs: Any = _NO_KEYWORDS) -> Any:
        """Call what may be anybody's, with arguments that are whole."""
        for arg in args:
            if id(arg) in self._late:
                raise NotMadeError(self._late[id(arg)][0][0])
            for value in self._awaited.get(id(arg), ()):
                _ = value.made  # a call may copy what is in a container before that is there
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
        if hooks.made_from_state:
            return Making(
                lambda state: hooks.make(values, state, ref),
                lambda state: hooks.conversion(state, ref),
            )
        return hooks.remake(values, ref) if hooks.immutable else None

    def _note(self, obj: Any, ref: str | None) -> Any:
        """Remember an object that was made without a stamp, until it has its state."""
        hooks = self._met.get(type(obj))
        if hooks is not None and not isinstance(obj, enum.Enum):  # whose members have their state
            self._blank[id(obj)] = (obj, hooks, ref, self.at)
            self._unfilled[id(obj)] = (obj, self.at)
        return obj

    def _build(self, obj: Any, state: Any) -> None:
        state = meaning(state)
        awaited = self._awaited_in(state)
        if type(obj) is Deferred and obj.making is not None:
            for value in awaited:
                _ = value.made
            if self.takes_bytes:
                state = with_text_names(state)
            if obj.is_made:
                self._unfilled.pop(id(obj.made), None)
                obj.making.conversion(state).fill(obj.made, state)
            else:
                obj.become(obj.making.make(state))
            return
        if awaited:  # a cycle leads through them
            self._postpone(awaited[0], obj, state)
            return
        obj = meaning(obj)
        self._unfilled.pop(id(obj), None)
        _, hooks, ref, _ = self._blank.pop(id(obj), (obj, None, None, 0))
        if self.takes_bytes and not _reads_itself(obj, hooks):
            state = with_text_names(state)
        if is_stamped(state) and is_pending(state[0]):
            state[0].fill(obj, state)
        elif hooks is not None and not is_stamped(state):
            hooks.restore(obj, state, ref)
        else:
            restore(obj, state)
        self._put_items(obj)

    def _awaited_in(self, state: Any) -> list[Deferred]:
        """Return what a state will hold as soon as it is made."""
        dicts = state if type(state) is tuple else (state,)
        known = (value for part in dicts for value in self._awaited.get(id(part), ()))
        return [value for value in known if not value.is_made]

    def _postpone(self, value: Deferred, obj: Any, state: Any) -> None:
        """Give *obj* its state when *value* is made."""
        self._postponed[id(obj)] = value

        def build(_: Any) -> None:
            del self._postponed[id(obj)]
            self._build(obj, state)

        value.when_made(build)

    # Items

    def put_members(self, obj: set[Any], items: list[Any]) -> None:
        obj.update(items)

    def is_coming(self, obj: Any) -> bool:
        """Tell whether this is made of its state, which comes later."""
        return type(obj) is Deferred and obj.making is not None and not obj.is_made

    def _extend(self, obj: Any, items: list[Any]) -> None:
        if self.is_coming(obj):
            obj.when_made(lambda made: self._extend(made, items))
            return
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
        if type(value) is not Deferred:
            container[place] = meaning(value)
            return
        container[place] = None
        value.when_made(lambda made: container.__setitem__(place, made))
        if not value.is_made:
            self._awaited.setdefault(id(container), []).append(value)

    def _add(self, obj: Any, items: list[Any]) -> None:
        if self.is_coming(obj):
            obj.when_made(lambda made: self._add(made, items))
            return
        obj, items = meaning(obj), [meaning(item) for item in items]
        self._when_hashable(obj, items, lambda: _each(obj.add, items))

    def _update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        if self.is_coming(obj):
            obj.when_made(lambda made: self._update(made, pairs))
            return
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
            if type(item) in {tuple, frozenset, FROZENDICT} and id(item) not in seen:
                coming += item.values() if type(item) is FROZENDICT else item
                seen.add(id(item))
            elif id(item) in self._unfilled and _hashes_by_value(type(item)):
                return self._unfilled[id(item)][1]
        return None


def _reads_itself(obj: Any, hooks: Unstamped | None) -> bool:
    """Tell whether a class has its own way to read its state, which knows what it wrote."""
    layout = layout_of(type(obj), ()) if hooks is None else hooks.codec.layout
    return layout.restores_itself


def _plain(maker: Any) -> tuple[Any, str | None]:
    """Return a class or function, and the former name that it was found under."""
    if type(maker) is Deferred:
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
