"""Compare types as recorded in schemas: which values of one are also values of another."""

from __future__ import annotations

import ast
import re

from collections.abc import Iterator, Mapping


_ANYTHING = frozenset({"", "Any", "object"})
_NARROWER = {
    "int": {"bool"},
    "Sequence": {"list", "tuple", "MutableSequence"},
    "MutableSequence": {"list"},
    "Mapping": {"dict", "MutableMapping"},
    "MutableMapping": {"dict"},
    "Iterable": {"list", "tuple", "set", "frozenset", "dict", "Sequence", "Collection"},
    "Collection": {"list", "tuple", "set", "frozenset", "dict", "Sequence"},
}
"""What else a field of such a type may hold."""


def accepts(new: str, old: str) -> bool:
    """
    Whether a field of type *new* may hold the values of type *old* as they are.

    >>> accepts("int | None", "int"), accepts("int", "bool"), accepts("Any", "int")
    (True, True, True)
    >>> accepts("int", "int | None"), accepts("Decimal", "int"), accepts("int", "")
    (False, False, False)
    """
    if new == old or new in _ANYTHING:
        return True
    try:
        wide, narrow = (ast.parse(text, mode="eval").body for text in (new, old))
    except SyntaxError:  # no type was recorded, or a local class
        return False
    return all(any(_takes(one, other) for one in _members(wide)) for other in _members(narrow))


def _members(kind: ast.expr) -> Iterator[ast.expr]:
    if isinstance(kind, ast.BinOp):
        yield from _members(kind.left)
        yield from _members(kind.right)
    elif isinstance(kind, ast.Subscript) and _name(kind) in _TRANSPARENT:
        yield from _members(_arguments(kind)[0])
    else:
        yield kind


_TRANSPARENT = frozenset({"Annotated", "Final"})


def _takes(new: ast.expr, old: ast.expr) -> bool:
    new_name, old_name = _name(new), _name(old)
    if old_name == "Literal":
        return _takes_literal(new, _arguments(old))
    if new_name not in {old_name, *_ANYTHING} and old_name not in _NARROWER.get(new_name, ()):
        return False
    wide, narrow = _arguments(new), _arguments(old)
    if not wide:
        return True
    pairs = zip(wide, narrow, strict=False)
    return len(wide) == len(narrow) and all(
        accepts(ast.unparse(one), ast.unparse(other)) for one, other in pairs
    )


def _takes_literal(new: ast.expr, values: list[ast.expr]) -> bool:
    kinds = {type(value.value).__name__ for value in values if isinstance(value, ast.Constant)}
    known = {ast.unparse(value) for value in _arguments(new)}
    return kinds == {_name(new)} or known.issuperset(map(ast.unparse, values))


def _name(kind: ast.expr) -> str:
    return ast.unparse(kind.value if isinstance(kind, ast.Subscript) else kind)


def _arguments(kind: ast.expr) -> list[ast.expr]:
    if not isinstance(kind, ast.Subscript):
        return []
    return kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]


def renamed_types(text: str, names: Mapping[str, str]) -> str:
    """
    Return a type with the new names of classes.

    >>> renamed_types("dict[str, Customer]", {"Customer": "Client"}), renamed_types("", {})
    ('dict[str, Client]', '')
    """
    return _NAME.sub(lambda found: names.get(found.group(), found.group()), text)


_NAME = re.compile(r"(?<![\w'\"])[^\W\d]\w*(?![\w'\"])")
"""A name in a type, and not in a literal."""


def holds(text: str, value: object) -> bool | None:
    """
    Whether a value is of a type; None if the type is not a simple one.

    >>> holds("int | None", None), holds("int", 9.5), holds("float", 9), holds("Order", 9)
    (True, False, True, None)
    """
    kinds = [_SIMPLE.get(part.strip()) for part in text.split("|")]
    if None in kinds:
        return None
    return isinstance(value, tuple(one for kind in kinds if kind for one in kind))


_SIMPLE: dict[str, tuple[type, ...]] = {
    "None": (type(None),),
    "bool": (bool,),
    "bytes": (bytes,),
    "dict": (dict,),
    "float": (float, int),
    "int": (int,),
    "list": (list,),
    "set": (set,),
    "str": (str,),
    "tuple": (tuple,),
}
