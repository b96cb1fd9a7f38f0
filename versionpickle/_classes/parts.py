"""
Arguments and items of an old object, until its state comes.

Where today's class is not made of them, the steps get them; see `migrations._parts`.
"""

from __future__ import annotations

import collections
import datetime
import io
import types

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import StampError
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import OperationError, described
from versionpickle.migrations._naming import with_parts
from versionpickle.migrations._parts import ARGUMENTS


if TYPE_CHECKING:
    from .layout import Layout


@attrs.define(eq=False)
class Parts:
    """What was stored of one object besides its state."""

    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] | None = None
    items: list[Any] | dict[Any, Any] | None = None

    def __bool__(self) -> bool:
        return bool(self.arguments or self.keywords or self.items)

    def joined(self, other: Parts) -> Parts:
        """Return these parts and the other ones."""
        items: Any = other.items or self.items
        if isinstance(self.items, dict) and isinstance(other.items, dict):
            items = {**self.items, **other.items}
        elif self.items and other.items:
            items = [*self.items, *other.items]
        keywords = {**(self.keywords or {}), **(other.keywords or {})}
        return Parts(self.arguments or other.arguments, keywords, items)

    def added_to(self, state: Any) -> Any:
        """Return *state* with these parts, each under its key."""
        return with_parts(state, self.arguments, self.keywords, self.items)


def keep(obj: Any, layout: Layout, chain: Chain, parts: Parts) -> None:
    """Leave *parts* in a blank object, until its state comes."""
    if layout.has_dict:
        obj.__dict__[ARGUMENTS] = parts
        return
    slot = _first_slot(layout)
    if slot is None:
        raise chain.failed("making the object", OperationError(_NO_PLACE))
    slot.__set__(obj, parts)


_NO_PLACE = (
    "it was made from arguments or has items, and today's class has no attributes to take them; "
    "pass rebuild= to adopt(), which gets them"
)


def are_in(obj: Any, layout: Layout) -> bool:
    """Return whether a blank object holds parts."""
    if layout.has_dict:
        return type(obj.__dict__.get(ARGUMENTS)) is Parts
    slot = _first_slot(layout)
    return slot is not None and type(_value(slot, obj)) is Parts


def taken_from(obj: Any, layout: Layout) -> Parts:
    """Return the parts that were left in a blank object, and remove them."""
    if layout.has_dict:
        found = obj.__dict__.get(ARGUMENTS)
        if type(found) is not Parts:
            return Parts()
        del obj.__dict__[ARGUMENTS]
        return found
    slot = _first_slot(layout)
    found = None if slot is None else _value(slot, obj)
    if type(found) is not Parts:
        return Parts()
    slot.__delete__(obj)
    return found


def _first_slot(layout: Layout) -> Any:
    return next((field.slot for field in layout.fields if field.slot is not None), None)


def _value(slot: Any, obj: Any) -> Any:
    try:
        return slot.__get__(obj)
    except AttributeError:
        return None


# Items


def split_items(claim: Claim, state: Any) -> tuple[Any, list[Any] | dict[Any, Any] | None]:
    """Return a state behind a stamp without the items in it, and those."""
    parts = 4 if claim.fields is None else len(claim.fields) + 4
    if len(state) != parts:
        return state, None
    *rest, items, pairs = state
    if type(items) is not list or type(pairs) is not list:
        raise StampError(claim.ref, f"a state of {len(state) - 1} parts follows its stamp")
    return tuple(rest), dict(pairs) if pairs else items


def put_items(obj: Any, items: list[Any] | dict[Any, Any]) -> bool:
    """Put items into a container without its own methods; return whether it takes them."""
    if isinstance(items, dict):
        if isinstance(obj, dict):
            ordered = isinstance(obj, collections.OrderedDict)
            put = collections.OrderedDict.__setitem__ if ordered else dict.__setitem__
            for key, value in items.items():
                put(obj, key, value)
            return True
        return False
    for kind, extend in _EXTENDED_BY:
        if isinstance(obj, kind):
            extend(obj, items)
            return True
    return False


def copy_of_items(obj: Any) -> Any:
    """Return the items of a container."""
    return dict(obj) if isinstance(obj, dict) else list(obj)


