"""Find what is wrong with the declarations of a registry before any pickle is read."""

from __future__ import annotations

import enum
import importlib
import operator

from collections.abc import Iterator

import attrs

from versionpickle._wire.refs import public, ref_of
from versionpickle.exceptions import (
    DeclarationError,
    FutureVersionError,
    MissingStepError,
    PastVersionError,
)
from versionpickle.migrations import Declaration, Registry, Retired, Step
from versionpickle.migrations._endings import Become
from versionpickle.migrations._fields import FieldNames
from versionpickle.migrations._registry import checked_registry

from .instrument import Instrumentation


@public("versionpickle")
@attrs.frozen
class Problem:
    """What would stop a load of old data, and what to do about it."""

    ref: str
    """The class."""

    version: int
    """The version whose data would not load."""

    problem: str
    cure: str
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.ref} at version {self.version}: {self.problem}; {self.cure}"


def check(registry: Registry | None = None) -> tuple[Problem, ...]:
    """
    Return all problems in the declarations that would stop old data.

    These are versions without a step to the next, steps that no data takes, endings that lead
    to no class, modules of steps that cannot be imported, old names that today's code still
    has, and operations that do not end in the fields of the class, which are followed backwards
    up to a step that is a function.
    Loads no pickle; imports the modules that ``migrations=`` names and those of retired classes.
    The command ``versionpickle check`` runs this check, and compares the recorded schemas and
    samples as well.

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
    2 rename('total', 'amuont') leaves a field 'amuont' that nothing uses
    """
    known = checked_registry(registry)
    classes = sorted(known.instrumentations(), key=lambda one: str(one.declaration.ref))
    of_classes = [problem for one in classes for problem in _of_class(known, one)]
    return (*of_classes, *_of_steps(known), *_of_old_names(known))


def _of_old_names(registry: Registry) -> Iterator[Problem]:
    """Look for old names that today's code still has: what it pickles now has them as well."""
    for ref, meaning in registry.aliases().items():
        found = _found(ref)
        if isinstance(meaning, Retired) and found is not None:
            what = "class" if isinstance(found, type) else "function"
            problem = (
                f"it is retired, but the {what} still exists: new objects load as placeholders"
            )
            yield Problem(ref, 1, problem, f"remove retire({ref!r}), or the {what}")
        elif _is_other(found, meaning) and not _is_stamped(registry, found):
            problem = "it has an alias, but still exists: new objects without a stamp load by it"
            cure = f"rename what is called {ref} today, or remove alias({ref!r}, ...)"
            yield Problem(ref, 1, problem, cure)
    for known in registry.instrumentations():
        yield from _of_former_names(known)


def _of_former_names(known: Instrumentation) -> Iterator[Problem]:
    for ref in known.declaration.formerly:
        if _is_other(_found(ref), known.cls):
            today = known.declaration.ref
            problem = (
                f"{today} was called so, but another class is today: its objects load as {today}"
            )
            cure = f"rename the class that is called {ref} today, or remove it from formerly="
            yield Problem(ref, 1, problem, cure)


def _found(ref: str) -> object:
    """Return the class or function that a ref leads to; None where there is none."""
    module, _, qualname = ref.partition(":")
    try:
        found = operator.attrgetter(qualname)(importlib.import_module(module))
    except Exception:  # noqa: BLE001 - whatever its module raises, it is not there
        return None
    return found if callable(found) else None


def _is_other(found: object, meaning: object) -> bool:
    """Whether a name leads to something else than what it means in pickles."""
    meaning = _found(meaning) if isinstance(meaning, str) else meaning
    return found is not None and found is not meaning and found != meaning


def _is_stamped(registry: Registry, found: object) -> bool:
    """Whether objects of a class are pickled with a stamp."""
    declared = registry.declared(ref_of(found)) if isinstance(found, type) else None
    return declared is not None and declared.instrumentation.cls is found


