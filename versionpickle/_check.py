"""What is wrong with the declarations of a registry, found before any pickle is read."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ._hooks import Hooks
from .exceptions import MissingStepError, VersionPickleError
from .migrations import Declaration, Registry, Step
from .migrations._registry import checked_registry
from .migrations._state import Names, OperationError


@attrs.frozen
class Problem:
    """What would stop a load of old data, and what to do about it."""

    ref: str
    """The class."""

    version: int
    """The version whose data would not load."""

    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.ref} at version {self.version}: {self.problem}; {self.cure}"


def check(registry: Registry | None = None) -> tuple[Problem, ...]:
    """
    Return all that would stop old data on its way to today's classes, as far as is known.

    That are versions which no step leaves, modules of steps that cannot be imported,
    and operations that do not end in what the class declares: the fields of a class
    that declares them are followed backwards, up to a step that is a function.
    Loads nothing; imports the modules that ``migrations=`` names.

    >>> import attrs
    >>> from versionpickle import Registry, check, migration, versioned
    >>> from versionpickle.migrations import rename
    >>> shop = Registry("shop")
    >>> @versioned(version=3, name="order", registry=shop)
    ... @attrs.define
    ... class Order:
    ...     amount: int
    >>> migration(Order, 2, rename("total", "amuont"))
    >>> for problem in check(shop):
    ...     print(problem.version, problem.problem)
    1 no step leaves version 1
    2 rename('total', 'amuont') leaves a field 'amuont' that nobody takes
    """
    known = checked_registry(registry)
    hooks = sorted(known.all_hooks(), key=lambda hooks: str(hooks.declaration.ref))
    return tuple(problem for one in hooks for problem in _of_class(known, one))


def _of_class(registry: Registry, hooks: Hooks) -> Iterator[Problem]:
    declaration = hooks.declaration
    for version in range(declaration.oldest, declaration.version):
        try:
            registry.path(declaration.ref, version, declaration)
        except MissingStepError as exc:
            if exc.missing == version:  # and not a later one, which has its own turn
                yield _hole(declaration, version)
        except VersionPickleError as exc:
            yield Problem(declaration.ref, version, str(exc), "mend that first")
            return
    if not hooks.shape.layout.open:
        yield from _of_operations(registry, hooks)


def _hole(declaration: Declaration, version: int) -> Problem:
    name = declaration.ref.partition(":")[2]
    return Problem(
        declaration.ref,
        version,
        f"no step leaves version {version}",
        f"write migration({name}, {version}, ...), or say oldest={version + 1}",
    )


def _of_operations(registry: Registry, hooks: Hooks) -> Iterator[Problem]:
    """Follow the fields of today back, step by step."""
    declaration = hooks.declaration
    layout = hooks.shape.layout
    names = Names({*layout.names, *layout.derived})
    reached = declaration.version
    for step in reversed(registry.steps_of(declaration.ref)):
        if step.function is not None or step.to != reached:  # behind a hole, all is unknown
            return
        reached = step.version
        try:
            _before(step, names)
        except OperationError as exc:
            yield Problem(declaration.ref, step.version, str(exc), f"mend {step}, or a later step")
            return


def _before(step: Step, names: Names) -> None:
    for operation in reversed(step.operations):
        operation.before(names)
