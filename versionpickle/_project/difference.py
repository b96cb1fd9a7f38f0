"""The difference between two versions of a class, and the operations for it."""

from __future__ import annotations

import ast

from collections.abc import Iterable, Iterator, Mapping

import attrs

from versionpickle._classes.describe import FACTORY
from versionpickle.migrations._schema import Recorded, RecordedField

from .type_texts import accepts


MEMBER = "member"
"""The recorded type of the members of an enum."""


@attrs.frozen
class Change:
    """A change of one field; *old* or *new* is None if the field was added or removed."""

    field: str
    old: RecordedField | None
    new: RecordedField | None
    widened: bool = False
    """Whether the new type is a base class of the old one."""

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
        if self.old is None or self.new is None or self.widened:
            return False
        return not accepts(self.new.type, self.old.type)

    @property
    def lossless(self) -> str | None:
        """The code that converts each old value without changing it; None if there is none."""
        assert self.old is not None
        assert self.new is not None
        return _LOSSLESS.get((self.old.type, self.new.type))

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


_LOSSLESS = {
    ("int", "float"): "lambda value: float(value) if float(value) == value else value",
    ("int", "Decimal"): "Decimal",
}
"""Conversions of plain types that lose nothing: all others are for the user to write."""


@attrs.frozen
class ClassDifference:
    """What has changed in a class: its fields, and everything else as sentences."""

    fields: tuple[Change, ...]
    others: tuple[str, ...]
    structure: tuple[str, ...] = ()
    """Those of the others that no operation can follow."""

    inherited: tuple[Change, ...] = ()
    """Changes that belong to a base class."""

    @property
    def is_of_enum(self) -> bool:
        fields = (field for change in self.fields for field in (change.old, change.new))
        return any(field is not None and field.type == MEMBER for field in fields)

    def __bool__(self) -> bool:
        return bool(self.fields or self.others)


def changes(old: Recorded, new: Recorded) -> Iterator[Change]:
    """Yield the changes of the fields, whose order does not matter."""
    for field in old.fields or ():
        today = new.field(field.name)
        if today != field:
            yield Change(field.name, field, today)
    for field in new.fields or ():
        if old.field(field.name) is None:
            yield Change(field.name, None, field)


def declaring(old: Recorded, new: Recorded) -> tuple[bool, bool]:
    """Return whether the old class declares its fields, and whether the new one does."""
    return old.fields is not None, new.fields is not None


def other_changes(old: Recorded, new: Recorded, declared: tuple[bool, bool]) -> Iterator[str]:
    """Yield, as sentences, what has changed apart from the fields."""
    for name in sorted(set(old.transient) ^ set(new.transient)):
        yield f"the field {name!r} is {'now' if name in new.transient else 'no longer'} transient"
    yield from structural_changes(old, new, declared)


def structural_changes(old: Recorded, new: Recorded, declared: tuple[bool, bool]) -> Iterator[str]:
    """Yield what has changed in the structure of the class."""
    if declared[0] != declared[1]:
        yield f"the class {'declares' if declared[1] else 'no longer declares'} its fields"
    for base, version in sorted(set(old.bases) ^ set(new.bases)):
        verb = "derives" if (base, version) in new.bases else "derived"
        yield f"it {verb} from {base} at version {version}"


def renamed_perhaps(found: Iterable[Change]) -> list[tuple[str, str]]:
    """Return the pairs of a removed field and an added one of the same type, if it is known."""
    ones = [*found]
    gone = [change.old for change in ones if change.new is None and change.old is not None]
    come = [change.new for change in ones if change.old is None and change.new is not None]
    return [
        (old.name, new.name)
        for old in gone
        for new in come
        if old.type == new.type or not (old.type and new.type)
    ]


def renamed(recorded: Recorded, renames: Mapping[str, str]) -> Recorded:
    """Return what was recorded, with the new names of fields."""
    fields = tuple(
        attrs.evolve(field, name=renames.get(field.name, field.name))
        for field in recorded.fields or ()
    )
    return recorded if recorded.fields is None else attrs.evolve(recorded, fields=fields)


@attrs.frozen
class Codes:
    """What the changes do not show: arguments of add() by field, and functions of convert()."""

    values: Mapping[str, str] = attrs.field(factory=dict)
    functions: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class OperationCode:
    """
    The code of an operation.

    >>> print(OperationCode("rename", ("'a'", "'b'")))
    rename('a', 'b')
    """

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


_UNKNOWN = Codes()


def operations(found: Iterable[Change], codes: Codes = _UNKNOWN) -> list[OperationCode]:
    """
    Return the operations for these changes: additions first, which may read what is removed last.

    If *codes* has no value or function for a field, ``...`` takes its place.
    """
    changed = [*found]
    additions = [_addition(one, codes) for one in changed if one.old is None]
    others = [_of_both(change, codes) for change in changed if change.old and change.new]
    removals = [OperationCode("remove", (repr(one.field),)) for one in changed if not one.new]
    return [one for one in (*additions, *others, *removals) if one is not None]


def _addition(change: Change, codes: Codes) -> OperationCode:
    assert change.new is not None
    default = "..." if change.new.default in {None, FACTORY} else change.new.default
    argument = codes.values.get(change.field) or added_value(str(default))
    return OperationCode("add", (repr(change.field), argument))


def _of_both(change: Change, codes: Codes) -> OperationCode | None:
    assert change.old is not None
    assert change.new is not None
    name, default = repr(change.field), change.old.default
    if change.needs_conversion or change.field in codes.functions:
        code = codes.functions.get(change.field, change.lossless or "...")
        return OperationCode("convert", (name, code))
    if default not in {None, FACTORY, change.new.default}:
        assert default is not None
        return OperationCode("add", (name, added_value(default), "exist_ok=True"))
    return None


def added_value(code: str) -> str:
    """
    Return the argument of ``add()`` that gives each object the value of *code*.

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
