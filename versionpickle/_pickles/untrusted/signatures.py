"""
What the standard library's value types are made of, so that nothing else is tried.

Arguments and states are exactly what their picklers write: what is iterated, hashed or
copied by a call is a builtin of a known size. ``docs/reference/value-types.md`` is
made from this.
"""

from __future__ import annotations

import datetime
import re

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from versionpickle._classes.placeholder import Placeholder
from versionpickle._pickles.build.deferred import SETTLED, Deferred
from versionpickle._pickles.numpy_values import is_numpy_function, is_numpy_value

from .numpy_signatures import NUMPY_CALLS, is_numpy_state


Check = Callable[[tuple[Any, ...], int], bool]
"""Return whether a pickle holds such arguments, with numbers of at most so many digits."""

Kinds = tuple[type, ...]


@attrs.frozen
class Signature:
    """What a value type is called with."""

    shown: str
    check: Check

    def __call__(self, args: tuple[Any, ...], digits: int) -> bool:
        return self.check(args, digits)


def _of(*wanted: Kinds) -> Signature:
    """Return the signature of arguments of exactly these types."""

    def check(args: tuple[Any, ...], digits: int) -> bool:
        return tuple(map(type, args)) in wanted

    return Signature("; ".join(map(_shown, wanted)), check)


def _shown(kinds: Kinds) -> str:
    return (
        ", ".join("None" if kind is type(None) else kind.__name__ for kind in kinds) or "nothing"
    )


def _path(args: tuple[Any, ...], digits: int) -> bool:
    return all(type(arg) is str for arg in args) and sum(map(len, args)) <= _LONGEST_PATH


def _anything(args: tuple[Any, ...], digits: int) -> bool:
    return True


def _address(args: tuple[Any, ...], digits: int) -> bool:
    return tuple(map(type, args)) == (int,) or _network(args, digits)


def _network(args: tuple[Any, ...], digits: int) -> bool:
    return tuple(map(type, args)) == (str,) and len(args[0]) <= _LONGEST_ADDRESS


_LONGEST_ADDRESS = 128
_LONGEST_PATH = 32_768
_DECIMAL = re.compile(
    r"[-+]?(?:(?P<int>\d*)\.?(?P<part>\d*)(?:[eE](?P<exp>[-+]?\d+))?|Infinity|s?NaN\d*)"
)
_FRACTION = re.compile(r"-?\d+(?:/\d+|\.\d+)?")


def _decimal(args: tuple[Any, ...], digits: int) -> bool:
    if len(args) == 1 and type(args[0]) is int:
        return True
    if len(args) != 1 or type(args[0]) is not str or len(args[0]) > digits + 16:
        return False
    match = _DECIMAL.fullmatch(args[0])
    return match is not None and abs(int(match["exp"] or 0)) <= digits


def _fraction(args: tuple[Any, ...], digits: int) -> bool:
    if len(args) == 2:
        return type(args[0]) is int and type(args[1]) is int
    is_text = len(args) == 1 and type(args[0]) is str and len(args[0]) <= 2 * digits + 2
    return is_text and _FRACTION.fullmatch(args[0]) is not None


def _bytearray(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args))
    return kinds in {(), (bytes,)} or (kinds == (str, str) and args[1] in {"latin-1", "latin1"})


def _moment(length: int, *, numbers: int, has_zone: bool) -> Check:
    """Return the check of a moment that is stored in so many bytes, or of so many numbers."""

    def check(args: tuple[Any, ...], digits: int) -> bool:
        if all(type(arg) is int for arg in args[:numbers]):
            *_, last = (None, *args[numbers:])
            has_last = has_zone and len(args) == numbers + 1 and (last is None or _is_zone(last))
            return has_last or 0 < len(args) <= numbers
        is_stored = type(args[0]) in {bytes, str} and len(args[0]) == length
        return is_stored and (
            len(args) == 1 or (has_zone and len(args) == 2 and _is_zone(args[1]))
        )

    return check


def _is_zone(part: Any) -> bool:
    return isinstance(part, datetime.tzinfo | Deferred | Placeholder)


def _offset(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args))
    return kinds in {(datetime.timedelta,), (datetime.timedelta, str)}


def _parts_of_slice(args: tuple[Any, ...], digits: int) -> bool:
    return len(args) == 3


def _parts_of_time(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args))
    if kinds not in {(tuple,), (tuple, dict)} or not 9 <= len(args[0]) <= 11:
        return False
    named = args[1] if len(args) == 2 else {}
    return all(type(name) is str for name in named) and _are_settled(*args[0], *named.values())


def _are_settled(*parts: Any) -> bool:
    return all(type(part) in SETTLED for part in parts)


def _numbers(args: tuple[Any, ...], digits: int) -> bool:
    if tuple(map(type, args)) != (str, list) or len(args[0]) != 1:
        return False
    return all(type(item) in {int, float, str} for item in args[1])


