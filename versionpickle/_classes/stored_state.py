"""Parse what follows a stamp: arguments, values, further attributes, items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

from versionpickle._wire.stamp import MADE_FROM_ARGUMENTS, Claim
from versionpickle.exceptions import PlainLoadError, StampError
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import OperationError
from versionpickle.migrations._parts import ITEMS

from .parts import put_items, split_items


def check_arguments(claim: Claim, chain: Chain, args: Any, kwargs: Any = ()) -> None:
    """Refuse arguments that are not the values of all fields."""
    if kwargs or not args or len(args) != len(claim.fields or ()):
        raise chain.failed("making the object", OperationError(MADE_FROM_ARGUMENTS))


def unpacked(claim: Claim, state: Any) -> tuple[dict[str, Any], set[str], dict[str, Any]]:
    """Return the values, the names without a value, and the further attributes."""
    names = claim.fields or ()
    stamp, *values = state
    if len(values) == len(names):
        return dict(zip(names, values, strict=True)), set(), {}
    if len(values) == len(names) + 1 and type(values[-1]) is dict:
        extras = dict(values.pop())
        unset = {name for name, value in zip(names, values, strict=True) if value is stamp}
        named = {n: v for n, v in zip(names, values, strict=True) if v is not stamp}
        return named, unset, extras
    raise StampError(claim.ref, count_problem(claim, state))


def with_extras(state: Any, extras: dict[str, Any]) -> Any:
    """Return *state* with these among its further attributes."""
    if not extras:
        return state
    stamp, *values = state
    if stamp.claim.fields is None:
        return stamp, {**values[0], **extras}
    is_whole = len(values) > len(stamp.claim.fields)
    further = values.pop() if is_whole else {}
    return stamp, *values, {**further, **extras}


def with_items(state: Any, items: Any, pairs: Any) -> Any:
    """Return *state* with further attributes and the items after its values."""
    fields = state[0].claim.fields
    is_whole = fields is None or len(state) == len(fields) + 2
    return (*state, *(() if is_whole else ({},)), list(items or ()), list(pairs or ()))


def without_items(obj: Any, claim: Claim, state: Any, chain: Chain) -> Any:
    """Put the items in *state* into the object, and return the rest."""
    state, items = split_items(claim, state)
    if items and not put_items(obj, items):
        chain.check_parts({ITEMS: items})
    return state


def check_length(claim: Claim, state: Any) -> None:
    """Refuse a state of a class's own that is not there, or has too many parts."""
    if not 2 <= len(state) <= 3:
        raise StampError(claim.ref, f"a state of {len(state) - 1} parts follows its stamp")


def count_problem(claim: Claim, state: Any) -> str:
    return (
        f"its stamp names {len(claim.fields or ())} fields, and its state holds {len(state) - 1}"
    )


class Arguments(tuple[Any, ...]):  # noqa: SLOT001 - a tuple cannot have slots
    """
    What a class was called with, as ``rebuild=`` gets it: a tuple of the positional arguments.

    Its attribute *keywords* is a dict of those that were given by name.
    """

    keywords: dict[str, Any]

    def __new__(cls, positional: Iterable[Any] = (), keywords: Any = None) -> Self:
        made = super().__new__(cls, positional)
        made.keywords = dict(keywords or {})
        return made


def rebuilt(
    rebuild: Callable[[Any, Any], Any], args: Any, state: Any, chain: Chain, keywords: Any = None
) -> Any:
    """Return what ``rebuild=`` makes of the arguments and a state at the end of *chain*."""
    try:
        return rebuild(Arguments(args, keywords), state)
    except Exception as exc:
        raise chain.failed("its rebuild= function", exc) from exc


def only_rebuilt(chain: Chain) -> PlainLoadError:
    """Return the error of an object that plain pickle would fill."""
    problem = "only its rebuild= function can make it"
    return PlainLoadError(chain.ref, chain.version, chain.current, problem)
