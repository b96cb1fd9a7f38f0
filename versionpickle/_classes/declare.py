"""How users version classes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from versionpickle._wire.refs import MARK, checked_version, public, ref_of
from versionpickle.exceptions import DeclarationError
from versionpickle.migrations import Declaration, Formerly, Registry, Unstamped, default_registry
from versionpickle.migrations._declaration import Extra
from versionpickle.migrations._operations import name_of
from versionpickle.migrations._registry import checked_registry

from .hooks import declare, hooks_of, imply


_T = TypeVar("_T", bound=type)


@overload
def versioned(version: _T) -> _T: ...


@overload
def versioned(
    version: int = ...,
    *,
    name: str | None = ...,
    formerly: Formerly = ...,
    unstamped: Unstamped = ...,
    transient: str | Iterable[str] = ...,
    oldest: int = ...,
    migrations: str | None = ...,
    extra: Extra = ...,
    registry: Registry | None = ...,
) -> Callable[[_T], _T]: ...


def versioned(
    version: Any = 1,
    *,
    name: str | None = None,
    formerly: Formerly = (),
    unstamped: Unstamped = 1,
    transient: str | Iterable[str] = (),
    oldest: int = 1,
    migrations: str | None = None,
    extra: Extra = "raise",
    registry: Registry | None = None,
) -> Any:
    """
    Give a class a version that is stored with its objects.

    Raise *version* and register a `migration` whenever the class stores other
    fields, or the same fields with another meaning.

    *name* is a stable name that stands in pickles instead of the class's
    module and name.
    *formerly* lists the refs that the class had before; as a mapping, it also
    says which version unstamped pickles under that ref are.
    *unstamped* is the version of pickles written before the class was versioned,
    or a function of such a state that tells it.
    *transient* fields are not stored; they come back as their defaults.
    *oldest* is the oldest version that is still read.
    *migrations* names the module that registers the steps; it is imported when the
    first old pickle of the class is met.
    *extra* says what is done with fields that code of the same version has added since:
    an error, or with ``"keep"`` they are carried along unread, and stored again.

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
    if isinstance(version, type):
        return versioned()(version)
    checked_version(version, "@versioned")

    def decorate(cls: type) -> type:
        if not isinstance(cls, type):
            raise DeclarationError(name_of(cls), "this is no class", "put @versioned on a class")
        settings = (version, name, formerly, unstamped, transient, oldest, migrations, extra)
        declaration = Declaration(ref_of(cls), *settings)
        declare(cls, declaration, checked_registry(registry))
        watch_subclasses(cls)
        return cls

    return decorate


@public("versionpickle")
class Versioned:
    """
    Be the base of classes whose objects store a version.

    Takes the settings of `versioned` as class keywords.
    A subclass is versioned too, at 1 until it says otherwise.

    >>> from versionpickle import Versioned
    >>> class Customer(Versioned, version=2, name="customer"):
    ...     def __init__(self, name):
    ...         self.name = name
    """

    __slots__ = ()

    def __init_subclass__(
        cls,
        *,
        version: int = 1,
        name: str | None = None,
        formerly: Formerly = (),
        unstamped: Unstamped = 1,
        transient: str | Iterable[str] = (),
        oldest: int = 1,
        migrations: str | None = None,
        extra: Extra = "raise",
        registry: Registry | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if MARK in vars(cls):  # attrs or dataclasses built the class anew, with its hooks
            return
        settings = (version, name, formerly, unstamped, transient, oldest, migrations, extra)
        declaration = Declaration(ref_of(cls), *settings)
        said_nothing = (1, None, (), 1, (), 1, None, "raise", None)
        declaration.is_implied = (*settings, registry) == said_nothing
        declare(cls, declaration, checked_registry(registry or _registry_of_bases(cls)))


def _registry_of_bases(cls: type) -> Registry:
    found = (hooks_of(base) for base in cls.__mro__[1:])
    return next((hooks.registry for hooks in found if hooks is not None), default_registry)


def watch_subclasses(cls: type) -> None:
    """Version the subclasses of *cls*, those there are and those to come."""
    subclasses: list[type] = cls.__subclasses__()
    for subclass in subclasses:
        _imply_unless_versioned(subclass)
        watch_subclasses(subclass)
    if not any(hooks_of(base) for base in cls.__mro__[1:]) and not issubclass(cls, Versioned):
        _put_watcher(cls)


def _put_watcher(cls: type) -> None:
    hooks: Any = hooks_of(cls)
    own = vars(cls).get("__init_subclass__")

    def __init_subclass__(subclass: Any, /, **kwargs: Any) -> None:
        if own is None:  # attrs may have built the class anew since
            super(hooks.cls, subclass).__init_subclass__(**kwargs)
        else:
            own.__get__(None, subclass)(**kwargs)
        _imply_unless_versioned(subclass)

    type.__setattr__(cls, "__init_subclass__", classmethod(__init_subclass__))


def _imply_unless_versioned(cls: type) -> None:
    if hooks_of(cls) is None:
        imply(cls, _registry_of_bases(cls))
