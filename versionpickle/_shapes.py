"""The three shapes of state: declared fields, a free ``__dict__``, and a class's own."""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING

from ._enum_shape import EnumShape
from ._fields_shape import FieldsShape, OpenShape
from ._layout import check_transient, layout_of
from ._own_shape import OwnShape
from ._shape import Shape


if TYPE_CHECKING:
    from ._hooks import Hooks


def shape_of(hooks: Hooks) -> Shape:
    """Return the shape of the class that *hooks* serve."""
    check_transient(hooks.cls, hooks.declaration.transient)
    layout = layout_of(hooks.cls, hooks.declaration.transient)
    if issubclass(hooks.cls, enum.Enum):
        return EnumShape(hooks, layout)
    if layout.own_state:
        return OwnShape(hooks, layout)
    return OpenShape(hooks, layout) if layout.is_bare else FieldsShape(hooks, layout)
