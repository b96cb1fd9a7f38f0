"""The type of a field as text, independent of how its author spelled it."""

from __future__ import annotations

import ast
import re


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
"""What a repr has in place of code: with an address, mostly."""


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
