"""`migration`: how users register a step."""

from __future__ import annotations

import contextlib
import functools

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar, overload

from versionpickle._wire.refs import MARK, checked_ref, checked_version, ref_of
from versionpickle.exceptions import DeclarationError

from ._chain import Chain, Step
from ._edges import Edge
from ._fields import OperationError
from ._operations import Operation, name_of
from ._registry import Registry, checked_registry, default_registry


_Old = TypeVar("_Old")
_New = TypeVar("_New")
_Old_contra = TypeVar("_Old_contra", contravariant=True)
_New_co = TypeVar("_New_co", covariant=True)
_F = TypeVar("_F", bound=Callable[[Any], Any])


class StepFunction(Protocol[_Old_contra, _New_co]):
    """A function that is a step."""

    def __call__(self, state: _Old_contra, /) -> _New_co:
        """Return the state of the next version."""

    def down(self, back: _F, /) -> _F:
        """Register the function that leads back."""


@overload
def migration(
    target: type | str, version: int, *, to: int | None = ..., registry: Registry | None = ...
) -> Callable[[Callable[[_Old], _New]], StepFunction[_Old, _New]]: ...


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
) -> Any:
    """
    Register the step that leaves *version* of a class.

    With operations, these are the step.
    Without, this decorates a function that maps the state of that version, a
    dict of its fields, to the state of the next.

    *target* is the class, or its ref such as ``"shop.models:Order"``; the stable name of
    a class that is gone will do where the step leads out of it, and after that for others.
    ``@step.down`` on another function gives its inverse.
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
    into = checked_registry(registry or _registry_of(target))
    ref = _named(target, into, operations) if isinstance(target, str) else _owner(target, into)
    leaves = checked_version(version, ref)
    reaches = leaves + 1 if to is None else checked_version(to, ref, "to")
    for operation in operations:
        if not hasattr(operation, "run"):
            raise DeclarationError(
                ref,
                f"{name_of(operation)} is not an operation",
                "give rename(...), add(...), convert(...) or another operation of "
                f"versionpickle.migrations, or decorate a function with "
                f"@migration(..., {version})",
            )
    if operations:
        step = Step(ref, leaves, reaches, operations)
        try:
            step.check()
        except OperationError as exc:
            raise DeclarationError(ref, str(exc), "put before it what follows") from None
        into.add_step(step)
        return None

    def register(function: Any) -> Any:
        if not callable(function):
            raise DeclarationError(
                ref, f"{function!r} is not a step", "decorate a function of the state"
            )
        into.add_step(Step(ref, leaves, reaches, function=function))
        with contextlib.suppress(AttributeError, TypeError):  # of what is in C, or has slots
            function.down = functools.partial(_register_down, into, ref, leaves)
        return function

    return register


def chain(
    target: type | str,
    version: int,
    *,
    fields: Iterable[str] | None = None,
    registry: Registry | None = None,
) -> Chain:
    """
    Return the chain that an object of *version* takes, with the source of what does it.

    That is the function from the old values to a filled object; it is empty for classes
    whose upgrades are not compiled.
    *fields* are those that were stored; they can be left out where all steps are
    operations, or where such an object was loaded already.
    Raises an UpgradeError where the chain has a hole, or ends in other fields than those of
    the class.

    >>> import attrs
    >>> from versionpickle import migration, versioned
    >>> from versionpickle.migrations import chain, rename
    >>> @versioned(version=2)
    ... @attrs.define
    ... class Order:
    ...     amount: int
    >>> migration(Order, 1, rename("total", "amount"))
    >>> print(chain(Order, 1).source)
    def upgrade(self, state):
    ...
        _, v0, = state
    ...
        self.amount = v0
    ...
    """
    found = checked_registry(registry or _registry_of(target))
    ref = ref_of(target) if isinstance(target, type) else target
    declaration = found.named(ref) or found.declaration(ref)
    if declaration is None:
        problem = f"nothing in the {found.name or 'given'} registry has this name"
        raise DeclarationError(ref, problem, "put @versioned(version=...) on the class first")
    stored = None if fields is None else tuple(fields)
    explained: Chain = declaration.hooks.explained(checked_version(version, ref), stored)
    return explained


def _register_down(registry: Registry, ref: str, version: int, back: Any) -> Any:
    if not callable(back):
        raise DeclarationError(ref, f"{back!r} undoes no step", "decorate a function of the state")
    registry.add_down(ref, version, back)
    return back


def _registry_of(target: object) -> Registry:
    hooks = vars(target).get(MARK) if isinstance(target, type) else None
    return default_registry if hooks is None else hooks.registry


def _named(target: str, registry: Registry, operations: tuple[Operation, ...]) -> str:
    """Return the ref of what *target* names, itself if it is a name of the past."""
    declaration = registry.named(target)
    if declaration is not None:
        return declaration.ref
    leads_out = bool(operations) and isinstance(operations[-1], Edge)
    if leads_out or registry.is_named_by_edge(target):
        return target
    if ":" not in target:
        problem = "nobody declared a class of this name"
        raise DeclarationError(repr(target), problem, _NAME_FIRST)
    return checked_ref(target)


_NAME_FIRST = (
    "declare the class before its steps, or give its ref such as 'shop.models:Order'; of a class "
    "that is gone, register the step that ends in become() or replace() before the others"
)


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
