"""Register a step: `migration`."""

from __future__ import annotations

import contextlib
import functools

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, overload

import attrs

from versionpickle._wire.refs import checked_ref, checked_version, ref_of
from versionpickle.exceptions import DeclarationError

from ._endings import Ending
from ._fields import OperationError
from ._operations import Operation, name_of
from ._registry import Registry, checked_registry, registry_of
from ._step import Step


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
    dict of its fields, to the state of the next; called as a statement, it registers a
    step that changes nothing.

    *target* is the class, or its ref such as ``"shop.models:Order"``; for a class that no
    longer exists it may also be its stable name, once a step that leads out of it is
    registered.
    Decorate another function with ``@step.down`` to register the inverse.
    A step leads to the next version unless *to* names a later one.
    Raises DeclarationError if the step cannot be part of a chain.

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
    into = checked_registry(registry or registry_of(target))
    ref = _named(target, into, operations) if isinstance(target, str) else _owner(target, into)
    leaves = checked_version(version, ref)
    reaches = leaves + 1 if to is None else checked_version(to, ref, "to")
    for operation in operations:
        _check_operation(operation, ref, version)
    step = Step(ref, leaves, reaches, operations)
    try:
        step.check()
    except OperationError as exc:
        raise DeclarationError(ref, str(exc), "move the others before it") from None
    into.add_step(step)
    return None if operations else functools.partial(_register_function, into, step)


def _check_operation(operation: object, ref: str, version: int) -> None:
    if not hasattr(operation, "run"):
        raise DeclarationError(
            ref,
            f"{name_of(operation)} is not an operation",
            "pass rename(...), add(...), convert(...) or another operation of "
            f"versionpickle.migrations, or decorate a function with @migration(..., {version})",
        )


def _register_function(registry: Registry, empty: Step, function: Any) -> Any:
    """Let *function* be the step that was registered without operations."""
    if not callable(function):
        raise DeclarationError(
            empty.ref, f"{function!r} is not a step", "decorate a function of the state"
        )
    registry.replace_step(empty, attrs.evolve(empty, function=function))
    with contextlib.suppress(AttributeError, TypeError):  # of what is in C, or has slots
        function.down = functools.partial(_register_down, registry, empty.ref, empty.version)
    return function


def _register_down(registry: Registry, ref: str, version: int, back: Any) -> Any:
    if not callable(back):
        raise DeclarationError(
            ref, f"{back!r} cannot undo a step", "decorate a function of the state"
        )
    registry.add_down(ref, version, back)
    return back


def _named(target: str, registry: Registry, operations: tuple[Operation, ...]) -> str:
    """Return the ref of what *target* names, itself if it is a name of the past."""
    declaration = registry.named(target) or registry.reexported(target)
    if declaration is not None:
        return declaration.ref
    leads_out = bool(operations) and isinstance(operations[-1], Ending)
    if leads_out or registry.has_ending(target):
        return target
    if ":" not in target:
        problem = "no class of this name is declared"
        raise DeclarationError(repr(target), problem, _NAME_FIRST)
    return checked_ref(target)


_NAME_FIRST = (
    "declare the class before its steps, or pass its ref such as 'shop.models:Order'; for a class "
    "that no longer exists, first register the step that ends in become() or replace()"
)


def _owner(target: object, registry: Registry) -> str:
    if not isinstance(target, type):
        raise DeclarationError(
            repr(target),
            "this is not a class",
            "pass a class, or a ref such as 'shop.models:Order'",
        )
    ref = ref_of(target)
    if registry.declaration(ref) is None:
        raise DeclarationError(
            ref,
            f"this class has no versions in the {registry.name or 'given'} registry",
            "put @versioned(version=...) on it, or call adopt() first",
        )
    return ref
