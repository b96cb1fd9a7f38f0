"""What has changed between two versions of a class, and the operations that say so."""

from __future__ import annotations

import ast

from collections.abc import Iterable, Iterator, Mapping

import attrs

from versionpickle._classes.describe import FACTORY
from versionpickle.migrations._schema import Recorded, RecordedField

from .type_texts import accepts


@attrs.frozen
class Change:
    """One thing that is not as it was; *old* or *new* is None where a field came or went."""

    field: str
    old: RecordedField | None
    new: RecordedField | None

    @property
    def kind(self) -> str:
        if self.old is None:
            return "added"
        if self.new is None:
            return "removed"
        return "retyped" if self.old.type != self.new.type else "default"

    @property
    def needs_conversion(self) -> bool:
        """Whether the new type does not take the old values as they are."""
        both = self.old is not None and self.new is not None
        return both and not accepts(self.new.type, self.old.type)  # type: ignore[union-attr] # which both says

    def __str__(self) -> str:
        old, new = self.old, self.new
        if old is None or new is None:
            field = old or new
            assert field is not None
            default = "" if field.default is None else f" = {field.default}"
            return f"the field {self.field!r} was {self.kind}: {field.type or 'any type'}{default}"
        if self.kind == "retyped":
            is_now = new.type or "of any type"
            return f"the field {self.field!r} was {old.type or 'of any type'}, and is {is_now}"
        return f"the default of {self.field!r} was {_shown(old)}, and is {_shown(new)}"


def _shown(field: RecordedField) -> str:
    if field.default is None:
        return "none"
    return "made by a call" if field.default == FACTORY else field.default


@attrs.frozen
class ClassDifference:
    """What has changed of a class: its fields, and all else as sentences."""

    fields: tuple[Change, ...]
    others: tuple[str, ...]
    structure: tuple[str, ...] = ()
    """Those of the others that no operation can follow."""

    def __bool__(self) -> bool:
        return bool(self.fields or self.others)


def changes(old: Recorded, new: Recorded) -> Iterator[Change]:
    """Yield what has changed of the fields, which may stand in another order by now."""
    for field in old.fields or ():
        today = new.field(field.name)
        if today != field:
            yield Change(field.name, field, today)
    for field in new.fields or ():
        if old.field(field.name) is None:
            yield Change(field.name, None, field)


def other_changes(old: Recorded, new: Recorded) -> Iterator[str]:
    """Yield, as sentences, what has changed beside the fields."""
    for name in sorted(set(old.transient) ^ set(new.transient)):
        yield f"the field {name!r} is {'now' if name in new.transient else 'no longer'} transient"
    yield from structural_changes(old, new)


def structural_changes(old: Recorded, new: Recorded) -> Iterator[str]:
    """Yield what has changed of how the class is made."""
    if (old.fields is None) != (new.fields is None):
        yield f"the class {'declares' if old.fields is None else 'no longer declares'} its fields"
    for base, version in sorted(set(old.bases) ^ set(new.bases)):
        verb = "derives" if (base, version) in new.bases else "derived"
        yield f"it {verb} from {base} at version {version}"


def renamed_perhaps(found: Iterable[Change]) -> list[tuple[str, str]]:
    """Return the pairs of a field that went and one of the same type that came."""
    ones = [*found]
    gone = [change.old for change in ones if change.new is None and change.old is not None]
    come = [change.new for change in ones if change.old is None and change.new is not None]
    return [(old.name, new.name) for old in gone for new in come if old.type == new.type]


def renamed(recorded: Recorded, renames: Mapping[str, str]) -> Recorded:
    """Return what was recorded, with fields by their new names."""
    fields = tuple(
        attrs.evolve(field, name=renames.get(field.name, field.name))
        for field in recorded.fields or ()
    )
    return recorded if recorded.fields is None else attrs.evolve(recorded, fields=fields)


@attrs.frozen
class Codes:
    """What the changes do not tell: *values* of fields that came, *functions* for types."""

    values: Mapping[str, str] = attrs.field(factory=dict)
    functions: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class OperationCode:
    """
    An operation as it is written.

    >>> print(OperationCode("rename", ("'a'", "'b'")))
    rename('a', 'b')
    """

    word: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.word}({', '.join(self.arguments)})"


_UNKNOWN = Codes()


def operations(found: Iterable[Change], codes: Codes = _UNKNOWN) -> Iterator[OperationCode]:
    """
    Yield the operations that lead through these changes.

    Where *codes* do not tell a value or function, ``...`` stands in its place.
    """
    for change in found:
        name = repr(change.field)
        if change.new is None:
            yield OperationCode("remove", (name,))
        elif change.old is None:
            default = codes.values.get(change.field, change.new.default or "...")
            if change.field in codes.values or change.new.default != FACTORY:
                yield OperationCode("add", (name, added_value(default)))
        elif change.needs_conversion or change.field in codes.functions:
            kind = change.new.type
            known = kind if kind.isidentifier() else "..."
            yield OperationCode("convert", (name, codes.functions.get(change.field, known)))
        elif change.old.default not in {None, FACTORY, change.new.default}:
            yield OperationCode("add", (name, added_value(change.old.default), "exist_ok=True"))


def added_value(code: str) -> str:
    """
    Return the argument that gives each object what *code* says.

    >>> added_value("0"), added_value("[]"), added_value("set()"), added_value("[1]")
    ('0', 'factory=list', 'factory=set', 'factory=lambda: [1]')
    >>> added_value("lambda: 5"), added_value("lambda state: 5")
    ('factory=lambda: 5', 'compute=lambda state: 5')
    """
    node = ast.parse(code, mode="eval").body
    if isinstance(node, ast.Lambda):
        return f"{'compute' if node.args.args else 'factory'}={code}"
    kind = _MUTABLE.get(type(node))
    if kind is None and isinstance(node, ast.Call) and ast.unparse(node.func) in _CALLED:
        kind = ast.unparse(node.func)
    if kind is None:
        return code
    is_empty = not any(True for part in ast.iter_child_nodes(node) if _is_content(node, part))
    return f"factory={kind}" if is_empty else f"factory=lambda: {code}"


_MUTABLE: dict[type[ast.AST], str] = {
    ast.List: "list",
    ast.Dict: "dict",
    ast.Set: "set",
    ast.ListComp: "list",
    ast.DictComp: "dict",
    ast.SetComp: "set",
}
_CALLED = frozenset(_MUTABLE.values()) | {"bytearray"}


def _is_content(node: ast.expr, part: ast.AST) -> bool:
    return isinstance(part, ast.expr | ast.comprehension | ast.keyword) and part is not getattr(
        node, "func", None
    )
