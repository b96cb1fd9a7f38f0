"""The policy for untrusted pickles: admit only what picklers write, within limits."""

from __future__ import annotations

import enum
import pathlib
import sys

from collections import UserString
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from versionpickle._classes.instrument import instrumentation_of
from versionpickle._classes.placeholder import keep
from versionpickle._classes.unstamped import Unstamped
from versionpickle._pickles.build.builder import is_attribute, makes_blanks
from versionpickle._pickles.build.deferred import Deferred, Parts, resolved
from versionpickle._pickles.build.finder import Finder, Refused
from versionpickle._pickles.load.refusals import forbidden
from versionpickle._pickles.machine.stack import Stack
from versionpickle._pickles.value_types import FROZENDICT
from versionpickle._wire import calls, states
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import Stamp
from versionpickle.exceptions import (
    BuildError,
    LimitError,
    StampError,
    UntrustedError,
    VersionPickleError,
)

from .call_policy import CallPolicy, hashed_by
from .called import named, plainly
from .open_objects import FREE, TAKEN, WANTED, Claimed, ObjectLifetimes
from .state_policy import StatePolicy, is_dunder
from .strict_source import StrictSource


class UntrustedPolicy:
    """
    Admit what picklers write, within limits.

    Names that the load does not know are noted, and all refused at the end of the
    bytes; until then nothing runs that is not the standard library's or ours.
    """

    packs_plainly = False

    def __init__(self, source: StrictSource, stack: Stack, finder: Finder, parts: Parts) -> None:
        self._source = source
        self._budget = source.budget
        self._finder = finder
        self._lifetimes = ObjectLifetimes(source, stack)
        self._states = StatePolicy(source, finder, parts, self._lifetimes)
        self._calls = CallPolicy(source, finder, parts, self._lifetimes, self._states)
        self._parts = parts
        self._blanks: dict[int, Claimed] = {}
        """By stamp that makes objects without running code: the state that they want."""

        self._sizes: dict[int, int] = {}
        """The lengths of such states."""

        self._unknown: list[str] = []
        self.failure: Exception | None = None
        """The first error of a class or stamp, which is raised when the bytes are read."""

    # Names

    def find(self, find: Callable[[str, str], Any], module: str, name: str) -> Any:
        self._budget.count()
        try:
            found = find(module, name)
        except Refused as refused:
            self._refuse_name(str(refused))
            found = Deferred(self._source.at)
        return self.found(found)

    def _refuse_name(self, ref: str) -> None:
        self._unknown.append(ref)
        self._budget.hurry()
        if len(self._unknown) > _UNKNOWN_MAX:
            self.raise_unknown()

    def raise_unknown(self) -> None:
        """Refuse the names that the load does not know, if there are any."""
        if self._unknown:
            raise forbidden(self._unknown) from None

    def found(self, found: Any) -> Any:
        return self._calls.know(found)

    def find_extension(self, code: int) -> NoReturn:
        self._source.refuse(f"extension code {code} is used for a name")

    def may_resolve_at_once(self, key: Any) -> bool:
        self._lifetimes.close()
        self._budget.count(_PERSISTENT_WEIGHT)
        return False

    def view(self) -> None:
        self._budget.count(_VIEW_WEIGHT)

    # Calls

    def call(self, function: Any, args: Any, given: Any) -> None:
        self._lifetimes.close()
        self._budget.count()
        if type(args) is tuple and not args and id(function) in self._blanks:
            return
        given = self._calls.given(args)
        self._calls.check_call(function, given)
        if is_attribute(function) and (len(given) != 2 or type(given[1]) is not str):
            self._source.refuse("getattr is called for what is no name")

    def called(self, made: Any, function: Any, args: Any, given: Any) -> None:
        if type(function) is Stamp:
            self._called_stamp(made, function, args)
        elif type(made) is Stamp:
            self._check_stamp(made)
        else:
            if function is keep:
                self._budget.count(_CLASS_WEIGHT)
            self._budget.deepen(made, (args,))
            self._open_called(made, function, given)

    def failed(self, function: Any, exc: Exception) -> Exception:
        """Wait for the end of the bytes: only then is it known where the object belongs."""
        if isinstance(exc, LimitError | UntrustedError | StampError | MemoryError):
            raise exc
        if not isinstance(exc, VersionPickleError):
            exc = BuildError(f"{type(exc).__name__}: {exc}", named(function))
        self.failure = self.failure or exc
        return exc

    def _called_stamp(self, made: Any, stamp: Stamp, args: Any) -> None:
        if type(args) is tuple and not args and id(stamp) in self._blanks:
            self._lifetimes.open(made, self._blanks[id(stamp)])
            return
        self._budget.deepen(made, (args,))
        self._lifetimes.open(made, (FREE if stamp.claim.is_by_values else WANTED, stamp))

    def _open_called(self, made: Any, function: Any, given: Any) -> None:
        if function is calls.make:
            self._lifetimes.open(made, _claimed_by_make(*given))
        elif function is calls.rebuild or function is states.state:
            self._lifetimes.open(made, (TAKEN, None))
        elif function is not calls.member and function is not calls.set_state:
            self._lifetimes.open(made)

    def _check_stamp(self, stamp: Stamp) -> None:
        self._budget.count(_STAMP_WEIGHT)
        for name in stamp.claim.names:
            if is_dunder(name) and name not in self._states.declared_names(stamp):
                self._source.refuse(f"a field of {stamp.claim.ref} is named {shortened(name)}")
        if not stamp.claim.is_by_values and makes_blanks(stamp):
            claimed = self._blanks[id(stamp)] = (WANTED, stamp)
            if stamp.claim.fields is not None and not self._may_hide_methods(stamp):
                self._sizes[id(claimed)] = 1 + len(stamp.claim.names)

    def _may_hide_methods(self, stamp: Stamp) -> bool:
        """Return whether attributes may get the names of methods, unless a step removes them."""
        names = stamp.claim.names
        if names == self._states.declared_names(stamp):
            return False
        return not self._states.methods(stamp.cls).isdisjoint(names)

    # New objects

    def new(self, cls: Any, args: Any, kwargs: Any, given: Any) -> None:
        self._lifetimes.close()
        self._budget.count()
        if not (self._unknown and type(cls) is Deferred):  # of a name that is refused in the end
            self._calls.check_makes(cls)
        self._calls.check_keywords(kwargs)
        plain = plainly(cls)
        given = self._calls.given(args)
        if given and not kwargs and self._finder.is_pure(plain) and plain in _MADE_BY_NEW:
            self._calls.check_call(plain, given)
        elif isinstance(plain, type) and (given or kwargs):
            self._calls.check_base(plain, given)
            if self._finder.is_pure(plain):
                self._source.refuse(
                    f"{plain.__qualname__} is made of {named(args)} without a call"
                )
        elif isinstance(plain, type):
            self._calls.check_blank(plain)

    def made_new(self, made: Any, cls: Any, args: Any) -> None:
        self._budget.deepen(made, (args,))
        plain = plainly(cls)
        is_wanting = self._finder.is_pure(plain) and plain is not object
        self._lifetimes.open(made, (WANTED if is_wanting else FREE, None))

    # Containers

    def packed(self, packed: Any, items: list[Any], nested: list[Any]) -> None:
        self._lifetimes.close()
        self._budget.count()
        self._budget.hold(len(items))
        self._budget.forget(packed)
        if nested:
            self._calls.check_arguments(nested)
            self._budget.deepen(packed, nested)

    def begin(self, made: Any, parts: list[Any]) -> None:
        self._lifetimes.close()
        self._budget.count(_SET_WEIGHT if type(made) is set else 1)
        self._budget.forget(made)
        self._lifetimes.open(made)
        if parts:
            self._budget.hold(len(parts))
            self._take_in(made, parts)

    def froze(self, made: Any, items: list[Any]) -> None:
        self._lifetimes.close()
        self._budget.count(_SET_WEIGHT)
        self._budget.hold(len(items))
        self._budget.forget(made)
        self._take_in(made, items)

    def take_in(self, obj: Any, number: int, parts: list[Any]) -> None:
        self._lifetimes.check_open(obj)
        self._budget.hold(number)
        self._take_in(obj, parts)

    def _take_in(self, obj: Any, parts: Iterable[Any]) -> None:
        self._calls.check_data(parts)
        self._budget.deepen(obj, parts)

    def check_set(self, obj: Any) -> None:
        if type(obj) is not set:
            self._source.refuse(f"members are added to {named(obj)}")

    def dropped(self) -> None:
        self._budget.tick()
        self._lifetimes.drop()

    # States

    def take_state(self, obj: Any, state: Any) -> bool:
        self._lifetimes.check_open(obj)
        self._budget.be_as_deep(obj, state)
        claimed = self._lifetimes.claimed()
        if (
            type(state) is tuple
            and (size := self._sizes.get(id(claimed)))
            and len(state) == size
            and state[0] is claimed[1]
            and [*map(type, state)].count(Stamp) == 1
        ):
            self._lifetimes.note_state()
            return True
        self._states.take(obj, state)
        return False

    def before_fill(self) -> None:
        self._budget.note_state()

    def check_state(self, obj: Any, state: Any) -> None:
        self._budget.look_at_the_clock()
        self._budget.note_state()
        if type(obj) is not Deferred or obj.making is None:
            self._states.check(obj, state)

    def filled(self, obj: Any) -> None:
        self._states.check_filled(obj)

    def resolved(self, deferred: Deferred) -> None:
        self._states.resolved(deferred)
        self._calls.resolved(deferred)

    # What was deferred

    def before_run(self, function: Any, args: Any) -> None:
        self._budget.look_at_the_clock()
        if function is calls.set_state:
            self._states.check(args[0], args[1])
        self._calls.check_made(function, args)
        if isinstance(function, type) and issubclass(function, pathlib.PurePath):
            self._budget.count(_weight_of_path(args))
        self._budget.charge(None, hashed_by(function, args))

    def may_construct(self, instrumentation: Unstamped) -> bool:
        return instrumentation.codec.is_made_from_arguments

    def after_run(self, function: Any, made: Any) -> None:
        self._budget.count(_weight(made) if self._finder.is_pure(function) else 1)
        if function is calls.make or function is calls.rebuild:
            self._states.check_filled(made)
        if isinstance(made, enum.Flag):
            self._bound_flags(made)

    def _bound_flags(self, made: enum.Flag) -> None:
        """Keep an enum from caching combinations of flags that strangers made up."""
        known = type(made)._value2member_map_
        if made._name_ in type(made).__members__:
            return
        if isinstance(made, int) and len(known) > _INT_FLAGS_MAX:
            del known[made._value_]  # others of this value are equal, as ints are
        elif len(known) > _FLAGS_MAX:
            self._budget.exceed("objects", len(known))

    def check_holds(self, obj: Any, *kinds: type) -> None:
        """Refuse items for what holds none: a method of that name may do anything."""
        obj = resolved(obj)
        if self._states.is_value(obj) and not isinstance(obj, kinds):
            self._source.refuse(f"items are put into {named(obj)}")

    def charge(self, holder: Any, keys: Iterable[Any]) -> None:
        self._budget.look_at_the_clock()
        self._budget.charge(holder, keys)

    def are_settled(self, keys: Iterable[Any]) -> bool:
        return self._budget.are_settled(keys)

    # The end

    def check_end(self, root: Any) -> None:
        """Refuse a whole that is not complete, or is no data."""
        self._lifetimes.close(-1)
        self._calls.check_data([root])
        self.raise_unknown()
        self._finder.confirm()


