"""Choose the codec for a class."""

from __future__ import annotations

import enum

from collections.abc import Callable
from importlib import import_module

from versionpickle._classes.layout import Layout, check_extra, check_transient, layout_of

from .base import Codec, Owner
from .fields import FieldsCodec


def codec_of(owner: Owner) -> Codec:
    """Return how the objects of the class of *owner* are stored."""
    cls, declaration = owner.cls, owner.declaration
    check_transient(cls, declaration.transient)
    layout = layout_of(cls, declaration.transient)
    if declaration.extra == "keep":
        check_extra(cls, layout)
    return _kind(owner, layout)(owner, layout)


def _kind(owner: Owner, layout: Layout) -> Callable[[Owner, Layout], Codec]:
    seldom = [
        (issubclass(owner.cls, enum.Enum) and not layout.custom_reduce, "enum", "EnumCodec"),
        (owner.declaration.has_factory, "factory", "FactoryCodec"),
        (layout.custom_reduce, "custom", "CustomCodec"),
        (layout.kind == "named tuple", "values", "NamedTupleCodec"),
        (layout.kind == "struct", "values", "StructCodec"),
        (layout.kind == "model", "pydantic", "PydanticCodec"),
        (layout.fieldless, "open", "OpenCodec"),
    ]
    for fits, module, name in seldom:
        if fits:  # what many programs have no use for, they need not import
            kind: Callable[[Owner, Layout], Codec]
            kind = getattr(import_module(f".{module}", __package__), name)
            return kind
    return FieldsCodec
