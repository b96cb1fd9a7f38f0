"""The error for an object that cannot be pickled, with the path to it."""

from __future__ import annotations

import types

from typing import Any

from versionpickle._classes.instrument import instrumentation_of
from versionpickle._classes.layout import keeps_all, layout_of
from versionpickle._pickles.path import short
from versionpickle._wire.refs import is_written_in_c, ref_of
from versionpickle.exceptions import UnpicklableError

from .deep import DeepPickler


_BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType)


def unpicklable(pickler: DeepPickler, exc: Exception) -> UnpicklableError:
    """Return an error with what *pickler* could not write, where it is, and what helps."""
    obj = pickler.current
    cure = f"{_repair(obj)}{_leave_out(pickler.holder)}"
    error = UnpicklableError(f"{type(exc).__name__}: {exc}", _described(obj), cure)
    error.path = pickler.path
    return error


def _described(obj: Any) -> str:
    if isinstance(obj, type):
        return f"the class {short(obj)}"
    if isinstance(obj, types.FunctionType):
        return f"the function {obj.__qualname__}"
    return f"this {ref_of(type(obj))}, {short(obj)}"


def _repair(obj: Any) -> str:
    if isinstance(obj, _BY_NAME):
        return "move it to the top of its module, where a load can find it by name, or "
    if is_written_in_c(type(obj)):
        return ""
    return f"fix how {ref_of(type(obj))} is pickled, or adopt() it, or "


def _leave_out(holder: tuple[Any, str] | None) -> str:
    """Return how to make the field transient that leads to what cannot be pickled."""
    if holder is None:
        return "leave it out"
    obj, field = holder
    cls = type(obj)
    if keeps_all(cls, layout_of(cls, ())):
        return f"leave it out of what {ref_of(cls)} stores"
    declare = "declare" if instrumentation_of(type(obj)) is not None else "adopt()"
    return f"{declare} {ref_of(type(obj))} with transient={field!r}, so that it is not stored"
