"""A builder for pickles from anyone, which refuses what no pickler writes."""

from __future__ import annotations

import collections
import copyreg
import sys
import types

from collections.abc import Callable, Iterable
from typing import Any

from versionpickle._classes.instrument import instrumentation_of
from versionpickle._classes.placeholder import is_placeholder, keep
from versionpickle._classes.plain import restore
from versionpickle._pickles.build.builder import makes_blanks
from versionpickle._pickles.build.deferred import SETTLED, Deferred, meaning
from versionpickle._pickles.build.finder import Former, Refused, reconstruct
from versionpickle._pickles.load.refusals import forbidden
from versionpickle._pickles.value_types import FROZENDICT
from versionpickle._wire import calls
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import Stamp
from versionpickle.exceptions import ForbiddenError

from .call_policy import hashed_by
from .called import named, plainly
from .open_objects import FREE, TAKEN, WANTED, Claimed
from .state_policy import StatePolicy, is_dunder


class UntrustedReader(StatePolicy):
    """
    Build objects within limits, and of nothing but what picklers write.

    Names that the load does not know are noted, and all refused at the end of the
    bytes; until then nothing runs that is not the standard library's or ours.
    """

    packs_plainly = False

    def __init__(self, *args: Any, is_all: bool, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._is_all = is_all
        self.was_read = False
        """Whether the bytes have turned out good."""

        self._blanks: dict[int, Claimed] = {}
        """By stamp that makes objects without running code: the state that they want."""

        self._sizes: dict[int, int] = {}
        """How long such states are."""

        self._unknown: list[str] = []

    def start_from(self, memo: dict[int, Any]) -> None:
        super().start_from(memo)
        self.keep_memo(memo)

    def read(self) -> Any:
        try:
            self.check_announced()
            found = super().read()
            if self._is_all and self.position != self.end:
                self.refuse(f"{self.end - self.position} bytes follow after its end")
            if self.stack or self.marks:
                self.refuse("objects are left over at its end")
            self.at = self.position - 1
            self.close(-1)
            self.check_data([found])
        except Exception:
            if self._unknown:
                raise self._forbidden() from None
            raise
        if self._unknown:
            raise self._forbidden()
        self._finder.confirm()
        self.was_read = True
        return found

    def can_be_mapped(self) -> bool:
        return self.was_read and self.budget.made <= _MAPPED_MAX

    def _forbidden(self) -> ForbiddenError:
        return forbidden(self._unknown)

    # Names

    def find(self, module: str, name: str) -> Any:
        self.budget.count()
        try:
            found = super().find(module, name)
        except Refused as refused:
            self._unknown.append(str(refused))
            self.budget.hurry()
            if len(self._unknown) > _UNKNOWN_MAX:
                raise self._forbidden() from None
            found = Deferred(self.at)
        return self.know(found)

    def find_extension(self, code: int) -> Any:
        self.refuse(f"extension code {code} stands for a name")

    def find_persistent(self, key: Any) -> Any:
        self.close()
        if self._persistent is None:
            return super().find_persistent(key)
        persistent = self._persistent
        self.budget.count(_PERSISTENT_WEIGHT)
        return self._later(lambda: persistent(meaning(key)))

    def read_only(self, buffer: Any) -> Any:
        self.budget.count(_VIEW_WEIGHT)
        return super().read_only(buffer)

    # Calls

    def call(self, function: Any, args: Any) -> Any:
        self.close()
        self.budget.count()
        if type(args) is tuple and not args and id(function) in self._blanks:
            made = function()
            self._unfilled[id(made)] = (made, self.at)
            return self.open(made, self._blanks[id(function)])
        given = self.given(args)
        self.check_call(function, given)
        if self.is_attribute(function):
            if len(given) != 2 or type(given[1]) is not str:
                self.refuse("getattr is called for what is no name")
            return self.know(function(*args)) if _is_of_class(args) else self._later_call(args)
        made = self._made_blank(function, given)
        if made is not None:
            return made
        made = super().call(function, args)
        if type(made) is Stamp:
            return self._checked_stamp(made)
        if function is keep:
            self.budget.count(_CLASS_WEIGHT)
        self.budget.deepen(made, (args,))
        return self._opened_call(made, function, given)

    def _made_blank(self, function: Any, given: list[Any]) -> Any:
        """Make what newer protocols have opcodes for; None for any other call."""
        if function is copyreg.__newobj__:  # type: ignore[attr-defined] # known to pickle alone
            return self.new(given[0], super().pack(given[1:]), {})
        if function is copyreg.__newobj_ex__:  # type: ignore[attr-defined] # as above
            return self.new(*given)
        if function is reconstruct and given[1] is object and not is_placeholder(given[0]):
            return self.new(given[0], (), {})
        return None

    def _later_call(self, args: Any) -> Any:
        attribute = self._finder._attribute
        return self._later(lambda: attribute(*meaning(args)))

    def _opened_call(self, made: Any, function: Any, given: list[Any]) -> Any:
        if type(function) is Stamp:
            by_values = function.claim.is_by_values
            return self.open(made, (FREE if by_values else WANTED, function))
        if function is calls.make:
            return self.open(made, self._claimed_by_call(given))
        if function is calls.rebuild:
            return self.open(made, (TAKEN, None))
        return made if function in _WHOLE_CALLS else self.open(made)

    def _claimed_by_call(self, given: list[Any]) -> Claimed:
        stamp = given[0]
        if len(given) == 5:
            return TAKEN, stamp
        return FREE if instrumentation_of(stamp.cls) is None else WANTED, stamp

    def _checked_stamp(self, stamp: Stamp) -> Stamp:
        self.budget.count(_STAMP_WEIGHT)
        for name in stamp.claim.names:
            if is_dunder(name) and name not in self.declared_names(stamp):
                self.refuse(f"a field of {stamp.claim.ref} is named {shortened(name)}")
        if not stamp.claim.is_by_values and makes_blanks(stamp):
            claimed = self._blanks[id(stamp)] = (WANTED, stamp)
            if stamp.claim.fields is not None:
                self._sizes[id(claimed)] = 1 + len(stamp.claim.names)
        return stamp

    # Blank objects

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        self.close()
        self.budget.count()
        self.check_makes(cls)
        self.check_keywords(kwargs)
        plain = plainly(cls)
        given = self.given(args)
        if given and not kwargs and self._finder.is_pure(plain) and plain in _MADE_BY_NEW:
            return self.call(cls, args)
        if isinstance(plain, type) and (given or kwargs):
            self.check_base(plain, given)
            if self._finder.is_pure(plain):
                self.refuse(f"{plain.__qualname__} is made of {named(args)} without a call")
        elif isinstance(plain, type):
            self.check_blank(plain)
        made = super().new(cls, args, kwargs)
        self.budget.deepen(made, (args,))
        is_wanting = self._finder.is_pure(plain) and plain is not object
        return self.open(made, (WANTED if is_wanting else FREE, None))

    # Containers

    def pack(self, items: list[Any]) -> Any:
        self.close()
        self.budget.count()
        self.budget.hold(len(items))
        nested = [item for item in items if type(item) not in _FLAT]
        packed = super().pack(items) if nested else tuple(items)
        self.budget.forget(packed)
        if nested:
            self.check_arguments(nested)
            self.budget.deepen(packed, nested)
            if any(type(item) is Former for item in nested):
                self._parts[id(packed)] = (packed, (*items,))
        return packed

    def new_list(self, items: list[Any]) -> Any:
        made: list[Any] = []
        self._begin(made, items)
        if items:
            super().extend(made, items)
        return made

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        made: dict[Any, Any] = {}
        self._begin(made, [part for pair in pairs for part in pair])
        if pairs:
            super().update(made, pairs)
        return made

    def new_set(self) -> Any:
        made: set[Any] = set()
        self._begin(made, (), _SET_WEIGHT)
        return made

    def new_frozenset(self, items: list[Any]) -> Any:
        self.close()
        self.budget.count(_SET_WEIGHT)
        self.budget.hold(len(items))
        if self.are_settled(items):
            self.budget.charge(None, items)
        made = super().new_frozenset(items)
        self.budget.forget(made)
        self._take_in(made, items)
        return made

    def _begin(self, made: Any, parts: Any, weight: int = 1) -> None:
        self.close()
        self.budget.count(weight)
        self.budget.forget(made)
        self.open(made)
        if parts:
            self.budget.hold(len(parts))
            self._take_in(made, parts)

    def _take_in(self, obj: Any, parts: Iterable[Any]) -> None:
        self.check_data(parts)
        self.budget.deepen(obj, parts)

    def extend(self, obj: Any, items: list[Any]) -> None:
        self.hold(obj, len(items))
        self._take_in(obj, items)
        super().extend(obj, items)

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        self.hold(obj, len(pairs))
        self._take_in(obj, [part for pair in pairs for part in pair])
        super().update(obj, pairs)

    def add(self, obj: Any, items: list[Any]) -> None:
        self.hold(obj, len(items))
        if type(obj) is not set:
            self.refuse(f"members are added to {named(obj)}")
        self._take_in(obj, items)
        super().add(obj, items)

    def are_settled(self, keys: Iterable[Any]) -> bool:
        return self.budget.are_settled(keys)

    def put_pairs(self, obj: dict[Any, Any], pairs: list[tuple[Any, Any]]) -> None:
        for start in range(0, len(pairs), _BATCH):
            batch = pairs[start : start + _BATCH]
            self.budget.look_at_the_clock()
            self.budget.charge(obj, [key for key, _ in batch])
            super().put_pairs(obj, batch)

    def put_members(self, obj: set[Any], items: list[Any]) -> None:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            self.budget.look_at_the_clock()
            self.budget.charge(obj, batch)
            super().put_members(obj, batch)

    # States

    def build(self, obj: Any, state: Any) -> Any:
        self.check_open(obj)
        self.budget.be_as_deep(obj, state)
        claimed = self.claimed()
        if (
            type(state) is tuple
            and (size := self._sizes.get(id(claimed)))
            and len(state) == size
            and state[0] is claimed[1]
            and [*map(type, state)].count(Stamp) == 1
        ):
            self.note_state()
            self._coming.append((self.at, self.fill, (obj, state)))
            return obj
        self.take_state(obj, state)
        return super().build(obj, state)

    def fill(self, obj: Any, state: tuple[Any, ...]) -> None:
        self.budget.note_state()
        self._unfilled.pop(id(obj), None)
        restore(obj, state)

    # What waits

    def _run(self, function: Any, args: Any, kwargs: Any = types.MappingProxyType({})) -> Any:
        self.budget.look_at_the_clock()
        if function is calls.set_state:
            self.check_state(args[0], args[1], self.stamp_of(args[0]))
        self.check_made(function, args)
        self.budget.charge(None, hashed_by(function, args))
        made = super()._run(function, args, kwargs)
        self.budget.count(_weight(made) if self._finder.is_pure(function) else 1)
        return made

    def _extend(self, obj: Any, items: list[Any]) -> None:
        self._check_holds(obj, list, collections.deque)
        super()._extend(obj, items)

    def _update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        self._check_holds(obj, dict)
        super()._update(obj, pairs)

    def _check_holds(self, obj: Any, *kinds: type) -> None:
        """Refuse items for what holds none: a method of that name may do anything."""
        if self.is_coming(obj):
            return
        obj = meaning(obj)
        if self.is_value(obj) and not isinstance(obj, kinds):
            self.refuse(f"items are put into {named(obj)}")

    def _when_hashable(self, obj: Any, items: list[Any], put: Callable[[], None]) -> None:
        def charged() -> None:
            self.budget.look_at_the_clock()
            self.budget.charge(obj, items)
            put()

        super()._when_hashable(obj, items, charged)

    def _frozen(self, items: list[Any]) -> Any:
        if self._hashed_early(items) is None:
            self.budget.charge(None, items)
        return super()._frozen(items)

    def _hashed(self, kind: Any, args: Any) -> Any:
        items = args[0] if args else []
        if self._hashed_early(items) is None:
            self.budget.charge(None, items)
        return super()._hashed(kind, args)


_MADE_BY_NEW = (collections.UserString, FROZENDICT)
"""The value types whose arguments pickle gives to `__new__`; the others are called."""

_WHOLE_CALLS = (calls.member, calls.set_state)
_FLAT = frozenset({*SETTLED, Stamp})
_BATCH = 512
_SET_WEIGHT = 4
_STAMP_WEIGHT = 250
"""A stamp that is new takes a few thousandths of a second."""

_CLASS_WEIGHT = 100
_PERSISTENT_WEIGHT = 8
_VIEW_WEIGHT = 4
_UNKNOWN_MAX = 100
_ZONE_WEIGHT = 500
"""A zone is read from its file each time."""

_UNIT = 64
_MAPPED_MAX = 20_000


def _weight(made: Any) -> int:
    """Return for how many objects a value counts beside itself."""
    if type(made).__module__ == "zoneinfo":
        return _ZONE_WEIGHT
    return 0 if type(made) is Deferred else sys.getsizeof(made) // _UNIT


def _is_of_class(args: Any) -> bool:
    return type(args) is tuple and len(args) == 2 and isinstance(args[0], type)
