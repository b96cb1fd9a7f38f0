"""`migration`: how users register a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from versionpickle._names import MARK, checked_ref, checked_version, ref_of
from versionpickle.exceptions import DeclarationError

from ._chain import Step
from ._operations import Operation
from ._registry import Registry, default_registry


_F = TypeVar("_F", bound=Callable[[Any], Any])


@overload
def migration(
    target: type | str, version: int, *, to: int | None = ..., registry: Registry | None = ...
) -> Callable[[_F], _F]: ...


@overload
def migration(
    target: type | str,
    version: int,
    operation: Operation,
    /,
    *operations: Operation,
    to: int | None = ...,
    registry: Registry | None = ...,
) -> None: ...


def migration(
    target: type | str,
    version: int,
    *operations: Operation,
    to: int | None = None,
    registry: Registry | None = None,
) -> Callable[[_F], _F] | None:
    """
    Register the step that leaves *version* of a class.

    With operations, these are the step.
    Without, this decorates a function that maps the state of that version, a
    dict of its fields, to the state of the next.

    *target* is the class, or its ref such as ``"shop.models:Order"``.
    A step leads to the next version unless *to* names a later one.
    Raises DeclarationError where the step cannot be part of a chain.

    >>> from versionpickle import migration, versioned
    >>> from versionpickle.migrations import rename
    >>> @versioned(version=3)
    ... class Order:
    ...     pass
    >>> migration(Order, 1, rename("total", "amount"))
    >>> @migration(Order, 2)
    ... def split_currency(state):
    ...     amount, currency = state.pop("amount").split()
    ...     return {**state, "amount": amount, "currency": currency}
    """
    into = registry or _registry_of(target)
    ref = checked_ref(target) if isinstance(target, str) else _owner(target, into)
    leaves = checked_version(version, ref)
    reaches = leaves + 1 if to is None else checked_version(to, ref, "to")
    for operation in operations:
        if not hasattr(operation, "compile"):
            raise DeclarationError(
                ref,
                f"{operation!r} is not an operation",
                "give rename(...), add(...), remove(...) or convert(...), or decorate a "
                f"function with @migration(..., {version})",
            )
    if operations:
        into.add_step(Step(ref, leaves, reaches, operations))
        return None

    def register(function: _F) -> _F:
        if not callable(function):
            raise DeclarationError(
                ref, f"{function!r} is not a step", "decorate a function of the state"
            )
        into.add_step(Step(ref, leaves, reaches, function=function))
        return function

    return register


def _registry_of(target: object) -> Registry:
    hooks = vars(target).get(MARK) if isinstance(target, type) else None
    return default_registry if hooks is None else hooks.registry


def _owner(target: object, registry: Registry) -> str:
    if not isinstance(target, type):
        raise DeclarationError(
            repr(target), "this is no class", "give a class, or a ref such as 'shop.models:Order'"
        )
    ref = ref_of(target)
    if registry.declaration(ref) is None:
        raise DeclarationError(
            ref,
            f"this class has no versions in the {registry.name or 'given'} registry",
            "put @versioned(version=...) on it, or call adopt() first",
        )
    return ref
