"""Which calls an untrusted pickle may make, and with which arguments."""

from __future__ import annotations

import enum
import functools
import types

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from versionpickle._classes.placeholder import Placeholder, keep
from versionpickle._pickles.build.builder import is_attribute
from versionpickle._pickles.build.deferred import SETTLED, Deferred, Parts
from versionpickle._pickles.build.finder import Finder, reconstruct
from versionpickle._pickles.numpy_values import is_numpy_function
from versionpickle._wire import calls, states
from versionpickle._wire.stamp import Stamp

from .called import is_maker, is_value_class, named, plainly
from .open_objects import ObjectLifetimes
from .signatures import BLANKS, is_known_call
from .state_policy import StatePolicy
from .strict_source import StrictSource


class CallPolicy:
    """Refuse calls that no pickler writes."""

    def __init__(
        self,
        source: StrictSource,
        finder: Finder,
        parts: Parts,
        lifetimes: ObjectLifetimes,
        states: StatePolicy,
    ) -> None:
        self._source = source
        self._finder = finder
        self._parts = parts
        self._lifetimes = lifetimes
        self._states = states
        self._budget = source.budget
        self._digits = source.limits.digits
        self._called_later: dict[int, Deferred] = {}
        """What may be called if it turns out to be a placeholder."""

    def know(self, found: Any) -> Any:
        if id(found) not in self._finder.singles:
            self._finder.known[id(found)] = found
        return found

    def given(self, args: Any) -> list[Any]:
        """Return the arguments, some of which may be deferred."""
        given = self._parts.of(args)
        if type(given) is not tuple:
            self._source.refuse(f"{named(args)} is in the place of the arguments of a call")
        return list(given)

    def check_call(self, function: Any, given: list[Any]) -> None:
        if type(function) is Stamp:
            if function.claim.is_by_values and len(given) != len(function.claim.names):
                self._source.refuse(FEWER_VALUES)
            self._check_value(function.cls, given)
            return
        if type(function) is Deferred and self._finder.keep:
            self._called_later[id(function)] = function
            return
        if id(function) not in self._finder.known:
            self._source.refuse(f"{named(function)} is called, which is no function found by name")
        plain = plainly(function)
        if is_maker(plain):
            _CHECKS[plain](self, given)
            return
        if is_numpy_function(plain):  # of a dtype that has no state yet: see check_made()
            return
        self._check_value(plain, given)

    def _check_value(self, function: Any, given: list[Any]) -> None:
        """Check the arguments where values are made, also of adopted types."""
        is_value = self._finder.is_pure(function) or is_value_class(function)
        if type(function) is functools.partial and len(given) > 3:  # of a stamp, which checks them
            self._budget.count(_FIELD_WEIGHT * sum(map(_size, given)))
        if _waits(given):  # check_made() looks at it when all is there
            return
        if not is_value or type(function) is functools.partial:
            self.check_base(function, given)
            return
        if not is_known_call(function, tuple(given), self._digits):
            shown = ", ".join(map(named, given))
            self._source.refuse(f"{function.__qualname__} is called with ({shown})")

    def check_base(self, cls: Any, given: list[Any]) -> None:
        """Check the arguments of a class that is made as the builtin it derives from."""
        for base in cls.__mro__[1:] if isinstance(cls, type) else ():
            if base.__new__ is cls.__new__ and is_value_class(base):
                if base is not object and not is_known_call(base, (*given,), self._digits):
                    shown = ", ".join(map(named, given))
                    self._source.refuse(f"{named(cls)} is made of ({shown})")
                return

    def resolved(self, deferred: Deferred) -> None:
        """Refuse an object that was made, and is called, unless it is a placeholder."""
        if id(deferred) in self._called_later and not isinstance(deferred.result(), Placeholder):
            self._source.refuse(f"{named(deferred.result())} is called")

    def check_made(self, function: Any, args: Any) -> None:
        """Check the arguments once more, now that all of them are there."""
        if function is calls.make:
            function = args[0].cls if args[1] is None or args[1] is args[0] else args[1]
            args = args[2]
        is_in_c = isinstance(function, type | types.BuiltinFunctionType)
        if (is_in_c or is_numpy_function(function)) and type(args) is tuple:
            self._check_value(function, [*args])
        values = hashed_values(function, args)
        if not are_plain(values):
            self._source.refuse("an enum has no member of such a value")

    def _check_reconstruct(self, given: list[Any]) -> None:
        if len(given) != 3:
            self._source.refuse("an object is reconstructed from too much or too little")
        cls, base, state = given
        plain = plainly(cls)
        self.check_makes(cls)
        if base is object:
            self.check_blank(plain)
        fits = state is None if base is object else base in _BASES and type(state) is base
        is_stored = (
            isinstance(plain, type)
            and not issubclass(plain, Placeholder)
            and plain not in self._finder.unstamped  # whose steps get what it was made of
        )
        if not fits or (is_stored and not issubclass(plain, base)):
            self._source.refuse(
                f"{named(cls)} is reconstructed from {named(base)}, {named(state)}"
            )

    def _check_make(self, given: list[Any]) -> None:
        self._check_stamped(given, 4, 5)
        _, function, args, kwargs = given[:4]
        if function is None:
            self._check_value(given[0].cls, self.given(args))
        else:
            self.check_call(function, self.given(args))
        self.check_keywords(kwargs)

    def check_keywords(self, kwargs: Any) -> None:
        if type(kwargs) is not dict or not all(type(name) is str for name in kwargs):
            self._source.refuse(f"{named(kwargs)} is in the place of keyword arguments")

    def _check_stamped(self, given: list[Any], *numbers: int) -> None:
        if len(given) not in numbers or type(given[0]) is not Stamp:
            self._source.refuse("an object is made of no stamp, or of more than it needs")

    def _check_pair(self, given: list[Any]) -> None:
        self._check_stamped(given, 2)

    def _check_rebuild(self, given: list[Any]) -> None:
        self._check_stamped(given, 3, 4)
        for keywords in given[3:]:
            self.check_keywords(keywords)

    def _check_setter(self, given: list[Any]) -> None:
        """Let a call set the state of the object right before it."""
        if len(given) != 2 or not self._lifetimes.is_last(given[0]):
            self._source.refuse("a state is set on what was not made here")
        self._states.take(given[0], given[1])

    def _check_keep(self, given: list[Any]) -> None:
        if len(given) not in {3, 4} or type(given[0]) is not str or given[3:] not in ([], [True]):
            self._source.refuse("a placeholder has no name")
        self.check_keywords(given[2])

    def check_makes(self, cls: Any) -> None:
        """Admit what was found by name; if that is no class, it is refused when it is needed."""
        if id(cls) not in self._finder.known or type(plainly(cls)) is functools.partial:
            self._source.refuse(
                f"an object is made of {named(cls)}, which is no class found by name"
            )

    def check_data(self, parts: Iterable[Any]) -> None:
        """Refuse as data what only serves to make objects."""
        for part in parts:
            if type(part) not in SETTLED and (type(part) is Stamp or self._is_tool(part)):
                self._source.refuse(f"{named(part)} is data, and not only what makes it")

    def check_arguments(self, parts: Iterable[Any]) -> None:
        """Refuse as arguments, or as the values of a state, what only goes before them."""
        for part in parts:
            if self._is_tool(part):
                self._source.refuse(f"{named(part)} is data, and not only what makes it")

    def _is_tool(self, part: Any) -> bool:
        if type(part) is functools.partial or type(part) is types.MethodType:
            return self._finder.is_pure(part) or is_attribute(part)
        return is_maker(part)

    def check_blank(self, cls: type) -> None:
        if self._finder.is_pure(cls) and cls is not object and cls.__qualname__ not in BLANKS:
            self._source.refuse(f"{cls.__qualname__} is made without a value")


