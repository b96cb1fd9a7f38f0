"""Version classes that other people wrote: `adopt`."""

from __future__ import annotations

import types

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack, cast

from versionpickle._wire import calls
from versionpickle._wire.refs import is_written_in_c, ref_of
from versionpickle._wire.stamp import Stamp
from versionpickle.exceptions import DeclarationError
from versionpickle.migrations import Declaration, Registry, default_registry
from versionpickle.migrations._names import Rebuilt
from versionpickle.migrations._origin import Origin
from versionpickle.migrations._registry import checked_registry

from .declare import watch_subclasses
from .instrument import Instrumentation, check_fields, forget_in_subclasses, instrument
from .names import imported, is_gone
from .settings import Settings, check_names, declaration_of


if TYPE_CHECKING:
    from .codecs.custom import CustomCodec
    from .codecs.factory import FactoryCodec


_WRITTEN_BY_PICKLE = frozenset(
    {bool, bytearray, bytes, dict, float, frozenset, int, list, object, set, str, tuple, type}
)


Rebuild: TypeAlias = Callable[[Any, Any], Any]
"""A function of the arguments and of the state."""


def adopt(
    target: type | str,
    version: int = 1,
    *,
    rebuild: Rebuild | Mapping[int, Rebuild] | None = None,
    **settings: Unpack[Settings],
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
    The arguments are a tuple; its attribute ``keywords`` is a dict of those given by name.
    References to it that were read earlier lead to what *rebuild* returns.
    It makes today's objects too, and a dump that it would not make again is refused;
    a dict of functions by version, or the ref of a name that is gone, is for old
    objects alone.
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
    check_names("adopt", settings)
    registry = settings.get("registry")
    if isinstance(target, str) and callable(rebuild) and is_gone(target):
        checked_registry(registry).alias(target, Rebuilt(target, rebuild))
        return
    cls = imported(target) if isinstance(target, str) else target
    if not isinstance(cls, type):
        raise DeclarationError(
            repr(target), "this is no class", "give a class, or a ref such as 'shop.models:Order'"
        )
    if cls in _WRITTEN_BY_PICKLE:
        raise DeclarationError(
            ref_of(cls),
            f"pickle handles {cls.__name__} itself, so it cannot be versioned",
            "adopt a subclass",
        )
    declaration = declaration_of(ref_of(cls), version, settings, rebuild)
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
            f"its metaclass {ref_of(type(cls))} is written in C, so it cannot get methods",
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
        if other.instrumentation.cls is cls and not other.gives_way:
            problem = "this registry has already adopted the class"
            raise DeclarationError(declaration.ref, problem, "adopt it once")
        registry.forget_steps(declaration.ref)
    check_fields(cls, declaration)
    known = Instrumentation(cls, declaration, registry)
    registry.has_bare_classes = True
    registry.declare(declaration)
    forget_in_subclasses(cls, registry)
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
