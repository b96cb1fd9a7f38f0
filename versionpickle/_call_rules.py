"""Which calls stand in pickles: what is called, and with which arguments."""

from __future__ import annotations

import collections
import enum
import functools
import types

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from . import _stream
from ._builder import Builder
from ._called import named, plainly
from ._factories import BLANKS, is_known_call
from ._finder import Finder, reconstruct
from ._hooks import Hooks
from ._open_objects import OpenObjects
from ._placeholder import Placeholder
from ._plan import SETTLED, StandIn
from ._stamp import Stamp
from ._values import is_value_type


class CallRules(OpenObjects, Builder):
    """Refuse calls that no pickler writes."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._known: dict[int, Any] = {}
        """What was found by name."""

        self._packed: dict[int, tuple[Any, list[Any]]] = {}
        """Of tuples that must still be made: what of."""

    def know(self, found: Any) -> Any:
        if id(found) not in self._finder.singles:
            self._known[id(found)] = found
        return found

    def given(self, args: Any) -> list[Any]:
        """Return the arguments, of which some may still have to be made."""
        if id(args) in self._packed:
            return self._packed[id(args)][1]
        if type(args) is not tuple:
            self.refuse(f"{named(args)} stands for the arguments of a call")
        return list(args)

    def is_attribute(self, function: Any) -> bool:
        return getattr(function, "__func__", None) is Finder._attribute

    def check_call(self, function: Any, given: list[Any]) -> None:
        if type(function) is Stamp:
            if function.claim.is_by_values and len(given) != len(function.claim.names):
                self.refuse(FEWER_VALUES)
            self._check_value(function.cls, given)
            return
        if id(function) not in self._known:
            self.refuse(f"{named(function)} is called, which is no function found by name")
        plain = plainly(function)
        check = check_of(plain)
        if check is not None:
            check(self, given)
            return
        self._check_value(plain, given)
        if isinstance(plain, type) and plain in self._met:
            self._check_constructor(self._met[plain], given)

    def _check_value(self, function: Any, given: list[Any]) -> None:
        """Check the arguments where values are made, also of types that somebody adopted."""
        is_value = self._finder.is_pure(function) or is_value_class(function)
        if not is_value or type(function) is functools.partial:  # a stamp, which checks them
            return
        if not is_known_call(function, tuple(given), self.limits.digits):
            shown = ", ".join(map(named, given))
            self.refuse(f"{function.__qualname__} is called with ({shown})")

    def _check_constructor(self, hooks: Hooks, given: list[Any]) -> None:
        if not (hooks.rebuilds or hooks.remakes or hooks.shape.takes_arguments()):
            self.refuse(f"{hooks.declaration.ref} is called, whose objects are made without")

    def _check_reconstruct(self, given: list[Any]) -> None:
        if len(given) != 3:
            self.refuse("an object is reconstructed from too much or too little")
        cls, base, state = given
        plain = plainly(cls)
        self.check_makes(cls)
        if base is object:
            self.check_blank(plain)
        fits = state is None if base is object else base in _BASES and type(state) is base
        is_stored = isinstance(plain, type) and not issubclass(plain, Placeholder)
        if not fits or (is_stored and not issubclass(plain, base)):
            self.refuse(f"{named(cls)} is reconstructed from {named(base)}, {named(state)}")

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
            self.refuse(f"{named(kwargs)} stands for keyword arguments")

    def _check_stamped(self, given: list[Any], *numbers: int) -> None:
        if len(given) not in numbers or type(given[0]) is not Stamp:
            self.refuse("an object is made of no stamp, or of more than it needs")

    def _check_member(self, given: list[Any]) -> None:
        self._check_stamped(given, 2)

    def _check_rebuild(self, given: list[Any]) -> None:
        self._check_stamped(given, 3)

    def _check_setter(self, given: list[Any]) -> None:
        """Let a call set the state of the object that stands right before it."""
        if len(given) != 2 or not self.is_last(given[0]):
            self.refuse("a state is set on what was not made here")
        self.take_state(given[0], given[1])

    def _check_keep(self, given: list[Any]) -> None:
        if len(given) != 3 or type(given[0]) is not str:
            self.refuse("a placeholder has no name")
        self.check_keywords(given[2])

    def check_makes(self, cls: Any) -> None:
        plain = plainly(cls)
        is_class = isinstance(plain, type) or type(plain) is StandIn  # of a name that is refused
        is_alias = id(plain) in self._finder.in_place_of_classes
        if id(cls) not in self._known or not (is_class or is_alias):
            self.refuse(f"an object is made of {named(cls)}, which is no class found by name")

    def check_data(self, parts: Iterable[Any]) -> None:
        """Refuse as data what only serves to make objects."""
        for part in parts:
            if type(part) not in SETTLED and (type(part) is Stamp or self._is_tool(part)):
                self.refuse(f"{named(part)} is data, and not only what makes it")

    def check_arguments(self, parts: Iterable[Any]) -> None:
        """Refuse as arguments, or as the values of a state, what only stands before them."""
        for part in parts:
            if self._is_tool(part):
                self.refuse(f"{named(part)} is data, and not only what makes it")

    def _is_tool(self, part: Any) -> bool:
        if type(part) is functools.partial or type(part) is types.MethodType:
            return self._finder.is_pure(part) or self.is_attribute(part)
        return check_of(part) is not None

    def check_blank(self, cls: type) -> None:
        if self._finder.is_pure(cls) and cls is not object and cls.__qualname__ not in BLANKS:
            self.refuse(f"{cls.__qualname__} is made without a value")

    def take_state(self, obj: Any, state: Any) -> None:
        """Note that the innermost object gets its state."""
        raise NotImplementedError


_Check: TypeAlias = Callable[[CallRules, list[Any]], None]
_CHECKS: dict[Any, _Check] = {
    reconstruct: CallRules._check_reconstruct,
    _stream._keep: CallRules._check_keep,
    _stream._make: CallRules._check_make,
    _stream._member: CallRules._check_member,
    _stream._rebuild: CallRules._check_rebuild,
    _stream._set_state: CallRules._check_setter,
}
"""What the functions take that stand in pickles for pickle's own sake, or for ours."""


def hashed_by(function: Any, args: Any) -> Iterable[Any]:
    """Return what this call, which is the standard library's, hashes of its arguments."""
    if function is collections.OrderedDict and args:
        return [pair[0] for pair in args[0]]
    if function is _stream._member:
        return args[1].values() if type(args[1]) is dict else args[1:]
    is_enum = isinstance(function, type) and issubclass(function, enum.Enum)
    return args if is_enum else ()


def is_value_class(cls: Any) -> bool:
    return isinstance(cls, type) and is_value_type(cls.__module__, cls.__qualname__)


def check_of(function: Any) -> _Check | None:
    return _CHECKS.get(function) if type(function) is types.FunctionType else None


_BASES = frozenset({object, list, dict, tuple, set, frozenset, int, float, complex, str, bytes})
"""What a class may be reconstructed from, by protocols 0 and 1."""

FEWER_VALUES = "an object is made of more or fewer values than its stamp names"
