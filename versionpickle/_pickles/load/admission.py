"""Check at a dump that the loads to come admit what it wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from versionpickle.exceptions import ForbiddenError, UnpicklableError


def check_admitted(data: bytes, load: Callable[[bytes], Any], cure: str) -> None:
    """
    Raise UnpicklableError if *load* refuses a name in a pickle that was just written.

    The ``{}`` in *cure* becomes the list of names that ``allow=`` needs.
    """
    try:
        load(data)
    except ForbiddenError as exc:
        needed = f"allow=[{', '.join(map(repr, exc.refs))}]"
        problem = "it could not be read again, because loads refuse that"
        raise UnpicklableError(problem, ", ".join(exc.refs), cure.format(needed)) from None