def _latin1(args: tuple[Any, ...], digits: int) -> bool:
    return tuple(map(type, args)) == (str, str) and args[1].lower() in {"latin1", "latin-1"}


def _safety(args: tuple[Any, ...], digits: int) -> bool:
    return len(args) == 1 and type(args[0]) in {int, type(None)} and args[0] in {0, -1, None}


def _pairs(args: tuple[Any, ...], digits: int) -> bool:
    if not args:
        return True
    pairs: list[Any] = args[0] if len(args) == 1 and type(args[0]) is list else [None]
    return all(type(pair) in {list, tuple} and len(pair) == 2 for pair in pairs)


def _queue(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args))
    return not kinds or (kinds[0] in {list, tuple} and kinds[1:] in {(), (int,), (type(None),)})


def _default(args: tuple[Any, ...], digits: int) -> bool:
    return len(args) <= 1


def _typed_array(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args[1:]))
    return kinds == (str, int, bytes) and any(
        base.__module__ == "array" for base in getattr(args[0], "__mro__", ())
    )


def _zone(args: tuple[Any, ...], digits: int) -> bool:
    return (
        tuple(map(type, args)) in {(str, bool), (str, int)}
        and len(args[0]) <= _LONGEST_ADDRESS
        and _ZONE.fullmatch(args[0]) is not None
    )


def _int(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args))
    return kinds in {(), (int,)} or (kinds in {(str,), (str, int)} and len(args[0]) <= digits)


_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_EMPTY = _of(())
_COPIED = (bool, bytes, dict, float, int, list, str, tuple)
_MEMBERS = _of((), (list,), (tuple,), (set,), (frozenset,))
_ITEMS = _of((), (list,), (tuple,))
_PATHS = "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"
_ADDRESSES = "IPv4Address IPv6Address"
_NETWORKS = "IPv4Interface IPv4Network IPv6Interface IPv6Network"
_ANY_CLASS = Signature("a class, and what it is made of", _anything)

CALLS: dict[str, Signature] = {
    "__newobj__": _ANY_CLASS,
    "__newobj_ex__": _ANY_CLASS,
    "array": Signature("a typecode, a list of int, float or str", _numbers),
    "_array_reconstructor": Signature("array, a typecode, int, bytes", _typed_array),
    "bytearray": Signature("nothing; bytes; str, 'latin-1'", _bytearray),
    "complex": _of((complex,), (float, float)),
    "Counter": _of((), (dict,)),
    "date": Signature("4 bytes; up to 3 int", _moment(4, numbers=3, has_zone=False)),
    "datetime": Signature(
        "10 bytes or 7 int, perhaps a zone; up to 7 int", _moment(10, numbers=7, has_zone=True)
    ),
    "Decimal": Signature("int; a decimal number as str, of few digits", _decimal),
    "defaultdict": Signature("nothing; what makes its values", _default),
    "deque": Signature("nothing; a list or tuple, perhaps an int or None", _queue),
    "encode": Signature("str, 'latin1'", _latin1),
    "Fraction": Signature("int, int; a fraction as str, of few digits", _fraction),
    "frozendict": _of((dict,)),
    "frozenset": _MEMBERS,
    "OrderedDict": Signature("nothing; a list of pairs", _pairs),
    "range": _of((int,), (int, int), (int, int, int)),
    "SafeUUID": Signature("0; -1; None", _safety),
    "set": _MEMBERS,
    "slice": Signature("three of anything", _parts_of_slice),
    "struct_time": Signature("9 to 11 values, perhaps a dict of more", _parts_of_time),
    "time": Signature(
        "6 bytes or 4 int, perhaps a zone; up to 4 int", _moment(6, numbers=4, has_zone=True)
    ),
    "timedelta": _of((int, int, int)),
    "timezone": Signature("timedelta, perhaps str", _offset),
    "UserString": _of((str,)),
    "ZoneInfo._unpickle": Signature("the name of a zone, bool", _zone),
    **{kind.__qualname__: _of((), (kind,)) for kind in _COPIED},
    "int": Signature("nothing; int; str of few digits, perhaps a base", _int),
    "list": _ITEMS,
    "tuple": _ITEMS,
    **dict.fromkeys(_PATHS.split(), Signature("str, of 32,768 characters in all", _path)),
    **dict.fromkeys(_ADDRESSES.split(), Signature("int; str of up to 128 characters", _address)),
    **dict.fromkeys(_NETWORKS.split(), Signature("str of up to 128 characters", _network)),
}
"""By qualified name; what is not here is called without arguments or not at all."""


def _group(args: tuple[Any, ...], digits: int) -> bool:
    """Check what a group copies: any other sequence may be endless."""
    return len(args) == 2 and type(args[0]) is str and type(args[1]) in {list, tuple, Deferred}


def _syntax(args: tuple[Any, ...], digits: int) -> bool:
    if len(args) < 2:
        return True
    if len(args) > 2 or type(args[1]) is Deferred:
        return len(args) == 2
    return type(args[1]) is tuple and len(args[1]) in {4, 6} and _are_settled(*args[1])


