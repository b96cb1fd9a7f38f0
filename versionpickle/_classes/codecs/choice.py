"""Which shape of state a class has."""

from __future__ import annotations

import enum

from collections.abc import Callable
from typing import TYPE_CHECKING

from versionpickle._classes.third_party import is_model, is_named_tuple, is_struct
from .enum import EnumShape
from .fields import FieldsShape, OpenShape
from versionpickle._classes.layout import Layout, check_extra, check_transient, layout_of
from .pydantic import ModelShape
from .custom import OwnShape
from .factory import RebuildShape
from .base import Shape
from .values import StructShape, TupleShape


if TYPE_CHECKING:
    from versionpickle._classes.hooks import Hooks


def shape_of(hooks: Hooks) -> Shape:
    """Return the shape of the class that *hooks* serve."""
    check_transient(hooks.cls, hooks.declaration.transient)
    layout = layout_of(hooks.cls, hooks.declaration.transient)
    if hooks.declaration.extra == "keep":
        check_extra(hooks.cls, layout)
    return _kind(hooks, layout)(hooks, layout)


def _kind(hooks: Hooks, layout: Layout) -> Callable[[Hooks, Layout], Shape]:
    cls = hooks.cls
    kinds: list[tuple[bool, Callable[[Hooks, Layout], Shape]]] = [
        (issubclass(cls, enum.Enum) and not layout.own_state, EnumShape),
        (hooks.rebuilds, RebuildShape),
        (layout.own_state, OwnShape),
        (is_named_tuple(cls), TupleShape),
        (is_struct(cls), StructShape),
        (is_model(cls), ModelShape),
        (layout.is_bare, OpenShape),
    ]
    return next((shape for fits, shape in kinds if fits), FieldsShape)
