"""Refs and version numbers: how streams name classes."""

from __future__ import annotations

import sys

from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

from versionpickle.exceptions import DeclarationError


MARK = "__versionpickle__"
"""The name under which a versioned class holds its instrumentation."""


def ref_of(target: object) -> str:
    """
    Return the ref of a class or function, ``module:qualname``.

    The main module of a program is the same in processes that multiprocessing starts, and
    has two names there.
    """
    module: str = target.__module__
    return f"{'__main__' if module == '__mp_main__' else module}:{target.__qualname__}"  # type: ignore[attr-defined]


def checked_ref(ref: object) -> str:
    """Return *ref* if it is written ``module:qualname``."""
    if isinstance(ref, str):
        module, colon, qualname = ref.partition(":")
        if colon and _dotted(module) and _dotted(qualname.replace("<locals>", "locals")):
            return ref
    raise DeclarationError(
        repr(ref), "this is not a class reference", "write it as 'package.module:Class'"
    )


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def is_version(number: object) -> TypeGuard[int]:
    """Return whether *number* is an int from 1 up, and exactly an int: True is none."""
    return type(number) is int and number >= 1


def checked_version(number: object, ref: str, what: str = "version") -> int:
    if is_version(number):
        return number
    raise DeclarationError(
        ref,
        f"{what}={number!r} is not a version",
        "versions are ints from 1 up: 1, 2, 3, ...",
    )


def shortened(obj: object) -> str:
    """Return a repr that stays short, and asks no object for its own, whatever a pickle holds."""
    from .reprs import shortened  # noqa: PLC0415 - no good load needs it

    return shortened(obj)


def shown_name(name: object) -> str:
    """Return the name of a field, or what is there in place of one."""
    return name if type(name) is str else shortened(name)


def is_written_in_c(cls: type) -> bool:
    """Return whether no attributes can be set on *cls*, as on classes in C."""
    return bool(cls.__flags__ & _IMMUTABLE_TYPE)


_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE


def look_up(ref: str) -> Any:
    """
    Return what *ref* names in the modules already imported.

    Raise LookupError where there is no such thing.
    """
    module, _, qualname = ref.partition(":")
    try:
        found: Any = sys.modules[module]
    except KeyError:
        raise LookupError(f"its module {module} is not imported") from None
    for depth, part in enumerate(qualname.split(".")):
        if depth and not isinstance(found, type):  # above all, no way from one module to another
            raise LookupError(f"the module {module} has no class that holds {qualname}")
        try:
            found = _held_by(found, part)
        except KeyError:
            raise LookupError(f"the module {module} has no {qualname}") from None
    return found


def own_ref(ref: str) -> str | None:
    """
    Return what a class or function calls itself that *ref* leads to; None for anything else.

    A module that is imported already may hold what has moved to another one.
    """
    try:
        found = look_up(ref)
        own = ref_of(found)
        return own if look_up(own) is found else None
    except (LookupError, AttributeError, TypeError):
        return None


def _held_by(holder: Any, name: str) -> Any:
    """Return what *name* means in a module or class, without asking its ``__getattr__``."""
    for space in holder.__mro__ if isinstance(holder, type) else (holder,):
        if name in vars(space):
            found = vars(space)[name]
            bound = isinstance(found, classmethod | staticmethod)
            return found.__get__(None, holder) if bound else found
    raise KeyError(name)


_Class = TypeVar("_Class", bound=type)


def public(module: str) -> Callable[[_Class], _Class]:
    """Return a decorator: its class is known, and pickled, by the *module* that exports it."""

    def name(cls: _Class) -> _Class:
        cls.__module__ = module
        return cls

    return name