def _system(args: tuple[Any, ...], digits: int) -> bool:
    return len(args) < 2 or type(args[0]) in SETTLED  # its number is looked up in a dict


def _stored(args: tuple[Any, ...], digits: int) -> bool:
    return not any(type(arg) is range for arg in args)


EXCEPTIONS: dict[type[BaseException], Signature] = {
    BaseExceptionGroup: Signature("str, a list or tuple of exceptions", _group),
    SyntaxError: Signature("anything, perhaps a tuple of 4 or 6 values", _syntax),
    OSError: Signature("a number or str, and anything", _system),
    UnicodeDecodeError: _of((str, bytes, int, int, str)),
    UnicodeEncodeError: _of((str, str, int, int, str)),
    UnicodeTranslateError: _of((str, int, int, str)),
    BaseException: Signature("anything, which it keeps as it is", _stored),
}
"""By base: the first of these that an exception derives from."""


def signature_of(function: Any) -> Signature:
    """Return what a value type of the standard library is called with."""
    if isinstance(function, type) and issubclass(function, BaseException):
        return next(found for base, found in EXCEPTIONS.items() if issubclass(function, base))
    return CALLS.get(function.__qualname__, _EMPTY)


def is_known_call(function: Any, args: tuple[Any, ...], digits: int) -> bool:
    """Return whether a pickler writes a call of this value type with these arguments."""
    if is_of_numpy(function):
        return NUMPY_CALLS.get(function.__qualname__, _EMPTY)(args, digits)
    return signature_of(function)(args, digits)


def is_of_numpy(function: Any) -> bool:
    return is_numpy_function(function) or is_numpy_value(
        function.__module__, function.__qualname__
    )


@attrs.frozen
class State:
    """What the state of a value type holds."""

    shown: str
    check: Callable[[Any, dict[str, Any]], bool]


def _data(kind: type) -> State:
    def check(obj: Any, state: dict[str, Any]) -> bool:
        return state.keys() == {"data"} and type(state["data"]) is kind

    return State(f"`data`, a {kind.__name__}", check)


def _identifier(obj: Any, state: dict[str, Any]) -> bool:
    number, safety = state.get("int"), state.get("is_safe")
    is_known = type(safety).__qualname__ == "SafeUUID" or _safety((safety,), 0)
    is_number = type(number) is int and 0 <= number < 2**128
    return is_number and is_known and state.keys() <= {"int", "is_safe"}


def _maps(obj: Any, state: dict[str, Any]) -> bool:
    maps = state.get("maps")
    is_list = type(maps) is list and all(isinstance(part, Mapping) for part in maps)
    return is_list and len(state) == 1


def _attributes(obj: Any, state: dict[str, Any]) -> bool:
    """Refuse names that are none, or that methods have: those are no data."""
    return all(type(name) is str and not _is_methods(obj, name) for name in state)


def _is_methods(obj: Any, name: str) -> bool:
    is_pythons = name[:2] == "__" == name[-2:] and name != "__notes__"
    return is_pythons or callable(getattr(type(obj), name, None))


def _notes(obj: Any, state: dict[str, Any]) -> bool:
    return "args" not in state and _attributes(obj, state)  # which it has from its call


_NAMED = State("attributes, but no methods", _attributes)
_OF_EXCEPTIONS = State("attributes, but no methods and not `args`", _notes)
STATES: dict[str, State] = {
    "ChainMap": State("`maps`, a list of mappings", _maps),
    "OrderedDict": _NAMED,
    "SimpleNamespace": _NAMED,
    "UserDict": _data(dict),
    "UserList": _data(list),
    "UserString": _data(str),
    "UUID": State("`int`, perhaps `is_safe`: 0, -1, None or a SafeUUID", _identifier),
}
"""By name: of the value types that take a state, what it holds."""

BLANKS = frozenset({"ChainMap", "UserDict", "UserList", "UserString", "UUID"})
"""The value types that are made without arguments, and are nothing without their state."""


def is_known_state(obj: object, state: Any) -> bool:
    """Return whether a pickler writes this state for an object of a value type."""
    of_numpy = is_numpy_state(obj, state)
    if of_numpy is not None:
        return of_numpy
    if type(state) is not dict:
        return False
    known = state_of(type(obj))
    return known is not None and known.check(obj, state)


def is_state_of_uuid(state: Any) -> bool:
    """Return whether a UUID of any class, with a stamp or without, may look its parts up."""
    parts = state if type(state) is tuple else (state,)
    values = [
        value for part in parts for value in (part.values() if type(part) is dict else [part])
    ]
    return all(
        type(value) in SETTLED or type(value).__qualname__ in {"SafeUUID", "Stamp"}
        for value in values
    )


def state_of(cls: type) -> State | None:
    """Return what the state of a value type holds; None where it takes none."""
    if issubclass(cls, BaseException):
        return _OF_EXCEPTIONS
    return STATES.get(cls.__qualname__)
