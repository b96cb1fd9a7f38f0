"""Fields of another type than their old values, which no step converts."""

from __future__ import annotations

import ast

from collections.abc import Callable, Iterator
from typing import Any

from versionpickle.migrations import Chain
from versionpickle.migrations._fields import State
from versionpickle.migrations._schema import Recorded, RecordedField

from .difference import MEMBER
from .project import Project
from .type_texts import accepts


def unconverted(
    project: Project, key: str, old: Recorded, chain: Chain
) -> Iterator[tuple[RecordedField, RecordedField]]:
    """
    Yield the old and the new declaration of fields whose old values cannot be right.

    Types of other names than those of Python itself are not judged: they may be the same.
    """
    today = project.recorded(key)
    inherited = {name for base in project.bases(key) for name in project.recorded(base).names}
    for name, before in _untouched(chain, old).items():
        now = today.field(name)
        if now is not None and name not in inherited and not _may_hold(now.type, before.type):
            yield before, now


class _Traced(State):
    """Hold the recorded fields in place of their values, and None for what a function made."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return None

    def parts(self, made: Any, count: int) -> Any:
        return [None] * count


def _untouched(chain: Chain, old: Recorded) -> dict[str, RecordedField]:
    """Return the fields whose values all steps leave as they are, by today's names."""
    is_enum = any(field.type == MEMBER for field in old.fields or ())
    if is_enum or any(step.function is not None for step in chain.steps):
        return {}
    state = _Traced({field.name: field for field in old.fields or ()}, set())
    for step in chain.steps:
        for operation in step.operations:
            operation.run(state)
    return {name: one for name, one in state.values.items() if isinstance(one, RecordedField)}


def _may_hold(new: str, old: str) -> bool:
    known = _is_of_python(new) and _is_of_python(old)
    return not known or accepts(new, old) or accepts(new.replace("float", "int"), old)


def _is_of_python(text: str) -> bool:
    """
    Whether a type consists of names of Python itself.

    >>> _is_of_python("dict[str, int | None]"), _is_of_python("list[Order]"), _is_of_python("")
    (True, False, False)
    """
    try:
        nodes = [*ast.walk(ast.parse(text, mode="eval"))]
    except SyntaxError:
        return False
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names <= _NAMES and not any(isinstance(node, ast.Attribute) for node in nodes)


_NAMES = frozenset(
    {"Decimal", "bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "set"}
    | {"date", "datetime", "str", "tuple"}
)
