"""Create an object of a class from the types of its fields, as a default sample."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import inspect
import pathlib
import types
import typing
import uuid

from collections import abc
from collections.abc import Iterator
from typing import Any

import attrs

from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import ProjectError


_VALUES: dict[Any, Any] = {
    int: 1,
    str: "text",
    float: 1.5,
    bool: True,
    bytes: b"bytes",
    complex: 1 + 2j,
    object: None,
    Any: None,
    type(None): None,
    decimal.Decimal: decimal.Decimal("1.5"),
    fractions.Fraction: fractions.Fraction(1, 3),
    datetime.date: datetime.date(2001, 2, 3),
    datetime.time: datetime.time(4, 5, 6),
    datetime.datetime: datetime.datetime(2001, 2, 3, 4, 5, 6),  # noqa: DTZ001 - as most are
    datetime.timedelta: datetime.timedelta(seconds=7),
    uuid.UUID: uuid.UUID(int=8),
    pathlib.Path: pathlib.PurePosixPath("path"),
}
_CONTAINERS: dict[Any, Any] = {
    list: list,
    tuple: tuple,
    dict: dict,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
    collections.OrderedDict: collections.OrderedDict,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
    abc.Set: set,
    abc.MutableSet: set,
}


def example(cls: type) -> Any:
    """
    Return an object of *cls*.

    Raise ProjectError if the types are not enough.

    >>> @dataclasses.dataclass
    ... class Order:
    ...     number: int
    ...     notes: list[str]
    >>> example(Order)
    Order(number=1, notes=['text'])
    """
    return _Maker(cls).of(cls)


class _Maker:
    def __init__(self, root: type) -> None:
        self._root = root
        self._open: list[Any] = []
        """The classes that are being made; one that holds itself is left empty there."""

    def of(self, kind: Any) -> Any:
        if kind in _VALUES:
            return _VALUES[kind]
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin is None:
            return self._of_class(kind)
        if origin in {typing.Union, types.UnionType}:
            return self._of_union(args)
        if origin is typing.Literal:
            return args[0]
        container = _CONTAINERS.get(origin)
        if container is None or not args:
            raise self._unknown(f"{kind!r} is not specific enough")
        return self._of_container(container, args)

    def _of_union(self, kinds: tuple[Any, ...]) -> Any:
        possible = [kind for kind in kinds if kind not in self._open]
        return self.of(possible[0]) if possible else None

    def _of_container(self, kind: Any, args: tuple[Any, ...]) -> Any:
        if any(arg in self._open for arg in args):
            return kind()
        made = [self.of(arg) for arg in args if arg is not ...]
        if kind is tuple:
            return (*made,)
        return kind([made] if issubclass(kind, dict) else made)

    def _of_class(self, cls: Any) -> Any:
        if not isinstance(cls, type) or cls in self._open:
            raise self._unknown(f"{cls!r} is not specific enough")
        if cls in {list, tuple, dict, set, frozenset}:
            return cls()
        if issubclass(cls, enum.Enum):
            return next(iter(cls))
        self._open.append(cls)
        hints = hints_of(cls)
        given = {name: self._given(cls, name, hints) for name in _needed(cls)}
        self._open.pop()
        try:
            return cls(**given)
        except Exception as exc:
            raise self._unknown(f"{cls.__qualname__}({given}) raises {exc!r}") from exc

    def _given(self, cls: type, name: str, hints: dict[str, Any]) -> Any:
        if name not in hints:
            raise self._unknown(f"{cls.__qualname__} does not declare the type of {name!r}")
        return self.of(hints[name])

    def _unknown(self, problem: str) -> ProjectError:
        ref = ref_of(self._root)
        return ProjectError(
            ref,
            f"no sample can be made from its types: {problem}",
            "write a function that returns one, with "
            f"@versionpickle.testing.sample({self._root.__name__}), in a module that modules or "
            "sample-modules in [tool.versionpickle] lists",
        )


def _needed(cls: Any) -> list[str]:
    """Return what the class wants to be called with: all fields of a declared one."""
    declares = attrs.has(cls) or dataclasses.is_dataclass(cls)
    return [one.name for one in parameters(cls) if declares or not one.has_default]


@attrs.frozen
class Parameter:
    """What a constructor takes, and the attribute that holds it."""

    name: str
    attribute: str
    has_default: bool


def parameters(cls: type) -> list[Parameter]:
    """Return what the constructor of a class takes by name."""
    return list(_parameters(cls))


def _parameters(cls: Any) -> Iterator[Parameter]:
    aliases = {a.alias: a.name for a in getattr(cls, "__attrs_attrs__", ()) if a.init}
    try:
        found = inspect.signature(cls).parameters.values()
    except ValueError:
        return
    by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    for parameter in found:
        if parameter.kind in by_name:
            name = parameter.name
            has_default = parameter.default is not inspect.Parameter.empty
            yield Parameter(name, aliases.get(name, name), has_default)


def hints_of(cls: Any) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for source in (cls, cls.__init__):
        with contextlib.suppress(Exception):  # its types stay unknown, and are reported by name
            hints |= typing.get_type_hints(source)
    by_name = {
        attribute.name: attribute.alias for attribute in getattr(cls, "__attrs_attrs__", ())
    }
    return {by_name.get(name, name): kind for name, kind in hints.items()}