_Check: TypeAlias = Callable[[CallPolicy, list[Any]], None]
_CHECKS: dict[Any, _Check] = {
    reconstruct: CallPolicy._check_reconstruct,
    keep: CallPolicy._check_keep,
    calls.make: CallPolicy._check_make,
    calls.member: CallPolicy._check_pair,
    calls.rebuild: CallPolicy._check_rebuild,
    calls.set_state: CallPolicy._check_setter,
    states.state: CallPolicy._check_pair,
}
"""What the functions take that pickles name for pickle's own sake, or for ours."""


def hashed_by(function: Any, args: Any) -> Iterable[Any]:
    """Return what this call, which is the standard library's, hashes of its arguments."""
    values = hashed_values(function, args)
    if values:
        return values
    if function is calls.make:
        function, args = args[0], args[2]
    cls = function.cls if type(function) is Stamp else function
    given = args[0] if args and type(args[0]) in {list, tuple} else ()
    if not isinstance(cls, type):
        return ()
    if issubclass(cls, set | frozenset):
        return given
    pairs = (pair for pair in given if type(pair) in {list, tuple} and pair)
    return [pair[0] for pair in pairs] if issubclass(cls, dict) else ()


def hashed_values(function: Any, args: Any) -> Iterable[Any]:
    """Return the values of which this call finds the members of an enum."""
    if function is calls.member:
        return [*args[1].values()] if type(args[1]) is dict else args[1:]
    is_enum = isinstance(function, type) and issubclass(function, enum.Enum)
    return args if is_enum else ()


def are_plain(values: Iterable[Any]) -> bool:
    """Return whether these are small, and show themselves without asking a class."""
    todo = [*values]
    for _ in range(_PLAIN_MAX):
        if not todo:
            return True
        value = todo.pop()
        if type(value) in _PLAIN:
            todo += [*value, *value.values()] if type(value) is dict else value
        elif type(value) not in SETTLED and not _is_small(value):
            return False
    return False


def _is_small(value: Any) -> bool:
    return is_value_class(type(value)) and type(value).__qualname__ in _SMALL


def _waits(given: Iterable[Any]) -> bool:
    return any(type(arg) is Deferred for arg in given)


def _size(claimed: Any) -> int:
    return len(claimed) if type(claimed) is tuple else 0


_PLAIN = frozenset({tuple, list, dict, set, frozenset})
_SMALL = frozenset({"Decimal", "Fraction", "date", "datetime", "time", "timedelta", "UUID"})
_PLAIN_MAX = 1_000
_FIELD_WEIGHT = 35
"""The code for each field of a stamp takes two kilobytes."""


_BASES = frozenset({object, list, dict, tuple, set, frozenset, int, float, complex, str, bytes})
"""What a class may be reconstructed from, by protocols 0 and 1."""

FEWER_VALUES = "an object is made of more or fewer values than its stamp names"
