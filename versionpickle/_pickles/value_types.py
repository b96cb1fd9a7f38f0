"""The value types of the standard library and numpy, which every load may build."""

from __future__ import annotations

import builtins
import codecs
import importlib

from typing import Any

from versionpickle._wire.refs import shortened

from .numpy_values import is_imported, is_numpy_value, numpy_value


FROZENDICT: Any = getattr(builtins, "frozendict", None)
SENTINEL: Any = getattr(builtins, "sentinel", None)
"""Two types that came with CPython 3.15."""

_TYPES = {
    "array": "array _array_reconstructor",
    "builtins": (
        "bool bytearray bytes complex dict float frozendict frozenset int list object range set "
        "slice str tuple Ellipsis NotImplemented"
    ),
    "collections": "ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque",
    "copyreg": "_reconstructor __newobj__ __newobj_ex__",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "ipaddress": ("IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network"),
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "time": "struct_time",
    "types": "SimpleNamespace",
    "uuid": "SafeUUID UUID",
    "zoneinfo": "ZoneInfo",
}

_NAMES = {
    (module, name)
    for module, names in _TYPES.items()
    for name in names.split()
    if module != "builtins" or hasattr(builtins, name)
}
_EXCEPTIONS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}


def encode(text: Any, encoding: str = "") -> bytes:
    """Encode as `_codecs.encode` does for the bytes in pickles of protocols 0 to 2."""
    if not isinstance(text, str) or encoding.lower() not in {"latin1", "latin-1"}:
        raise ValueError(f"_codecs.encode is called with {shortened(encoding)}, not 'latin1'")
    return codecs.latin_1_encode(text)[0]


def is_attribute_of_value(owner: Any, name: str) -> bool:
    """Return whether this is the one attribute that a value type's pickle takes by `getattr`."""
    return (
        name == "_unpickle"
        and isinstance(owner, type)
        and (owner.__module__, owner.__qualname__) == ("zoneinfo", "ZoneInfo")
    )


_GUARDED = {
    ("_codecs", "encode"): encode,
}


def value_type_names() -> list[str]:
    """Return the refs of the standard library's value types, and of what reconstructs them."""
    exceptions = (("builtins", name) for name in _EXCEPTIONS)
    return sorted(f"{module}:{name}" for module, name in {*_NAMES, *_GUARDED, *exceptions})


def is_value_type(module: str, name: str) -> bool:
    if (module, name) in _GUARDED or (module, name) in _NAMES:
        return True
    if module == "builtins":
        return name in _EXCEPTIONS
    return is_numpy_value(module, name) and is_imported()


def value_type(module: str, name: str) -> Any:
    """Return a value type or what reconstructs one; raise LookupError for others."""
    guarded = _GUARDED.get((module, name))
    if guarded is not None:
        return guarded
    if is_numpy_value(module, name) and is_imported():
        return numpy_value(module, name)
    if is_value_type(module, name):
        return _imported(module, name)
    raise LookupError(f"{module}:{name} is not a value type")


def _imported(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:  # only pickles of CPython 3.13 name pathlib._local
        return getattr(importlib.import_module(module.partition(".")[0]), name)