_SET_WEIGHT = 4
_STAMP_WEIGHT = 250
"""A stamp that is new takes a few thousandths of a second."""

_CLASS_WEIGHT = 100
_PERSISTENT_WEIGHT = 8
_VIEW_WEIGHT = 4
_MADE_BY_NEW = (UserString, FROZENDICT)
"""The value types whose arguments pickle gives to `__new__`; the others are called."""

_UNKNOWN_MAX = 100
_ZONE_WEIGHT = 500
"""A zone is read from its file each time."""

_UNIT = 64
_INT_FLAGS_MAX = 4_096
_FLAGS_MAX = 65_536
"""How many combinations of flags an enum may know."""

_LONG_UNIT = 256


def _claimed_by_make(stamp: Stamp, *rest: Any) -> Claimed:
    if len(rest) == 4:
        return TAKEN, stamp
    return FREE if instrumentation_of(stamp.cls) is None else WANTED, stamp


def _weight_of_path(texts: Iterable[Any]) -> int:
    """Return for how many objects a path of these texts counts, which it holds part by part."""
    given = [text for text in texts if type(text) is str]
    separators = sum(text.count("/") + text.count("\\") for text in given)
    return separators // 4 + sum(map(len, given)) // _LONG_UNIT


def _weight(made: Any) -> int:
    """Return for how many objects a value counts beside itself."""
    if type(made).__module__ == "zoneinfo":
        return _ZONE_WEIGHT
    return 0 if type(made) is Deferred else sys.getsizeof(made) // _UNIT
