"""Declare what names in pickles mean: `alias`, `retire` and `allow`."""

from __future__ import annotations

import importlib

from collections.abc import Iterable
from typing import Any

from versionpickle._wire.calls import WIRE_REFS
from versionpickle._wire.refs import checked_ref, look_up, ref_of
from versionpickle.exceptions import DeclarationError
from versionpickle.migrations import Registry, Retired
from versionpickle.migrations._registry import checked_registry

from .named_sets import refs_of_set


def alias(old: str, new: object, *, registry: Registry | None = None) -> None:
    """
    Let the name *old* in pickles mean *new*.

    *old* is a ref such as ``"shop.old:Order"``, and *new* another ref, a class or
    any other object that has moved, or a function of yours that takes the
    arguments of an old reconstructor or class and returns the object.
    This is for pickles that contain *old* itself: what is stamped knows its class, and within
    a stamped object *old* means what today's code calls so, if there is such a thing.
    An alias of a name that still exists also applies to unstamped objects of today;
    `check` reports those.
    For a whole package or module that was renamed, give both names without a
    colon; that admits nothing which is not declared or allowed under its new name.

    >>> from versionpickle import alias
    >>> alias("shop.old:make_price", lambda amount, unit: (amount, unit))
    >>> alias("oldshop", "shop.legacy")
    """
    into = checked_registry(registry)
    if isinstance(old, str) and ":" not in old and isinstance(new, str) and ":" not in new:
        checked_ref(f"{old}:x"), checked_ref(f"{new}:x")
        into.rename_package(old, new)
        return
    into.alias(_own_name(old), checked_ref(new) if isinstance(new, str) else new)


def _own_name(ref: str) -> str:
    """Return *ref* unless pickles name it for pickle's own sake, or not in each protocol."""
    if checked_ref(ref) in _OF_PICKLE or ref in WIRE_REFS:
        raise DeclarationError(
            ref,
            "this is part of how objects are stored, so it cannot mean anything else",
            "give the name of a class or function that your objects are made by",
        )
    return ref


_OF_PICKLE = {
    "_codecs:encode",
    "builtins:bool",
    "builtins:bytearray",
    "builtins:bytes",
    "builtins:dict",
    "builtins:float",
    "builtins:frozenset",
    "builtins:getattr",
    "builtins:int",
    "builtins:list",
    "builtins:object",
    "builtins:set",
    "builtins:str",
    "builtins:tuple",
    "copyreg:__newobj__",
    "copyreg:__newobj_ex__",
    "copyreg:_reconstructor",
}


def _callable(new: object) -> object:
    if callable(new) and hasattr(new, "__qualname__"):
        return new
    raise DeclarationError(
        repr(new), "a name in a pickle cannot mean this", "give a class, a function, or a ref"
    )


def retire(ref: str, *, registry: Registry | None = None) -> None:
    """
    Let objects of a class that no longer exists load as placeholders.

    A `Placeholder` keeps the arguments, the state and the items that were
    stored, and is stored again with all of them.

    >>> from versionpickle import retire
    >>> retire("shop.coupons:Coupon")
    """
    checked_registry(registry).alias(_own_name(ref), Retired(ref))


def allow(*targets: object, registry: Registry | None = None) -> None:
    """
    Add classes and functions to what a load may build.

    Takes the objects themselves, their refs, or the name of a set, without a colon:
    ``"numpy"``, ``"pandas"``, ``"zones"`` (of dateutil and pytz), ``"partial"`` and
    ``"iterators"``.
    Whoever writes a pickle may call what you allow with arguments of his own.

    >>> import collections
    >>> from versionpickle import allow
    >>> allow(collections.ChainMap, "string:Template", "partial")
    """
    into = checked_registry(registry)
    for ref, target in named(targets):
        into.allow(ref, target)


def named(targets: Iterable[object]) -> Iterable[tuple[str, object]]:
    """Yield the ref of each target, and the target where it is known."""
    if isinstance(targets, str | type):
        raise DeclarationError(repr(targets), "this is no list", "give [...] of classes or refs")
    for target in targets:
        if not isinstance(target, str):
            yield ref_of(_callable(target)), target
        elif target.isidentifier():
            yield from ((ref, None) for ref in refs_of_set(target))
        else:
            yield checked_ref(target), None


def is_gone(ref: str) -> bool:
    """Return whether a ref leads to nothing any more."""
    try:
        imported(ref)
    except DeclarationError:
        return True
    return False


def imported(ref: str) -> Any:
    """Return what a ref that the user wrote names."""
    module = checked_ref(ref).partition(":")[0]
    try:
        importlib.import_module(module)
        return look_up(ref)
    except (ImportError, LookupError) as exc:
        raise DeclarationError(
            ref,
            f"it cannot be imported ({exc})",
            "name it as it is called today; for a name that is gone use alias() or retire()",
        ) from exc