def _of_class(registry: Registry, known: Instrumentation) -> Iterator[Problem]:
    declaration = known.declaration
    starts = [(declaration.ref, n) for n in range(declaration.oldest, declaration.version)]
    starts += [(old, n) for old, n in declaration.formerly.items() if n is not None]
    for ref, version in starts:
        try:
            registry.path(ref, version, declaration)
        except MissingStepError as exc:
            if exc.missing == version:  # and not a later one, which has its own turn
                yield _hole(declaration, version)
        except PastVersionError as exc:
            problem = f"the oldest version that is read is {exc.oldest}"
            cure = f"pass formerly={{{ref!r}: {exc.oldest}}} or later, or oldest={version}"
            yield Problem(ref, version, problem, cure)
        except FutureVersionError as exc:
            problem = f"its steps lead beyond version {exc.current} of {exc.ref}"
            yield Problem(
                ref, version, problem, f"let the last of them end there, with to={exc.current}"
            )
        except DeclarationError as exc:
            yield Problem(ref, version, exc.problem, exc.cure)
            return
    try:
        is_open = known.codec.layout.open
    except DeclarationError as exc:  # of fields that were not known when it was declared
        yield Problem(declaration.ref, declaration.version, exc.problem, exc.cure)
        return
    if not is_open:
        yield from _of_operations(registry, known)


def _hole(declaration: Declaration, version: int) -> Problem:
    name = declaration.ref.partition(":")[2]
    return Problem(
        declaration.ref,
        version,
        f"no step leaves version {version}",
        f"write migration({name}, {version}, ...), or pass oldest={version + 1}",
    )


def _of_operations(registry: Registry, known: Instrumentation) -> Iterator[Problem]:
    """Follow the fields of today back, step by step."""
    declaration = known.declaration
    layout = known.codec.layout
    names = FieldNames(layout.names, layout.derived)
    reached = declaration.version
    for step in reversed(registry.steps_of(declaration.ref)):
        if step.function is not None or step.ending is not None or step.to != reached:
            return  # behind a hole, and where the class is left, all is unknown
        reached = step.version
        for operation in reversed(step.operations):
            operation.before(names)
        for field, problem in names.problems:
            cure = f"fix the {step}, or a later one"
            yield Problem(declaration.ref, step.version, problem, cure, field)
        names.problems.clear()


def _of_steps(registry: Registry) -> Iterator[Problem]:
    """Look for steps that no data takes, and for endings that lead to no class."""
    for step in registry.steps():
        declaration = registry.declared(step.ref)
        if declaration is not None and step.version < declaration.oldest:
            problem = f"the {step} is never taken: the oldest version that is read is "
            cure = f"remove it, or pass oldest={step.version}"
            yield Problem(step.ref, step.version, f"{problem}{declaration.oldest}", cure)
        is_known = registry.declaration(step.ref) is not None
        if not is_known and step.ending is None and not registry.has_step(step.ref, step.to):
            problem = (
                f"no step leaves version {step.to}, to which the {step} leads, and nobody "
                "declared a class of this name"
            )
            cure = (
                f"declare it before this check, pass formerly={step.ref!r} on its successor, or "
                "end its steps in become() or replace()"
            )
            yield Problem(step.ref, step.to, problem, cure)
        if isinstance(step.ending, Become):
            yield from _of_ending(registry, step, step.ending)


def _of_ending(registry: Registry, step: Step, ending: Become) -> Iterator[Problem]:
    for ref, version in ending.into.items():
        if registry.resolve(ref) is None:
            problem, cure = "nobody declared it", f"declare {ref}, or name another class"
        elif (goal := registry.declaration(ref)) is None:
            continue  # it has been left as well, as its own steps show
        elif version > goal.version:
            problem = f"it is at version {goal.version}"
            cure = f"write become({{{ref!r}: {goal.version}}}), or an earlier version"
        elif issubclass(goal.instrumentation.cls, enum.Enum):
            problem, cure = "it is an enum", "use replace() with a function of the members"
        else:
            continue
        yield Problem(
            step.ref,
            step.version,
            f"the {step} leads to version {version} of {ref}: {problem}",
            cure,
        )
