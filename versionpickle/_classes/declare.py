"""Version your own classes: `versioned` and `Versioned`."""

from __future__ import annotations

import types

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, cast, overload

from versionpickle._wire.refs import MARK, checked_version, public, ref_of
from versionpickle.exceptions import DeclarationError
from versionpickle.migrations._operations import name_of
from versionpickle.migrations._registry import checked_registry

from .instrument import (
    imply_unless_versioned,
    instrument,
    instrumentation_of,
    registry_of_bases,
)
from .settings import (
    NAMES,
    Settings,
    check_names,
    declaration_of,
    declares_nothing,
    unknown_settings,
)


_T = TypeVar("_T", bound=type)


@overload
def versioned(version: _T) -> _T: ...


@overload
def versioned(version: int = ..., **settings: Unpack[Settings]) -> Callable[[_T], _T]: ...


def versioned(version: Any = 1, **settings: Unpack[Settings]) -> Any:
    """
    Give a class a version that is stored with its objects.

    Raise *version* and register a `migration` whenever the class stores other
    fields, or the same fields with another meaning.

    *name* is a stable name that pickles contain instead of the class's module and
    name.
    *formerly* lists the refs that the class had before; as a mapping, it also
    says which version unstamped pickles under that ref are.
    *unstamped* is the version of pickles written before the class was versioned, a
    condition such as ``has("node")``, a dict of conditions by version, or a function of
    the state that returns the version.
    *transient* fields are not stored; they come back as their defaults.
    *oldest* is the oldest version that is still read.
    *migrations* names the module that registers the steps; it is imported when the
    first old pickle of the class is loaded.
    *extra* decides about fields that code of the same version has added since: they
    are an error, or with ``"keep"`` they are kept unread, and stored again.

    >>> import attrs, pickle
    >>> from versionpickle import versioned
    >>> @versioned(version=2, name="point")
    ... @attrs.define
    ... class Point:
    ...     x: int
    ...     y: int = 0
    >>> pickle.loads(pickle.dumps(Point(3, 4)))
    Point(x=3, y=4)
    """
    if callable(version):
        return versioned()(version)
    checked_version(version, "@versioned")
    check_names("versioned", settings)

    def decorate(cls: type) -> type:
        if not isinstance(cls, type):
            raise DeclarationError(
                name_of(cls), "this is not a class", "put @versioned on a class"
            )
        declaration = declaration_of(ref_of(cls), version, settings)
        instrument(cls, declaration, checked_registry(settings.get("registry")))
        watch_subclasses(cls)
        return cls

    return decorate


@public("versionpickle")
class Versioned:
    """
    Be the base of classes whose objects store a version.

    Takes the settings of `versioned` as class keywords.
    A subclass is versioned too, at 1 until it gives another.

    >>> from versionpickle import Versioned
    >>> class Customer(Versioned, version=2, name="customer"):
    ...     def __init__(self, name):
    ...         self.name = name
    """

    __slots__ = ()

    def __init_subclass__(cls, *, version: int = 1, **settings: Any) -> None:
        further = {name: settings.pop(name) for name in settings.keys() - NAMES}
        if further and isinstance(super().__init_subclass__, types.BuiltinMethodType):
            raise TypeError(f"{ref_of(cls)}: {unknown_settings(further)}")  # no base takes them
        super().__init_subclass__(**further)
        if MARK in vars(cls):  # attrs or dataclasses built the instrumented class anew
            return
        given = cast("Settings", settings)
        declaration = declaration_of(ref_of(cls), version, given)
        registry = given.get("registry")
        declaration.is_implied = registry is None and declares_nothing(declaration)
        instrument(cls, declaration, checked_registry(registry or registry_of_bases(cls)))


def watch_subclasses(cls: type) -> None:
    """Version the subclasses of *cls*, those there are and those to come."""
    subclasses: list[type] = cls.__subclasses__()
    for subclass in subclasses:
        imply_unless_versioned(subclass)
        watch_subclasses(subclass)
    known = instrumentation_of(cls)
    is_watched = issubclass(cls, Versioned) or any(map(instrumentation_of, cls.__mro__[1:]))
    if known is not None and not is_watched:
        known.put_watcher()
