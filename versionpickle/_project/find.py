"""Find the class that a user names."""

from __future__ import annotations

import difflib

from collections.abc import Iterable, Iterator

from versionpickle._classes.instrument import Instrumentation
from versionpickle.exceptions import ProjectError

from .project import Project


def find(project: Project, wanted: str) -> str:
    """
    Return the ref of the class that *wanted* names.

    That is a ref, a stable name, a qualname, or what the class was called before; a class
    that is gone is known by what was recorded of it, or by its steps.
    """
    exact = [ref for ref, names in _names(project) if wanted in names[:2]]
    found = exact or [ref for ref, names in _names(project) if wanted in names]
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"{len(found)} classes have this name: {', '.join(found)}"
        raise ProjectError(wanted, problem, "give the full name of one of them")
    known = [name for _, names in _names(project) for name in names]
    raise ProjectError(wanted, "the project has no class of this name", _suggestion(wanted, known))


def _suggestion(wanted: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(wanted, dict.fromkeys(known))
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "'versionpickle graph' lists them"


def _names(project: Project) -> Iterator[tuple[str, list[str]]]:
    """Yield the ref of each class, and all its names: the ref and the stable name first."""
    named = set()
    for key in sorted(project.classes):
        one = project.classes[key].declaration
        before = project.schema_before(key)
        former = () if before is None else (before.ref, *before.formerly)
        named |= {*one.names(), *former}
        yield one.ref, _with_short(one.ref, key, *one.formerly, *former)
    for key, schema in project.schemas.items():
        if key not in named:
            named |= {key, schema.ref}
            yield schema.ref, _with_short(schema.ref, key, *schema.formerly)
    for ref in dict.fromkeys(step.ref for step in project.registry.steps()):
        if ref not in named and is_own(project, ref):
            yield ref, _with_short(ref, ref)


def _with_short(*names: str) -> list[str]:
    return [*names, *(name.partition(":")[2] for name in names if ":" in name)]


def is_own(project: Project, ref: str) -> bool:
    """Return whether a class is, or was, in a package of the project."""
    return ref.partition(":")[0].partition(".")[0] in packages_of(project)


def packages_of(project: Project) -> set[str]:
    return {module.partition(".")[0] for module in project.known.modules}


def names_of(instrumentation: Instrumentation) -> tuple[str, ...]:
    """Return the names by which a user may mean a class, its ref first."""
    declaration = instrumentation.declaration
    return (declaration.ref, declaration.key, instrumentation.cls.__qualname__)
