"""Detect old states that do not belong to today's class although their names or count fit."""

from __future__ import annotations

import functools
import re
import types

from collections.abc import Iterable, Iterator
from typing import Any


_PRIVATE = re.compile(r"_([^\W_]\w*?)__(\w*[^_]|\w*[^_]_)")


def foreign_private_names(cls: type, names: Iterable[Any]) -> list[str]:
    """
    Return the private attributes among *names* that the methods of *cls* look for elsewhere.

    These are private to a class that has another name now: `_Old__x`, where they
    use `_New__x`.
    """
    private = {name: match[2] for name in names if (match := _match(name))}
    if not private:
        return []
    used = _used_names(cls)
    own = [base.__name__.lstrip("_") for base in cls.__mro__]
    return [
        name
        for name, bare in private.items()
        if name not in used and any(f"_{base}__{bare}" in used for base in own)
    ]


def _match(name: Any) -> re.Match[str] | None:
    return _PRIVATE.fullmatch(name) if type(name) is str else None


@functools.lru_cache(maxsize=256)
def _used_names(cls: type) -> frozenset[str]:
    """Return the names that the methods of a class use."""
    return frozenset(
        name
        for base in cls.__mro__
        for value in vars(base).values()
        for code in _codes(value)
        for name in code.co_names
    )


def _codes(value: Any) -> Iterator[types.CodeType]:
    functions = (value, *(getattr(value, name, None) for name in ("fget", "fset", "__func__")))
    for function in functions:
        code = getattr(function, "__code__", None)
        if isinstance(code, types.CodeType):
            yield code


_SIMPLE = {kind.__name__: kind for kind in (bool, int, float, str, bytes)}


def misplaced(cls: type, names: tuple[str, ...], values: Iterable[Any]) -> str | None:
    """Return what is wrong with the first of *values* that has another type than its field."""
    annotations = {
        name: annotation
        for base in reversed(cls.__mro__)
        for name, annotation in vars(base).get("__annotations__", {}).items()
    }
    for name, value in zip(names, values, strict=True):
        annotation = annotations.get(name)
        kind = _SIMPLE.get(annotation if isinstance(annotation, str) else _name(annotation))
        accepted = (int, float) if kind is float else kind
        if kind is not None and not isinstance(value, accepted or ()):
            return (
                f"{name!r} would be a {type(value).__name__}, and is declared as {kind.__name__}"
            )
    return None


def _name(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else ""
