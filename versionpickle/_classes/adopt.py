"""How users speak of classes that others wrote, and of names that are gone."""

from __future__ import annotations

import importlib
import types

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from versionpickle._wire import calls
from versionpickle._wire.refs import checked_ref, is_written_in_c, look_up, ref_of, shortened
from versionpickle._wire.stamp import Stamp
from versionpickle.exceptions import DeclarationError
from versionpickle.migrations import (
    Declaration,
    Formerly,
    Registry,
    Retired,
    Unstamped,
    default_registry,
)
from versionpickle.migrations._declaration import Extra
from versionpickle.migrations._origin import Origin
from versionpickle.migrations._registry import checked_registry

from .declare import watch_subclasses
from .instrument import Instrumentation, check_fields, instrument
from .named_sets import refs_of_set


if TYPE_CHECKING:
    from .codecs.custom import CustomCodec
    from .codecs.factory import FactoryCodec


_WRITTEN_BY_PICKLE = frozenset(
    {bool, bytearray, bytes, dict, float, frozenset, int, list, object, set, str, tuple, type}
)


def adopt(
    target: type | str,
    version: int = 1,
    *,
    rebuild: Callable[[Any, Any], Any] | None = None,
    name: str | None = None,
    formerly: Formerly = (),
    unstamped: Unstamped = 1,
    transient: str | Iterable[str] = (),
    oldest: int = 1,
    migrations: str | None = None,
    extra: Extra = "raise",
    registry: Registry | None = None,
) -> None:
    """
    Version a class that someone else wrote.

    Takes a class or its ref, and the settings of `versioned`.
    From here on its objects are stamped, and its old pickles upgraded, by plain
    pickle too; a class written in C can carry no methods of ours, so only versionpickle's
    own loads upgrade its unstamped pickles.
    Where an object can only be made, and not filled, *rebuild* makes it: a function
    of the arguments that the class was called with, and of the state after all
    steps, or None.
    References to it that were read earlier lead to what *rebuild* returns.
    Plain pickle cannot do that for an unstamped object.
    In a registry other than the default one, nothing is put on the class: only
    dumps and loads that are given that registry see the adoption.

    >>> import fractions
    >>> from versionpickle import adopt, dumps, loads
    >>> from versionpickle.migrations import Registry
    >>> mine = Registry("mine")
    >>> adopt(fractions.Fraction, version=2, registry=mine)
    >>> data = dumps(fractions.Fraction(1, 3), registry=mine)
    >>> loads(data, registry=mine)
    Fraction(1, 3)
    """
    cls = imported(target) if isinstance(target, str) else target
    if not isinstance(cls, type):
        raise DeclarationError(
            repr(target), "this is no class", "give a class, or a ref such as 'shop.models:Order'"
        )
    if cls in _WRITTEN_BY_PICKLE:
        raise DeclarationError(
            ref_of(cls), "pickle itself writes these, and asks nobody", "adopt a subclass of yours"
        )
    settings = (version, name, formerly, unstamped, transient, oldest, migrations, extra)
    declaration = Declaration(ref_of(cls), *settings, rebuild)
    declaration.origin = Origin.of_caller()
    declaration.adopted_by = declaration.origin.namespace.get("__name__")
    if registry is not None and registry is not default_registry:
        _adopt_apart(cls, declaration, checked_registry(registry))
    elif not is_written_in_c(cls):
        _check_metaclass(cls)
        instrument(cls, declaration, default_registry)
        watch_subclasses(cls)
    else:
        known = _declare_apart(cls, declaration, default_registry)
        known.plain.take_reducer(cls)
        known.register(_whole(known))


def _check_metaclass(cls: type) -> None:
    setter = type(cls).__setattr__
    if isinstance(setter, types.WrapperDescriptorType) and setter is not type.__setattr__:
        raise DeclarationError(
            ref_of(cls),
            f"its metaclass {ref_of(type(cls))} is written in C and lets nobody put hooks on it",
            "allow() the class and what makes it, or adopt a class of yours that holds one",
        )


def _adopt_apart(cls: type, declaration: Declaration, registry: Registry) -> None:
    known = _declare_apart(cls, declaration, registry)
    registry.reducers[cls] = _whole(known) if is_written_in_c(cls) else _detached(known)
    subclasses: list[type] = type.__subclasses__(cls)
    for subclass in subclasses:
        if registry.declared(ref_of(subclass)) is None and subclass is not Stamp:
            _adopt_apart(subclass, Declaration(ref_of(subclass), is_implied=True), registry)


def _declare_apart(cls: type, declaration: Declaration, registry: Registry) -> Instrumentation:
    other = registry.declared(declaration.ref)
    if other is not None and not other.is_implied:
        if other.hooks.cls is cls and not other.gives_way:
            problem = "this registry has already adopted the class"
            raise DeclarationError(declaration.ref, problem, "adopt it once")
        registry.forget_steps(declaration.ref)
    check_fields(cls, declaration)
    known = Instrumentation(cls, declaration, registry)
    registry.declare(declaration)
    return known


def _detached(known: Instrumentation) -> Any:
    """Return a reducer whose states are set by a function, not by the class."""

    def reduce(obj: Any) -> Any:
        reduced = known.codec.reduce(obj, 4)
        if isinstance(reduced, str):
            return reduced
        return (*(*reduced, None, None, None)[:5], calls.set_state)

    return reduce


def _whole(known: Instrumentation) -> Any:
    def reduce(obj: Any) -> Any:
        return cast("CustomCodec | FactoryCodec", known.codec).reduce_whole(
            obj
        )  # what is written in C has its own

    return reduce


def alias(old: str, new: object, *, registry: Registry | None = None) -> None:
    """
    Let the name *old* in pickles mean *new*.

    *old* is a ref such as ``"shop.old:Order"``, and *new* another ref, a class or
    any other object that has moved, or a function of yours that takes the
    arguments of an old reconstructor or class and returns the object.
    This speaks of pickles that name *old* itself: what is stamped knows its class.
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
    into.alias(checked_ref(old), checked_ref(new) if isinstance(new, str) else new)


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
    (checked_registry(registry)).alias(checked_ref(ref), Retired(ref))


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
            yield _ref_of_given(target), target
        elif target.isidentifier():
            yield from ((ref, None) for ref in refs_of_set(target))
        else:
            yield checked_ref(target), None


def _ref_of_given(target: object) -> str:
    try:
        return ref_of(_callable(target))
    except AttributeError:
        raise DeclarationError(
            shortened(target),
            f"a {type(target).__name__} has no name that could be in a pickle",
            "give the class or function itself, or its ref",
        ) from None


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
