"""The path to an object, as a user would type it: ``orders[3].price``."""

from __future__ import annotations

import re

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs

from versionpickle._wire.refs import shortened

from .value_types import FROZENDICT


INDEX = "index"
"""An item of a list or tuple."""

KEY = "key"
"""What a dict holds under a key."""

MEMBER = "member"
"""A member of a set, or a key of a dict: only going through them leads there."""

FUNCTION = "function"
ARGS = "args"
NEW_ARGS = "new args"
STATE = "state"
SETTER = "setter"
"""
The parts of what an object reduces to.

The detail of ARGS is the function that takes them, and that of NEW_ARGS the class whose
``__new__`` does, after the class itself.
"""

_PLACES = {FUNCTION: 0, ARGS: 1, NEW_ARGS: 1, STATE: 2, SETTER: 5}
_HOPS_MAX = 24
_REPR_MAX = 60


@attrs.define(eq=False)
class PathStep:
    """Lead to *child*, which is the *detail*-th item, or the like, of what came before."""

    kind: str
    detail: Any
    child: Any


Hop: TypeAlias = Callable[[str], str]
"""Takes the words for an object, and returns those for a part of it."""


def path_of(root: str, steps: Sequence[PathStep]) -> str | None:
    """
    Return the way from *root* along *steps*; None where it leads to *root* itself.

    Long ways are cut in the middle.
    What makes an object has the same path as the object.

    >>> path_of("order", [PathStep(INDEX, 2, None), PathStep(KEY, "paid", None)])
    "order[2]['paid']"
    """
    while steps and steps[-1].kind == FUNCTION:
        steps = steps[:-1]
    hops = _hops(steps)
    if not hops:
        return None
    if len(hops) > _HOPS_MAX:
        half = _HOPS_MAX // 2
        left_out = len(hops) - 2 * half
        hops[half:-half] = [lambda path: f"{path} ... ({left_out:,} steps) ... "]
    path = root
    for hop in hops:
        path = hop(path)
    return path


def holder_of(root: Any, steps: Sequence[PathStep]) -> tuple[Any, str] | None:
    """Return the last object on the way that has attributes, and which of them leads on."""
    for index in reversed(range(len(steps))):
        found = _attribute(*steps[index : index + 4])
        if found is not None and steps[index].kind == STATE:
            return (steps[index - 1].child if index else root), found[0]("").strip(".")
    return None


def name_of_root(cls_name: str) -> str:
    """
    Return what a user might call an object of this class.

    >>> name_of_root("OrderBook"), name_of_root("dict")
    ('order_book', 'obj')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls_name.strip("_"))
    return words.lower() if words.isidentifier() and words[:1].isupper() else "obj"


def short(obj: object) -> str:
    """Return a repr of *obj* that fits into a message, also where its own fails."""
    try:
        text = shortened(obj) if type(obj) in {tuple, frozenset} else repr(obj)
    except Exception:  # noqa: BLE001 - half-made objects may not have one
        text = f"<{type(obj).__name__} object>"
    return text if len(text) <= _REPR_MAX else f"{text[: _REPR_MAX - 3]}..."


def _hops(steps: Sequence[PathStep]) -> list[Hop]:
    hops = []
    index = 0
    while index < len(steps):
        hop, taken = _attribute(*steps[index : index + 4]) or (_plain(steps[index]), 1)
        hops.append(hop)
        index += taken
    return hops


def _plain(step: PathStep) -> Hop:
    if step.kind == INDEX:
        return lambda path: f"{path}[{step.detail}]"
    if step.kind == KEY:
        return lambda path: f"{path}[{short(step.detail)}]"
    if step.kind == MEMBER:
        return lambda path: f"list({path})[{step.detail}]"
    return lambda path: f"{path}.__reduce_ex__(4)[{_PLACES[step.kind]}]"


def _dot(name: str, taken: int) -> tuple[Hop, int]:
    return lambda path: f"{path}.{name}", taken


def _attribute(step: PathStep, *rest: PathStep) -> tuple[Hop, int] | None:
    """Return the hop to what an object calls its own, and how many steps that takes."""
    if step.kind in {ARGS, NEW_ARGS}:
        return _in_arguments(step, *rest)
    if step.kind != STATE or not rest:
        return None
    if is_tuple_after_stamp(step.child):
        return _in_stamped(step.child, *rest)
    return _in_state(step.child, 1, rest)


def _in_arguments(step: PathStep, *rest: PathStep) -> tuple[Hop, int] | None:
    maker: Any = step.detail
    if _is_subclass(maker, BaseException):
        return _dot("args", 1)
    if not rest:
        return None
    index = rest[0].detail
    if hasattr(maker, "claim") and index < len(maker.claim.names):
        return _dot(maker.claim.names[index], 2)
    if step.kind == NEW_ARGS and not _is_subclass(maker, *_MADE_OF_ITEMS):
        return lambda path: f"{path}.__reduce_ex__(4)[1][{index + 1}]", 2
    return _in_container(maker, *rest)


def _in_container(maker: Any, item: PathStep, *rest: PathStep) -> tuple[Hop, int] | None:
    """Return the hop to an item of a container that is made from all its items."""
    if _is_subclass(maker, tuple) and hasattr(maker, "_fields"):
        return _plain(item), 2
    if not rest:
        return None
    if _is_subclass(maker, *_MADE_OF_ITEMS):
        return _plain(rest[0]), 3
    if _is_subclass(maker, set, frozenset):
        return _plain(PathStep(MEMBER, rest[0].detail, None)), 3
    return None


_MADE_OF_ITEMS = tuple(cls for cls in (tuple, FROZENDICT) if cls is not None)


def _is_subclass(function: object, *classes: type) -> bool:
    return isinstance(function, type) and issubclass(function, classes)


def is_tuple_after_stamp(state: Any) -> bool:
    """Return whether *state* begins with a stamp: a real one, or one that was only read."""
    return type(state) is tuple and bool(state) and hasattr(state[0], "claim")


def _in_stamped(state: Any, item: PathStep, *rest: PathStep) -> tuple[Hop, int] | None:
    names = state[0].claim.names
    if 0 < item.detail <= len(names):
        return _dot(names[item.detail - 1], 2)
    part = item.detail - len(names)  # the stamp, the rest of the state, items and pairs
    if part == 1:
        return _in_state(item.child, 2, rest)
    if part == 2 and rest:
        return _plain(rest[0]), 3
    if part == 3 and len(rest) > 1:
        return _plain(PathStep(KEY, rest[0].child[0], None)), 4
    return None


def _in_state(state: Any, taken: int, rest: Sequence[PathStep]) -> tuple[Hop, int] | None:
    if type(state) is tuple and len(state) == 2:  # attributes and slots, as pickle keeps them
        taken, rest = taken + 1, rest[1:]
    if rest and rest[0].kind == KEY and isinstance(rest[0].detail, str):
        return _dot(rest[0].detail, taken + 1)
    return None
