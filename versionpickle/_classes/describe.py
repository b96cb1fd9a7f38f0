"""What there is to record of a class: its fields, their types as text, their defaults."""

from __future__ import annotations

import ast
import dataclasses
import enum
import re
import sys

from typing import Any

import attrs

from versionpickle.migrations._schema import Recorded, RecordedField, Schema

from .fields import own_attributes
from .instrument import Instrumentation
from .third_party import is_model


FACTORY = "..."
"""Stands for a default that is no literal."""


def recorded(known: Instrumentation) -> Recorded:
    """Describe a class as it is today."""
    declaration, layout = known.declaration, known.codec.layout
    *bases, _ = ((base.key, base.version) for base in known.lineage())
    transient = tuple(sorted(declaration.transient))
    found = Recorded(declaration.version, None, transient, tuple(bases))
    if issubclass(known.cls, enum.Enum):
        members: Any = known.cls.__members__
        return attrs.evolve(found, fields=tuple(RecordedField(name, "member") for name in members))
    if layout.open or layout.custom_reduce or declaration.has_factory:
        return found
    types = types_of(known.cls)
    fields = tuple(
        RecordedField(field.name, types.get(field.name, ""), default_of(known.cls, field.name))
        for field in layout.fields
        if not field.name.startswith("__pydantic_")
    )
    return attrs.evolve(found, fields=fields)


def schema_of(known: Instrumentation, before: Schema | None = None) -> Schema:
    """Return the schema of a class, with today's version behind those of *before*."""
    declaration, today = known.declaration, recorded(known)
    earlier = () if before is None else before.versions
    versions = (*(one for one in earlier if one.version < today.version), today)
    return Schema(declaration.ref, versions, declaration.name, tuple(declaration.formerly))


def types_of(cls: type) -> dict[str, str]:
    """Return the types of all fields, as text that does not depend on how they are written."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= {name: type_text(kind) for name, kind in _annotations(base).items()}
        found |= {
            attribute.name: type_text(attribute.type)
            for attribute in own_attributes(base)
            if attribute.type is not None
        }
    return found


def _annotations(base: type) -> dict[str, Any]:
    if sys.version_info >= (3, 14):  # pragma: no cover - coverage is measured on others too
        import annotationlib  # noqa: PLC0415 - it is not there earlier

        text = annotationlib.Format.STRING
        return annotationlib.get_annotations(base, format=text)
    own: dict[str, Any] = vars(base).get("__annotations__", {})
    return own


def type_text(kind: object) -> str:
    """
    Return a type as text.

    >>> import decimal, typing
    >>> type_text(decimal.Decimal), type_text("decimal.Decimal"), type_text(list[int])
    ('Decimal', 'Decimal', 'list[int]')
    >>> type_text("Literal['a']"), type_text("'Order'")
    ("Literal['a']", 'Order')
    >>> type_text(typing.Optional[int]), type_text("Optional[int]"), type_text("int|None")
    ('int | None', 'int | None', 'int | None')
    """
    if isinstance(kind, type) and not hasattr(kind, "__args__"):
        text = kind.__qualname__
    else:
        text = kind if isinstance(kind, str) else _NO_CODE.sub("_", str(kind))
    tree = _parsed(text)
    return text if tree is None else ast.unparse(_Short().visit(tree))


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:  # such as '<locals>' in it
        return None


_NO_CODE = re.compile(r"<[^<>]*>")
"""What a repr says where it has no code: with an address, mostly."""


class _Short(ast.NodeTransformer):
    """Drop modules, and write unions in one way."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self.visit_Name(ast.Name(node.attr))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(None) if node.id == "NoneType" else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):  # a forward reference
            return _parsed(type_text(node.value)) or node
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        named = ast.unparse(node.func).endswith("ForwardRef") and node.args
        return self.visit(node.args[0]) if named else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if ast.unparse(node.value).endswith("Literal"):
            return ast.Subscript(ast.Name("Literal"), node.slice)
        if ast.unparse(node.value).endswith("Annotated") and isinstance(node.slice, ast.Tuple):
            first: ast.AST = self.visit(node.slice.elts[0])
            return first
        self.generic_visit(node)
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        if name == "Optional":
            return ast.BinOp(node.slice, ast.BitOr(), ast.Constant(None))
        if name == "Union" and isinstance(node.slice, ast.Tuple):
            first, *others = node.slice.elts
            for other in others:
                first = ast.BinOp(first, ast.BitOr(), other)
            return first
        return node


def default_of(cls: type, name: str) -> str | None:
    """Return the source text of a default: a literal, or FACTORY; None where there is none."""
    default = _default(cls, name)
    if default is _NOTHING:
        return None
    text = repr(sorted(default, key=repr)) if type(default) is set else repr(default)
    if type(default) is set and default:
        text = f"{{{text[1:-1]}}}"
    try:
        same = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return FACTORY
    return text if same == default and type(same) is type(default) else FACTORY


_NOTHING = object()


def _default(cls: Any, name: str) -> Any:
    for base in cls.__mro__:
        for attribute in own_attributes(base):
            if attribute.name == name:
                return _NOTHING if attribute.default is attrs.NOTHING else attribute.default
    if dataclasses.is_dataclass(cls) and name in cls.__dataclass_fields__:
        field = cls.__dataclass_fields__[name]
        if field.default is not dataclasses.MISSING:
            return field.default
        return _NOTHING if field.default_factory is dataclasses.MISSING else field.default_factory
    if is_model(cls) and name in cls.__pydantic_fields__:
        info = cls.__pydantic_fields__[name]
        if info.is_required():
            return _NOTHING
        return info.default if info.default_factory is None else info.default_factory
    return _default_of_values(cls, name)


def _default_of_values(cls: Any, name: str) -> Any:
    """Return the default of a field of a named tuple or struct."""
    defaults = dict(getattr(cls, "_field_defaults", {}))
    names = getattr(cls, "__struct_fields__", ())
    values = getattr(cls, "__struct_defaults__", ())
    defaults |= zip(names[len(names) - len(values) :], values, strict=True)
    found = defaults.get(name, _NOTHING)
    return _NOTHING if type(found).__name__ == "NoDefaultType" else found
