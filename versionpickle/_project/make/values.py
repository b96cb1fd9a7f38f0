"""The value of a new field in old objects, from code that the user gives."""

from __future__ import annotations

import ast
import builtins
import inspect

from collections.abc import Callable
from typing import Any

from versionpickle._project.difference import added_value
from versionpickle._project.type_texts import accepts, holds
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import RecordedField

from .declarations import Space, meaning


def argument_of(code: str, field: RecordedField, space: Space, names: tuple[str, ...]) -> str:
    """
    Return the argument of ``add()`` for the code of a value, or of a function that makes it.

    A class or function makes the values, unless the field holds such things itself.
    Raise ProjectError if the value is not of the declared type.
    """
    argument = added_value(code)
    maker = _maker(code, space)
    if maker is not None and not field.type.startswith(_CALLABLES):
        return f"{'compute' if _takes_state(maker) else 'factory'}={code}"
    if argument == code and _is_wrong(code, field.type):
        problem = f"{code} is not a value of {field.name!r}, which is declared as {field.type}"
        raise ProjectError(names[0], problem, f"pass --add {field.name}= with another value")
    return argument


_CALLABLES = ("Callable", "type", "Type", "Any", "object")
"""The types of fields that may hold classes and functions."""


def _maker(code: str, space: Space) -> Callable[..., Any] | None:
    """Return the class or function that a name means."""
    found = meaning(ast.parse(code, mode="eval").body, {**vars(builtins), **space})
    return found if inspect.isclass(found) or inspect.isroutine(found) else None


def _takes_state(maker: Callable[..., Any]) -> bool:
    """Whether a function needs an argument, which is the state; a class never gets it."""
    if inspect.isclass(maker):
        return False
    parameters = inspect.signature(maker).parameters.values()
    return any(one.default is one.empty for one in parameters)


def _is_wrong(code: str, kind: str) -> bool:
    """Whether a literal is not of a simple type."""
    try:
        value = ast.literal_eval(code)
    except (ValueError, SyntaxError):
        return False
    return holds(kind, value) is False and not accepts(kind, type(value).__name__)
