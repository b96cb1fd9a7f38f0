"""Recorded schemas: what is written of a class, and read again."""

from __future__ import annotations

import collections
import dataclasses
import decimal
import enum
import json
import typing

import attrs
import msgspec
import pydantic
import pytest

from hypothesis import given
from hypothesis import strategies as st

from versionpickle import Versioned, adopt, versioned
from versionpickle._classes.describe import recorded, schema_of
from versionpickle._classes.type_text import type_text
from versionpickle.migrations._schema import Recorded, RecordedField, Schema


names = st.text(st.characters(categories=["L"]), min_size=1, max_size=5)
fields = st.builds(RecordedField, names, st.text(max_size=5), st.none() | st.text(max_size=5))


@st.composite
def versions(draw):
    numbers = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True))
    return tuple(
        Recorded(
            number,
            draw(st.none() | st.lists(fields, max_size=4).map(tuple)),
            tuple(draw(st.lists(names, max_size=2))),
            tuple(draw(st.dictionaries(names, st.integers(1, 9), max_size=2)).items()),
        )
        for number in sorted(numbers)
    )


@given(
    st.builds(Schema, names, versions(), st.none() | names, st.lists(names, max_size=2).map(tuple))
)
def test_schema_round_trip(schema):
    """What is written is JSON, and is read as it was."""
    assert schema == Schema.from_text(schema.text())
    assert json.loads(schema.text())["class"] == schema.ref


ORDER = Schema(
    "shop:Order",
    (
        Recorded(1, (RecordedField("total", "int"),)),
        Recorded(
            2,
            (RecordedField("amount", "int"), RecordedField("currency", "str", "'USD'")),
            ("cache",),
            (("shop:Base", 3),),
        ),
    ),
    "order",
    ("old:Order",),
)


def test_lines():
    """A field stands on a line of its own, so that version control shows what changed."""
    text = ORDER.text()

    assert '        {"name": "currency", "type": "str", "default": "\'USD\'"}\n' in text
    assert ORDER.at(1) == ORDER.versions[0]
    assert ORDER.at(3) is None
    assert ORDER.latest.field("amount").type == "int"
    assert ORDER.latest.field("total") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"int"}', '"str"}', "edited by hand"),
        ('"version": 2', '"version": 1', "which are not in ascending order"),
        ('"latest": "2', '"latest": "3', "which is not in it"),
    ],
)
def test_edited(old, new, problem):
    """A file that contradicts itself is none."""
    with pytest.raises(ValueError, match=problem):
        Schema.from_text(ORDER.text().replace(old, new))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int", int),
        ("decimal.Decimal", decimal.Decimal),
        ("Optional[Decimal]", decimal.Decimal | None),
        ("typing.Union[int,str]", typing.Union[int, str]),  # noqa: UP007 - as many write it
        ("dict[str, list[int]]", dict[str, list[int]]),
        ("List['Order']", typing.List["Order"]),  # noqa: UP006, F821 - as above
        ("collections.abc.Callable[[int], str]", collections.abc.Callable[[int], str]),
        ("Literal['a', 1]", typing.Literal["a", 1]),
        ("'int'", "int"),
    ],
)
def test_types(one, other):
    """One type has one text, whether annotations are texts or objects."""
    assert type_text(one) == type_text(other)


def test_a_type_that_is_no_expression():
    """It stays as it is."""
    assert "m.<locals>.C" == type_text("m.<locals>.C")


@attrs.define
class Attrs:
    a: int
    b: decimal.Decimal | None = None
    c: list = attrs.field(factory=list)
    d: float = attrs.field(default=float("nan"))


@dataclasses.dataclass
class Dataclass:
    a: int
    b: str = "x"
    c: list = dataclasses.field(default_factory=list)


class Model(pydantic.BaseModel):
    a: int
    b: str = "x"
    c: list = pydantic.Field(default_factory=list)


class Struct(msgspec.Struct):
    a: int
    b: str = "x"
    c: list = []


class Keyword(msgspec.Struct, kw_only=True):
    b: str = "x"
    a: int


class Point(typing.NamedTuple):
    a: int
    b: str = "x"


class Slots:
    __slots__ = ("a",)
    a: int


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Open:
    pass


A, B, C = (
    RecordedField("a", "int"),
    RecordedField("b", "str", "'x'"),
    RecordedField("c", "list", "..."),
)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (
            Attrs,
            [
                A,
                RecordedField("b", "Decimal | None", "None"),
                C,
                RecordedField("d", "float", "..."),
            ],
        ),
        (Dataclass, [A, B, C]),
        (Model, [A, B, C]),
        (Struct, [A, B, C]),
        (Keyword, [B, A]),
        (Point, [A, B]),
        (Slots, [A]),
        (Colour, [RecordedField("RED", "member"), RecordedField("GREEN", "member")]),
        (Open, None),
    ],
)
def test_classes(registry, cls, expected):
    """Fields, types and defaults are known of all that declare them."""
    adopt(cls, registry=registry)

    found = recorded(registry.declaration(f"{__name__}:{cls.__name__}").instrumentation)

    assert expected == (None if found.fields is None else [*found.fields])


def test_history(registry):
    """A schema goes on with today's version; bases and transient fields belong to it."""

    class Base(Versioned, version=3, name="schema.base", registry=registry):
        __slots__ = ()

    @versioned(version=2, name="schema.order", formerly="m:Old", transient="b", registry=registry)
    @attrs.define
    class Order(Base):
        a: int
        b: int = 0

    before = Schema("m:Old", (Recorded(1, ()), Recorded(2, ())))

    found = schema_of(Order.__versionpickle__, before)

    assert [1, 2] == [one.version for one in found.versions]
    assert Recorded(2, (RecordedField("a", "int"),), ("b",), (("schema.base", 3),)) == found.latest
    assert ("schema.order", ("m:Old",)) == (found.key, found.formerly)


def test_the_order_of_fields_is_no_change():
    """Fields are stored by name."""
    one, other = Recorded(1, (A, B)), Recorded(1, (B, A))

    assert one.digest == other.digest
    assert one.digest != Recorded(1, (A,)).digest
    assert Recorded(1, ()).digest != Recorded(1, None).digest


class Meta:
    """Says something about a type, and where it is in memory."""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Annotated[int, 'in cents']", "int"),
        ("typing.Annotated[list[int], Field(gt=0)]", "list[int]"),
        (typing.Annotated[int, Meta()], "int"),
        ("Union[int, str, None]", "int | str | None"),
        (typing.Union[int, str, None], "int | str | None"),  # noqa: UP007 - as many write it
        ("List['an Order']", "List['an Order']"),
        ("conint(gt=0)", "conint(gt=0)"),
    ],
)
def test_types_that_say_more(kind, expected):
    """What stands beside a type is no part of it, and the text is the same in each process."""
    assert expected == type_text(kind)


def test_sets_as_defaults(registry):
    """Their text does not depend on the order of their members."""
    cls = attrs.make_class("C", {"a": attrs.field(default={"b", "c", "a"})})
    versioned(name="c", transient={"z", "y"} - {"z", "y"}, registry=registry)(cls)

    (field,) = recorded(registry.named("c").instrumentation).fields

    assert "{'a', 'b', 'c'}" == field.default
