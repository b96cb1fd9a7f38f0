"""What to say of an object that cannot be pickled."""

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
    """Return an error that says what *pickler* met, where it stands, and what helps."""
    met = pickler.met
    cure = f"{_mend(met)}{_leave_out(pickler.holder)}"
    error = UnpicklableError(f"{type(exc).__name__}: {exc}", _described(met), cure)
    error.path = pickler.path
    return error


def _described(met: Any) -> str:
    if isinstance(met, type):
        return f"the class {short(met)}"
    if isinstance(met, types.FunctionType):
        return f"the function {met.__qualname__}"
    return f"this {ref_of(type(met))}, {short(met)}"


def _mend(met: Any) -> str:
    if isinstance(met, _BY_NAME):
        return "move it to the top of its module, where a load can find it by name, or "
    if is_written_in_c(type(met)):
        return ""
    return f"mend what {ref_of(type(met))} says of its state, or adopt() it, or "


def _leave_out(holder: tuple[Any, str] | None) -> str:
    """Say how to make the field transient that leads to what cannot be pickled."""
    if holder is None:
        return "leave it out"
    obj, field = holder
    cls = type(obj)
    if keeps_all(cls, layout_of(cls, ())):
        return f"leave it out of what {ref_of(cls)} stores"
    declare = "declare" if instrumentation_of(type(obj)) is not None else "adopt()"
    return f"{declare} {ref_of(type(obj))} with transient={field!r}, so that it is not stored"
