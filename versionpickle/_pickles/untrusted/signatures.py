"""What the standard library's value types are made of, so that nothing else is tried."""

from __future__ import annotations

import re

from collections.abc import Callable
from typing import Any

from versionpickle._pickles.numpy_values import is_numpy_function, is_numpy_value

from .numpy_signatures import NUMPY_CALLS, is_numpy_state


Check = Callable[[tuple[Any, ...], int], bool]
"""Return whether a pickle holds such arguments, with numbers of at most so many digits."""

Kinds = tuple[type, ...]


def _of(*wanted: Kinds) -> Check:
    """Return a check for arguments of exactly these types."""

    def check(args: tuple[Any, ...], digits: int) -> bool:
        return tuple(map(type, args)) in wanted

    return check


def _path(args: tuple[Any, ...], digits: int) -> bool:
    return all(type(arg) is str for arg in args) and sum(map(len, args)) <= _LONGEST_PATH


def _anything(args: tuple[Any, ...], digits: int) -> bool:
    return True


def _address(args: tuple[Any, ...], digits: int) -> bool:
    kinds = tuple(map(type, args))
    return kinds == (int,) or (kinds == (str,) and len(args[0]) <= _LONGEST_ADDRESS)


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


def _moment(args: tuple[Any, ...], digits: int) -> bool:
    if all(type(arg) is int for arg in args):
        return bool(args)
    return 1 <= len(args) <= 2 and type(args[0]) in {bytes, str}


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
_PATHS = "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"
_ADDRESSES = "IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network"

CALLS: dict[str, Check] = {
    "__newobj__": _anything,  # of which the class and what it is made of are looked at
    "__newobj_ex__": _anything,
    "array": _of((str, list)),
    "_array_reconstructor": _typed_array,
    "bytearray": _bytearray,
    "complex": _of((float, float)),
    "Counter": _of((), (dict,)),
    "date": _moment,
    "datetime": _moment,
    "Decimal": _decimal,
    "defaultdict": _default,
    "deque": _queue,
    "encode": _of((str, str)),
    "Fraction": _fraction,
    "frozendict": _of((dict,)),
    "frozenset": _MEMBERS,
    "OrderedDict": _pairs,
    "range": _of((int,), (int, int), (int, int, int)),
    "SafeUUID": _of((int,), (type(None),)),
    "set": _MEMBERS,
    "slice": _anything,
    "struct_time": _of((tuple,), (tuple, dict)),
    "time": _moment,
    "timedelta": _of((int, int, int)),
    "timezone": _anything,
    "UserString": _of((str,)),
    "ZoneInfo._unpickle": _zone,
    **{kind.__qualname__: _of((), (kind,)) for kind in _COPIED},
    "int": _int,
    "list": _of((), (list,), (tuple,)),
    "tuple": _of((), (list,), (tuple,)),
    **dict.fromkeys(_PATHS.split(), _path),
    **dict.fromkeys(_ADDRESSES.split(), _address),
}
"""By qualified name; what is not here is called without arguments or not at all."""


def is_known_call(function: Any, args: tuple[Any, ...], digits: int) -> bool:
    """Return whether a pickler writes a call of this value type with these arguments."""
    if isinstance(function, type) and issubclass(function, BaseException):
        return not any(type(arg) is range for arg in args)  # which some of them would expand
    known = NUMPY_CALLS if is_of_numpy(function) else CALLS
    return known.get(function.__qualname__, _EMPTY)(args, digits)


def is_of_numpy(function: Any) -> bool:
    return is_numpy_function(function) or is_numpy_value(
        function.__module__, function.__qualname__
    )


def _keys(**kinds: Kinds) -> Callable[[dict[str, Any]], bool]:
    def check(state: dict[str, Any]) -> bool:
        return state.keys() == kinds.keys() and all(
            isinstance(state[name], kinds[name]) for name in kinds
        )

    return check


def _identifier(state: dict[str, Any]) -> bool:
    number = state.get("int")
    return type(number) is int and 0 <= number < 2**128 and state.keys() <= {"int", "is_safe"}


def _maps(state: dict[str, Any]) -> bool:
    return state.keys() == {"maps"} and type(state["maps"]) is list


def _attributes(state: dict[str, Any]) -> bool:
    return True


STATES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "ChainMap": _maps,
    "OrderedDict": _attributes,
    "SimpleNamespace": _attributes,
    "UserDict": _keys(data=(dict,)),
    "UserList": _keys(data=(list,)),
    "UserString": _keys(data=(str,)),
    "UUID": _identifier,
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
    if isinstance(obj, BaseException):
        return "args" not in state  # which they have from their call
    check = STATES.get(type(obj).__qualname__)
    return check is not None and check(state)
