"""
The functions that streams name.

Their names and arguments are file format: they never move and never change.
In streams they belong to the package itself, which pickle finds faster than a
module within.
See docs/reference/wire-format.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .stamp import Stamp


_F = TypeVar("_F", bound=Callable[..., Any])

WIRE_REFS: set[str] = set()
"""The refs of the functions that streams name."""


def wire_function(function: _F) -> _F:
    """Let streams name *function* as one of the package's own, with an underscore before it."""
    function.__module__ = "versionpickle"
    function.__name__ = function.__qualname__ = f"_{function.__name__}"
    WIRE_REFS.add(f"versionpickle:{function.__name__}")
    return function


@wire_function
def make(
    stamp: Stamp, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], state: Any = None
) -> Any:
    """
    Make an object whose class reduces to a call of *function*, or of itself.

    *state* is that of a class that cannot be instrumented; False means that there is none,
    for a function that might return something else.
    """
    return stamp.construction.call(stamp, function, args, kwargs, state)


@wire_function
def member(stamp: Stamp, name: Any) -> Any:
    """Return the member of an enum."""
    return stamp.construction.whole(member, stamp, name)


@wire_function
def rebuild(stamp: Stamp, args: tuple[Any, ...], state: Any, *keywords: dict[str, Any]) -> Any:
    """
    Make an object of a class that must be made from its state.

    Arguments that have a name follow in a dict, if there are any.
    """
    return stamp.construction.whole(rebuild, stamp, args, state, *keywords)


@wire_function
def set_state(obj: Any, state: tuple[Any, ...]) -> None:
    """Fill an object of a class that this registry does not instrument."""
    state[0].construction.set_state(obj, state)
