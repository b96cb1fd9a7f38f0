"""Which shape of state a class has."""

from __future__ import annotations

import enum

from collections.abc import Callable

from versionpickle._classes.layout import Layout, check_extra, check_transient, layout_of
from versionpickle._classes.third_party import is_model, is_named_tuple, is_struct

from .base import Codec, Owner
from .custom import CustomCodec
from .enum import EnumCodec
from .factory import FactoryCodec
from .fields import FieldsCodec, OpenCodec
from .pydantic import PydanticCodec
from .values import NamedTupleCodec, StructCodec


def codec_of(owner: Owner) -> Codec:
    """Return how objects are stored of the class of *owner*."""
    check_transient(owner.cls, owner.declaration.transient)
    layout = layout_of(owner.cls, owner.declaration.transient)
    if owner.declaration.extra == "keep":
        check_extra(owner.cls, layout)
    return _kind(owner, layout)(owner, layout)


def _kind(owner: Owner, layout: Layout) -> Callable[[Owner, Layout], Codec]:
    cls = owner.cls
    kinds: list[tuple[bool, Callable[[Owner, Layout], Codec]]] = [
        (issubclass(cls, enum.Enum) and not layout.custom_reduce, EnumCodec),
        (owner.declaration.has_factory, FactoryCodec),
        (layout.custom_reduce, CustomCodec),
        (is_named_tuple(cls), NamedTupleCodec),
        (is_struct(cls), StructCodec),
        (is_model(cls), PydanticCodec),
        (layout.fieldless, OpenCodec),
    ]
    return next((codec for fits, codec in kinds if fits), FieldsCodec)
