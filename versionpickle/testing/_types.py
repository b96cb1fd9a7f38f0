"""Hypothesis strategies for field types."""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import sys
import types
import typing
import uuid

from collections import ChainMap, Counter, abc
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hypothesis import errors
from hypothesis import strategies as st

from versionpickle._classes.describe import types_of
from versionpickle._classes.fields import declares_fields
from versionpickle._classes.instrument import instrumentation_of
from versionpickle._classes.third_party import is_struct
from versionpickle._classes.type_text import type_text
from versionpickle._project.example import Parameter, hints_of, parameters
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import ProjectError


Strategy: TypeAlias = st.SearchStrategy[Any]
Strategies: TypeAlias = Mapping[str, Strategy]

_SCALARS = st.none() | st.booleans() | st.integers() | st.text()
_LEAVES: tuple[tuple[Any, Strategy], ...] = (
    (Any, _SCALARS),
    (object, _SCALARS),
    (None, st.none()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
)
"""What differs from Hypothesis: not-a-number equals nothing, and old data seldom holds it."""

_CONTAINERS: dict[Any, Callable[..., Strategy]] = {
    tuple: st.tuples,
    frozenset: st.frozensets,
    **dict.fromkeys((set, abc.Set, abc.MutableSet), st.sets),
    **dict.fromkeys((dict, abc.Mapping, abc.MutableMapping), st.dictionaries),
    **dict.fromkeys((list, abc.Sequence, abc.MutableSequence), st.lists),
    **dict.fromkeys((abc.Iterable, abc.Collection), st.lists),
}

_DEEPEST = 2
"""How deep objects of one class are nested in each other; inner ones have what they need."""

_MOST = 2
"""How many objects a container of them holds."""

_MODULES = (
    collections,
    abc,
    typing,
    datetime,
    decimal,
    fractions,
    uuid,
    pathlib,
    enum,
    types,
)
"""Where names in recorded types come from that the module of the class no longer knows."""


class Types:
    """Make strategies of types, for one class and with what the user gave instead of some."""

    def __init__(self, cls: type, given: Strategies) -> None:
        self._cls = cls
        self._given = given
        self._objects: dict[tuple[type, frozenset[tuple[type, int]]], Strategy] = {}
        self._depth: Counter[type] = Counter()
        """How many objects of each class the one that is being made is in."""

    # Recorded types

    def of_text(self, text: str, field: str) -> Strategy:
        """Return the strategy of a recorded type."""
        if text in self._given:
            return self._given[text]
        if not text:
            raise self._unknown_type(field)
        try:
            kind = eval(text, {"__builtins__": {}}, self._names())  # noqa: S307 - it comes from a schema of the user's
        except NameError as exc:
            raise self._error(
                f"its field {field!r} was of the type {text}, and the name {exc.name!r} is gone",
                f"pass a strategy for it: types={{{exc.name!r}: ...}}",
            ) from None
        except Exception as exc:  # noqa: BLE001 - whatever it is, it means nothing
            raise self._error(
                f"its field {field!r} was of the type {text}, which means nothing today "
                f"({type(exc).__name__}: {exc})",
                f"pass a strategy for it: types={{{text!r}: ...}}",
            ) from None
        return self.of(kind)

    def _names(self) -> Mapping[str, Any]:
        """Return what names in the text of a type mean."""
        stand_ins = {name: type(name, (), {}) for name in self._given if name.isidentifier()}
        module = sys.modules.get(self._cls.__module__)
        found = {} if module is None else vars(module)
        imported = [one for one in found.values() if isinstance(one, types.ModuleType)]
        others = [vars(one) for one in (*_MODULES, builtins, *imported)]
        itself = {self._cls.__name__: self._cls}
        meant = ChainMap(*map(_without_modules, (itself, dict(vars(self._cls)), found, *others)))
        return meant.new_child(stand_ins)

    # Types

    def of(self, kind: Any) -> Strategy:
        """Return the strategy of a type."""
        known = self._known(kind)
        if known is not None:
            return known
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin in {typing.Union, types.UnionType}:
            return st.one_of([self.of(arg) for arg in args])
        if origin is typing.Annotated:
            return self.of(args[0])
        if origin in _CONTAINERS:
            return self._of_container(origin, args)
        return self._of_another(kind)

    def _known(self, kind: Any) -> Strategy | None:
        given = self._given.get(type_text(kind))
        if given is not None:
            return given
        if isinstance(kind, type) and _is_of_a_project(kind):
            return self._deferred(kind)
        return next((strategy for leaf, strategy in _LEAVES if leaf is kind), None)

    def _of_container(self, origin: Any, args: tuple[Any, ...]) -> Strategy:
        made = _CONTAINERS[origin]
        if args[-1:] == (...,):
            return st.lists(self.of(args[0])).map(tuple)
        parts = [self.of(arg) for arg in args]
        if made is not st.tuples and any(map(_is_object, args)):
            return made(*parts, max_size=0 if any(part.is_empty for part in parts) else _MOST)
        return made(*parts)

    def _deferred(self, cls: type) -> Strategy:
        """Return the objects of a class; those that hold others of it end at some depth."""
        depth = self._depth[cls]
        known = cls, frozenset(self._depth.items())
        if depth >= _DEEPEST:
            return st.nothing()
        if known not in self._objects:
            self._depth[cls] = depth + 1
            self._objects[known] = self.objects(cls, {})
            self._depth[cls] = depth
        return self._objects[known]

    def _of_another(self, kind: Any) -> Strategy:
        try:
            strategy = st.from_type(kind)
            strategy.validate()
        except (errors.HypothesisException, TypeError) as exc:
            text = type_text(kind)
            raise self._error(
                f"Hypothesis knows no values of the type {text} ({exc})",
                f"pass a strategy for it: types={{{text!r}: ...}}",
            ) from None
        return strategy

    # Objects

    def objects(self, cls: type, fields: Strategies) -> Strategy:
        """Return what the constructor of a class makes, without what it refuses."""
        if issubclass(cls, enum.Enum):
            return st.sampled_from(cls)
        required, optional = dict[str, Strategy](), dict[str, Strategy]()
        for parameter in parameters(cls):
            name = parameter.name
            if parameter.has_default and self._depth[cls]:
                continue
            strategy = fields[name] if name in fields else self._of_parameter(cls, parameter)
            if strategy is not None:
                (optional if parameter.has_default else required)[name] = strategy
        given = st.fixed_dictionaries(required, optional=optional)
        return given.map(lambda given: _made(cls, given)).filter(lambda obj: obj is not _REFUSED)

    def _of_parameter(self, cls: type, parameter: Parameter) -> Strategy | None:
        hints = hints_of(cls)
        if parameter.name in hints:
            return self.of(hints[parameter.name])
        text = types_of(cls).get(parameter.attribute, "")
        if text:
            return self.of_text(text, parameter.name)
        if parameter.has_default:
            return None
        raise self._unknown_type(parameter.name)

    def _unknown_type(self, field: str) -> ProjectError:
        return self._error(
            f"the type of its field {field!r} is unknown",
            f"pass a strategy for it: fields={{{field!r}: ...}}",
        )

    def _error(self, problem: str, cure: str) -> ProjectError:
        return ProjectError(ref_of(self._cls), problem, cure)


def _without_modules(names: Mapping[str, Any]) -> dict[str, Any]:
    """Drop modules: some have the name of a class in them, such as datetime."""
    return {
        name: meant for name, meant in names.items() if not isinstance(meant, types.ModuleType)
    }


_REFUSED = object()


def _made(cls: Any, given: dict[str, Any]) -> Any:
    try:
        return cls(**given)
    except Exception:  # noqa: BLE001 - whatever a class raises, it refuses these values
        return _REFUSED


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and _is_of_a_project(kind)


def _is_of_a_project(kind: type) -> bool:
    """Return whether Hypothesis would know less about a class than we do."""
    if issubclass(kind, enum.Enum):
        return False
    return declares_fields(kind) or is_struct(kind) or instrumentation_of(kind) is not None
