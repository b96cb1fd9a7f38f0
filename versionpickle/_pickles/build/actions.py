"""The deferred actions of a load: all calls of foreign code, run in order after reading."""

from __future__ import annotations

import enum
import types

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from versionpickle._classes.conversion import is_pending
from versionpickle._classes.layout import layout_of
from versionpickle._classes.parts import Parts as StoredParts
from versionpickle._classes.parts import copy_of_items, items_out_of, put_items
from versionpickle._classes.placeholder import keep
from versionpickle._classes.plain import restore
from versionpickle._classes.unstamped import Unstamped
from versionpickle._pickles.machine.source import Source
from versionpickle._pickles.value_types import FROZENDICT
from versionpickle._wire import calls, states
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import Stamp, is_stamped
from versionpickle.exceptions import StepError

from .attribute_names import with_text_names
from .deferred import Copies, Deferred, Making, NotMadeError, Parts, resolved
from .finder import Finder, Former, reconstruct
from .policy import Policy


_NO_KEYWORDS: dict[str, Any] = {}
_BATCH = 512


class DeferredActions:
    """Carry out, when the bytes have turned out good, what was deferred until then."""

    def __init__(self, source: Source, finder: Finder, policy: Policy, parts: Parts) -> None:
        self._source = source
        self._policy = policy
        self._parts = parts
        self._versioned = finder.unstamped
        self._todo: list[tuple[int, Callable[..., None], tuple[Any, ...]]] = []
        self._blank: dict[int, tuple[Any, Unstamped, str | None, int]] = {}
        self._made: dict[int, Any] = {}
        """Of these, those that a class or function made, and may have filled."""

        self._with_parts: dict[int, Any] = {}
        """Those that hold items for the steps, until their states come."""

        self._registry = finder.registry
        self._unfilled: dict[int, tuple[Any, int]] = {}
        self._items: dict[int, list[Callable[[], None]]] = {}
        self._late: dict[int, list[tuple[int, Callable[[], None]]]] = {}
        self._awaited: dict[int, list[Deferred]] = {}
        """By container: what it will hold once that is made."""

        self._postponed: dict[int, Deferred] = {}
        """By object: what its state waits for."""

        self._copies = Copies()
        self.is_calling = False
        """Whether a class or function runs, whose errors are its own."""

    # While the bytes are read

    def defer(self, action: Callable[..., None], *args: Any) -> None:
        self._todo.append((self._source.at, action, args))

    def defer_making(self, make: Callable[[], Any]) -> Deferred:
        """Make an object when the bytes are read."""
        deferred = Deferred(self._source.at)
        self.defer(self._make, deferred, make)
        return deferred

    def defer_to_state(self, making: Making) -> Deferred:
        """Make an object when its state is there."""
        deferred = Deferred(self._source.at)
        deferred.making, deferred.decide = making, self._decide
        self.defer(self._make_without_state, deferred)
        return deferred

    def note_unfilled(self, obj: Any) -> None:
        """Note that *obj* is made, and gets its state later."""
        self._unfilled.setdefault(id(obj), (obj, self._source.at))

    def defer_filling(self, obj: Any, state: tuple[Any, ...]) -> bool:
        """Set a state with its stamp later, if *obj* is there and waits for nothing else."""
        if type(obj) is Deferred or id(obj) in self._blank:
            return False
        at = self._source.at
        self._unfilled.setdefault(id(obj), (obj, at))
        self._todo.append((at, self.fill, (obj, state)))
        return True

    # When they are read

    def run(self) -> None:
        for at, action, args in self._todo:
            self._source.at = at
            action(*args)
        _ = [value.result() for value in self._postponed.values()]  # or an error names one
        for obj, instrumentation, ref, made_at in list(self._blank.values()):
            self._source.at = made_at
            del self._blank[id(obj)]
            if id(obj) not in self._made or instrumentation.is_unfinished(obj):
                instrumentation.restore(obj, None, ref)
            self._put_items(obj)
        for puts in self._late.values():
            for at, put in puts:
                self._source.at = at
                put()

    def _make_without_state(self, deferred: Deferred) -> None:
        """Make an object whose state is not in the pickle."""
        if deferred.making is not None and not deferred.gets_state:
            deferred.set_result(deferred.making.make(None))

    def _make(self, deferred: Deferred, make: Callable[[], Any]) -> None:
        if not deferred.done():
            self._set_result(deferred, make())
        self._policy.resolved(deferred)

    def _set_result(self, deferred: Deferred, made: Any) -> None:
        if type(made) is not Making:
            if deferred.gets_state:
                self._unfilled[id(made)] = (made, self._source.at)
            deferred.set_result(made)
        else:
            deferred.making, deferred.decide = made, self._decide
            self._make_without_state(deferred)

    def _decide(self, deferred: Deferred) -> None:
        """Make a blank object of the class to which its state, as far as it is there, leads."""
        assert deferred.making is not None
        state = self._opaque(deferred.state)
        conversion = deferred.making.conversion(state)
        try:
            cls: Any = None if conversion is None else conversion.decide(state)
        except StepError as exc:
            if not isinstance(exc.__cause__, NotMadeError):
                raise
            return
        if cls is not None:
            made = cls.__new__(cls)
            self._unfilled[id(made)] = (made, deferred.made_at)
            deferred.set_result(made)

    def _opaque(self, state: Any) -> Any:
        """Return what is there of a state, and something opaque for the rest."""
        parts = self._parts.of(state)
        copy = self._copies.of
        if type(state) is dict:
            return {resolved(key): copy(value) for key, value in dict(parts).items()}
        if type(parts) is tuple:
            return tuple([self._opaque(p) if type(p) is dict else copy(p) for p in parts])
        return parts

    # Calls and new objects

    def run_call(self, function: Any, args: Any, kwargs: Any = _NO_KEYWORDS) -> Any:
        """Call what may be anybody's, with arguments that are whole."""
        self._policy.before_run(function, args)
        for arg in args:
            if id(arg) in self._late:
                raise NotMadeError(self._late[id(arg)][0][0])
            for value in self._awaited.get(id(arg), ()):
                value.result()  # a call may copy what is in a container before that is there
        self.is_calling = True
        made = function(*args, **kwargs)
        self.is_calling = False
        self._policy.after_run(function, made)
        return made

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what the caller of the load gave."""
        self.is_calling = True
        found = function(*args)
        self.is_calling = False
        return found

    def call(self, function: Any, args: Any) -> Any:
        plain, ref = _plain(function)
        made = self._from_values(plain, args, ref)
        if made is not None:
            return made
        if plain is set or plain is frozenset:
            return self._hashed(plain, args)
        if plain is calls.set_state and len(args) == 2:
            self._expect_parts(*args)
        if type(plain) is Stamp:
            plain.construction.check_arguments(plain, args)
        instrumentation = self._versioned.get(plain) if isinstance(plain, type) else None
        if instrumentation is not None and not self._policy.may_construct(instrumentation):
            made = instrumentation.not_called(args, ref)
        elif instrumentation is not None:
            made = instrumentation.made_by_call(args, self.run_call, ref)
        else:
            made = self.run_call(plain, args)
        return made if _is_ours(plain) else self._note_made(made, plain, ref)

    def _note_made(self, obj: Any, maker: Any, ref: str | None = None) -> Any:
        """Remember an object that a class or function made, and may have given a state."""
        instrumentation = self._versioned.get(type(obj)) or self._declared(type(obj))
        if instrumentation is None or isinstance(obj, enum.Enum):
            return obj
        if instrumentation.made_from_state:
            return Making(
                lambda state: instrumentation.finished(obj, state), instrumentation.conversion
            )
        self._note(obj, instrumentation, ref if isinstance(maker, type) else None)
        self._made[id(obj)] = obj
        return obj

    def _declared(self, cls: type) -> Unstamped | None:
        """Return how objects of a class are filled that the pickle need not name."""
        declared = self._registry.declared(ref_of(cls))
        if declared is None or declared.instrumentation.cls is not cls:
            return None
        unstamped: Unstamped = declared.instrumentation.unstamped
        return unstamped

    def _hashed(self, kind: Any, args: Any) -> Any:
        """Make a set of what may be hashed too early, as protocols below 4 do."""
        items: list[Any] = args[0] if len(args) == 1 and type(args[0]) is list else []
        early = self._hashed_early(items)
        if early is None:
            self._policy.charge(None, items)
            return self.run_call(kind, args)
        if kind is frozenset:
            raise NotMadeError(early)
        made: set[Any] = set()
        self._late[id(made)] = [(self._source.at, lambda: self.put_members(made, items))]
        return made

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        plain, ref = _plain(cls)
        if not isinstance(plain, type):  # a function in place of a class
            return self._note_made(self.run_call(plain, args, kwargs), plain)
        made = self._from_values(plain, args, ref, kwargs)
        if made is not None:
            return made
        instrumentation = self._versioned.get(plain)
        if instrumentation is not None:
            return self.note(instrumentation.made_by_new(args, kwargs, ref, self.run_call), ref)
        return self.note(self.run_call(plain.__new__, (plain, *args), kwargs), ref)

    def reconstruct(self, cls: Any, base: Any, state: Any) -> Any:
        plain, ref = _plain(cls)
        if not isinstance(plain, type):  # a function in place of a class
            made = self.run_call(plain, () if base is object else (state,))
            return self._note_made(made, plain)
        instrumentation = self._versioned.get(plain)
        if instrumentation is not None:
            return self._reconstruct(instrumentation, base, state, ref)
        return self.note(self.run_call(reconstruct, (plain, base, state)), ref)

    def _reconstruct(
        self, instrumentation: Unstamped, base: Any, value: Any, ref: str | None
    ) -> Any:
        made = self._made_of(instrumentation, instrumentation.arguments_of(base, value), ref)
        if made is None:
            return self.note(instrumentation.reconstructed(base, value, self.run_call, ref), ref)
        if not (issubclass(base, list | dict) and type(made) is Making):
            return made
        items = value

        def make(state: Any) -> Any:
            finished = made.make(state)
            put_items(finished, items)
            return finished

        return Making(make, made.conversion)

    def _from_values(self, cls: Any, values: Any, ref: str | None, keywords: Any = None) -> Any:
        """Make an object that nothing can fill later; None for any other class."""
        instrumentation = self._versioned.get(cls) if isinstance(cls, type) else None
        if instrumentation is None:
            return None
        return self._made_of(instrumentation, values, ref, keywords)

    def _made_of(
        self, instrumentation: Unstamped, values: Any, ref: str | None, keywords: Any = None
    ) -> Any:
        if instrumentation.made_from_state:
            return making(
                lambda state, stored: instrumentation.make(stored, state, ref),
                StoredParts(values, keywords),
                instrumentation,
                ref,
            )
        if not instrumentation.immutable:
            return None
        obj = instrumentation.remake(values, ref, keywords)
        self._made[id(obj)] = obj
        return self.note(obj, ref)

    def note(self, obj: Any, ref: str | None) -> Any:
        """Remember an object that was made without a stamp, until it has its state."""
        instrumentation = self._versioned.get(type(obj))
        if instrumentation is not None and not isinstance(
            obj, enum.Enum
        ):  # whose members have their state
            self._note(obj, instrumentation, ref)
        return obj

    def _note(self, obj: Any, instrumentation: Unstamped, ref: str | None) -> None:
        self._blank[id(obj)] = (obj, instrumentation, ref, self._source.at)
        self._unfilled[id(obj)] = (obj, self._source.at)

    # States

    def fill(self, obj: Any, state: tuple[Any, ...]) -> None:
        """Set a state with its stamp on an object that is whole."""
        self._policy.before_fill()
        self._unfilled.pop(id(obj), None)
        self._expect_parts(obj, state)
        _fill(obj, state)

    def build(self, obj: Any, state: Any) -> None:
        self._policy.check_state(obj, state)
        state = resolved(state)
        awaited = self._awaited_in(state)
        if type(obj) is Deferred and obj.making is not None:
            for value in awaited:
                value.result()
            self._build_from_state(obj, obj.making, state)
        elif awaited:  # a cycle leads through them
            self._postpone(awaited[0], obj, state)
        else:
            self._restore(resolved(obj), state)

    def _build_from_state(self, deferred: Deferred, making: Making, state: Any) -> None:
        if self._source.takes_bytes:
            state = with_text_names(state)
        if deferred.done():
            obj = deferred.result()
            self._unfilled.pop(id(obj), None)
            making.conversion(state).fill(obj, state)
        else:
            deferred.set_result(making.make(state))
            self._policy.filled(deferred.result())

    def _restore(self, obj: Any, state: Any) -> None:
        self._unfilled.pop(id(obj), None)
        _, instrumentation, ref, _ = self._blank.pop(id(obj), (obj, None, None, 0))
        if self._source.takes_bytes and not _reads_itself(obj, instrumentation):
            state = with_text_names(state)
        self._expect_parts(obj, state)
        if is_stamped(state) and is_pending(state[0]):
            state[0].fill(obj, state)
        elif instrumentation is not None and not is_stamped(state):
            instrumentation.restore(obj, state, ref)
        elif is_stamped(state):
            _fill(obj, state)
        else:
            restore(obj, state)
        self._policy.filled(obj)
        self._put_items(obj)

    def _expect_parts(self, obj: Any, state: Any) -> None:
        """Let the stamp of a state know that its object holds items for the steps."""
        if self._with_parts.pop(id(obj), None) is not None and is_stamped(state):
            state[0].construction.expect_parts(state[0])

    def _awaited_in(self, state: Any) -> list[Deferred]:
        """Return what a state will hold as soon as it is made."""
        dicts = state if type(state) is tuple else (state,)
        known = (value for part in dicts for value in self._awaited.get(id(part), ()))
        return [value for value in known if not value.done()]

    def _postpone(self, value: Deferred, obj: Any, state: Any) -> None:
        """Give *obj* its state when *value* is made."""
        self._postponed[id(obj)] = value

        def build(_: Any) -> None:
            del self._postponed[id(obj)]
            self.build(obj, state)

        value.add_done_callback(build)

    def build_kept(self, obj: Any, content: Any) -> None:
        """Give an object what a placeholder kept of it."""
        if content["state"] is not None:
            self.build(obj, content["state"])
        if content["items"]:
            self.extend(obj, content["items"])
        if content["pairs"]:
            self.update(obj, content["pairs"])

    # Items

    def put_pairs(self, obj: dict[Any, Any], pairs: list[tuple[Any, Any]]) -> None:
        for start in range(0, len(pairs), _BATCH):
            batch = pairs[start : start + _BATCH]
            self._policy.charge(obj, [key for key, _ in batch])
            for key, value in batch:
                obj[key] = resolved(value)

    def put_members(self, obj: set[Any], items: list[Any]) -> None:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            self._policy.charge(obj, batch)
            obj.update(batch)

    def extend(self, obj: Any, items: list[Any]) -> None:
        if _is_pending(obj):
            if not obj.keeps_items([resolved(item) for item in items]):
                obj.add_done_callback(lambda made: self.extend(made, items))
            return
        self._policy.check_holds(obj, list, deque)
        if type(obj) is list:
            for item in items:
                obj.append(None)
                self._put(obj, len(obj) - 1, item)
            return
        obj, items = resolved(obj), [resolved(item) for item in items]
        if self._keeps_items(obj, items, "extend", "append"):
            return
        if hasattr(type(obj), "extend"):
            self._when_built(obj, lambda: obj.extend(items))
        else:
            self._when_built(obj, lambda: _each(obj.append, items))

    def _put(self, container: Any, key: Any, value: Any) -> None:
        """Set a value, also where it is made of a state that leads here."""
        if type(value) is not Deferred:
            container[key] = resolved(value)
            return
        container[key] = None
        value.add_done_callback(lambda made: container.__setitem__(key, made))
        if not value.done():
            self._awaited.setdefault(id(container), []).append(value)

    def add(self, obj: Any, items: list[Any]) -> None:
        if _is_pending(obj):
            if not obj.keeps_items([resolved(item) for item in items]):
                obj.add_done_callback(lambda made: self.add(made, items))
            return
        obj, items = resolved(obj), [resolved(item) for item in items]
        if self._keeps_items(obj, items, "add"):
            return
        self._when_hashable(obj, items, lambda: _each(obj.add, items))

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        if _is_pending(obj):
            if not obj.keeps_items({resolved(key): resolved(value) for key, value in pairs}):
                obj.add_done_callback(lambda made: self.update(made, pairs))
            return
        self._policy.check_holds(obj, dict)
        obj, keys = resolved(obj), [resolved(key) for key, _ in pairs]
        if type(obj) is not dict and self._keeps_pairs(obj, keys, pairs):
            return

        def put() -> None:
            for key, (_, value) in zip(keys, pairs, strict=True):
                if type(obj) is dict:
                    self._put(obj, key, value)
                else:
                    obj[key] = resolved(value)

        self._when_hashable(obj, keys, put)

    def frozen(self, items: list[Any]) -> Any:
        items = [resolved(item) for item in items]
        early = self._hashed_early(items)
        if early is not None:
            raise NotMadeError(early)
        self._policy.charge(None, items)
        return frozenset(items)

    def _keeps_pairs(self, obj: Any, keys: list[Any], pairs: list[tuple[Any, Any]]) -> bool:
        items = {key: resolved(value) for key, (_, value) in zip(keys, pairs, strict=True)}
        return self._keeps_items(obj, items, "__setitem__")

    def _keeps_items(self, obj: Any, items: Any, *methods: str) -> bool:
        """Let the steps have the items of an object whose class takes none, or whose steps do."""
        instrumentation = self._instrumentation_of(obj)
        if instrumentation is None:
            return False
        _, _, ref, _ = self._blank.get(id(obj), (None, None, None, 0))
        if not instrumentation.leaves_items(methods, ref):
            return False
        instrumentation.keep(obj, StoredParts(items=items), ref)
        self._with_parts[id(obj)] = obj
        return True

    def _instrumentation_of(self, obj: Any) -> Unstamped | None:
        known = self._versioned.get(type(obj))
        if known is None and id(obj) in self._unfilled:
            return self._declared(type(obj))
        return known

    def _when_built(self, obj: Any, put: Callable[[], None]) -> None:
        if id(obj) not in self._blank:
            put()
        elif id(obj) in self._items or not isinstance(obj, list | dict | set | deque):
            self._items.setdefault(id(obj), []).append(put)
        else:
            self._put_first(obj, put)

    def _put_first(self, obj: Any, put: Callable[[], None]) -> None:
        """Put items into a container before its state comes, as pickle does, if that works."""
        before, attributes = copy_of_items(obj), dict(getattr(obj, "__dict__", ()))
        try:
            put()
        except Exception:  # noqa: BLE001 - its methods may need the state; if not, they fail again
            items_out_of(obj)
            put_items(obj, before)
            if hasattr(obj, "__dict__"):
                obj.__dict__.clear()
                obj.__dict__.update(attributes)
            self._items.setdefault(id(obj), []).append(put)

    def _put_items(self, obj: Any) -> None:
        for put in self._items.pop(id(obj), ()):
            put()

    def _when_hashable(self, obj: Any, items: list[Any], put: Callable[[], None]) -> None:
        """Let *obj* wait for items that are made but not filled: a cycle leads through it."""

        def charge_and_put() -> None:
            self._policy.charge(obj, items)
            put()

        if id(obj) in self._late or self._hashed_early(items) is not None:
            self._late.setdefault(id(obj), []).append((self._source.at, charge_and_put))
        else:
            self._when_built(obj, charge_and_put)

    def _hashed_early(self, items: Iterable[Any]) -> int | None:
        """Return when the first was made of the objects whose hash needs what they lack yet."""
        todo, seen = list(items), set[int]()
        while todo:
            item = todo.pop()
            if type(item) in {tuple, frozenset, FROZENDICT} and id(item) not in seen:
                todo += item.values() if type(item) is FROZENDICT else item
                seen.add(id(item))
            elif id(item) in self._unfilled and _hashes_by_value(type(item)):
                return self._unfilled[id(item)][1]
        return None


def making(
    make: Callable[[Any, Any], Any], parts: StoredParts, instrumentation: Any, ref: str | None
) -> Making:
    """Return what makes an object without a stamp of its parts, items and a state."""
    items: list[Any] = []

    def of_state(state: Any) -> Any:
        stored = parts
        for more in items:
            stored = stored.joined(StoredParts(items=more))
        return make(state, stored)

    is_remade = (
        getattr(instrumentation, "declaration", None) is not None
        and instrumentation.declaration.has_factory
    )
    return Making(
        of_state,
        lambda state: instrumentation.conversion(state, ref),
        None if is_remade else items,
    )


def _reads_itself(obj: Any, instrumentation: Unstamped | None) -> bool:
    """Return whether a class has its own way to read its state, which knows what it wrote."""
    layout = layout_of(type(obj), ()) if instrumentation is None else instrumentation.codec.layout
    return layout.restores_itself


def _fill(obj: Any, state: tuple[Any, ...]) -> None:
    """Give an object a state with its stamp, also where its class knows nothing of stamps."""
    if state[0].construction.is_detached:
        state[0].fill(obj, state)
    else:
        restore(obj, state)


def _is_pending(obj: Any) -> bool:
    return type(obj) is Deferred and obj.is_pending()


def _plain(maker: Any) -> tuple[Any, str | None]:
    """Return a class or function, and the former name that it was found under."""
    if type(maker) is Deferred:
        maker = maker.result()
    return (maker.cls, maker.ref) if type(maker) is Former else (maker, None)


def _each(function: Callable[[Any], Any], items: list[Any]) -> None:
    for item in items:
        function(item)


def _hashes_by_value(cls: Any) -> bool:
    return cls.__hash__ is not object.__hash__


def _is_ours(function: Any) -> bool:
    """Return whether what *function* makes is stamped."""
    return type(function) is Stamp or (
        type(function) is types.FunctionType and function in _STAMPING
    )


_STAMPING: frozenset[object] = frozenset(
    {calls.make, calls.member, calls.rebuild, keep, states.state}
)