def items_out_of(obj: Any) -> list[Any] | dict[Any, Any] | None:
    """Take the items out of a container, for a step that names them."""
    items: list[Any] | dict[Any, Any]
    for kind, clear in _CLEARED_BY:
        if isinstance(obj, kind):
            items = dict(obj) if isinstance(obj, dict) else list(obj)
            clear(obj)
            return items
    return None


_EXTENDED_BY: tuple[tuple[type[Any], Callable[[Any, Any], object]], ...] = (
    (list, list.extend),
    (collections.deque, collections.deque.extend),
    (set, set.update),
)
_CLEARED_BY: tuple[tuple[type[Any], Callable[[Any], object]], ...] = (
    (list, list.clear),
    (collections.deque, collections.deque.clear),
    (dict, dict.clear),
    (set, set.clear),
)


# Arguments

_OF_OTHERS: tuple[Any, ...] = (
    *(object, list, dict, set, collections.deque, bytearray),
    *(datetime.tzinfo, types.SimpleNamespace, io.BytesIO, io.StringIO),
)
"""Their ``__new__`` makes an empty object, whatever it is given."""


def uses_arguments(cls: type) -> bool:
    """Return whether the ``__new__`` of a class does anything with arguments."""
    new: Any = cls.__new__
    return all(new is not base.__new__ for base in _OF_OTHERS)


def ignores_calls(cls: type) -> bool:
    """Return whether a class can be called with any arguments, and nothing reads them."""
    any_cls: Any = cls
    return any_cls.__init__ is object.__init__ and not uses_arguments(cls)


def are_handed_out(obj: Any, args: tuple[Any, ...]) -> bool:
    """Return whether an object would be stored with these arguments, which it was not made of."""
    try:
        return bool(obj.__getnewargs__() == args)
    except Exception:  # noqa: BLE001 - its own, of what it does not hold
        return False


def ignored_by_new(cls: type, kwargs: Mapping[str, Any] | None) -> bool:
    """Return whether these keyword arguments vanish: an exception takes any, and keeps none."""
    is_in_c = issubclass(cls, BaseException) and type(cls.__new__) is types.BuiltinFunctionType
    return is_in_c and bool(kwargs)


def not_made(chain: Chain, exc: Exception) -> Exception:
    """Return the error for an object that its class does not make from what was stored."""
    return chain.failed("making the object", OperationError(f"{described(exc)}; {_OTHERS_NOW}"))


_OTHERS_NOW = (
    "if its class takes other arguments now, raise version= and name the old ones with "
    "name_arguments(...) in a step, or let alias() name a function that takes them"
)


_VALUES: dict[type, tuple[type, ...]] = {
    str: (str,),
    bytes: (bytes,),
    int: (int,),
    float: (float,),
    complex: (complex,),
    tuple: (tuple, list),
    frozenset: (frozenset, set, list, tuple),
    set: (frozenset, set, list, tuple),
    list: (list, tuple),
    bytearray: (bytes, bytearray),
    collections.deque: (collections.deque, list, tuple),
    collections.UserList: (collections.UserList, list, tuple),
    collections.UserString: (collections.UserString, str),
}
"""What the objects of these types may be made of: anything else would be converted unnoticed."""


def check_fit(cls: type, args: tuple[Any, ...], chain: Chain) -> None:
    """Refuse a value of another type than the one that a class derives from."""
    base = _value_base(cls)
    if base is not None and not fits(cls, args):
        problem = (
            f"it was made from a {type(args[0]).__name__}, and today's class is a "
            f"{base.__name__}; name the value with name_arguments(...) in a step that ends in "
            "replace(), or raise version= and pass rebuild={version: function} to adopt()"
        )
        raise chain.failed("making the object", OperationError(problem))


def fits(cls: type, args: tuple[Any, ...]) -> bool:
    """Return whether a value is made of these arguments as they are."""
    base = _value_base(cls)
    return base is None or len(args) != 1 or isinstance(args[0], _VALUES[base])


def is_value(cls: type) -> bool:
    """Return whether a class is made of a value as the built-in type that it derives from."""
    return _value_base(cls) is not None


def _value_base(cls: type) -> type | None:
    base = next((base for base in cls.__mro__ if base in _VALUES), None)
    return None if base is None or _is_own(cls, base) else base


def _is_own(cls: type, base: Any) -> bool:
    """Return whether the class has a constructor of its own, which may take what it likes."""
    any_cls: Any = cls
    return any_cls.__new__ is not base.__new__ or any_cls.__init__ is not base.__init__
