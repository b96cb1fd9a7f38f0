"""Which shape of state a class has."""

from __future__ import annotations

import enum

from collections.abc import Callable
from typing import TYPE_CHECKING

from versionpickle._classes.layout import Layout, check_extra, check_transient, layout_of
from versionpickle._classes.third_party import is_model, is_named_tuple, is_struct

from .base import Codec
from .custom import CustomCodec
from .enum import EnumCodec
from .factory import FactoryCodec
from .fields import FieldsCodec, OpenCodec
from .pydantic import PydanticCodec
from .values import NamedTupleCodec, StructCodec


if TYPE_CHECKING:
    from versionpickle._classes.hooks import Hooks


def codec_of(hooks: Hooks) -> Codec:
    """Return the shape of the class that *hooks* serve."""
    check_transient(hooks.cls, hooks.declaration.transient)
    layout = layout_of(hooks.cls, hooks.declaration.transient)
    if hooks.declaration.extra == "keep":
        check_extra(hooks.cls, layout)
    return _kind(hooks, layout)(hooks, layout)


def _kind(hooks: Hooks, layout: Layout) -> Callable[[Hooks, Layout], Codec]:
    cls = hooks.cls
    kinds: list[tuple[bool, Callable[[Hooks, Layout], Codec]]] = [
        (issubclass(cls, enum.Enum) and not layout.custom_reduce, EnumCodec),
        (hooks.has_factory, FactoryCodec),
        (layout.custom_reduce, CustomCodec),
        (is_named_tuple(cls), NamedTupleCodec),
        (is_struct(cls), StructCodec),
        (is_model(cls), PydanticCodec),
        (layout.fieldless, OpenCodec),
    ]
    return next((codec for fits, codec in kinds if fits), FieldsCodec)
