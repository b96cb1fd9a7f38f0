"""Old code writes in one process, and new code reads in the next."""

from __future__ import annotations

import textwrap

import pytest

from two_processes import define, read, run, write


HEAD = """
import attrs, dataclasses
from decimal import Decimal
from versionpickle import Versioned, migration, versioned
from versionpickle.migrations import add, convert, remove, rename
"""

STEPS = [
    "migration(Order, 1, rename('total', 'amount'))",
    "migration(Order, 2, convert('amount', Decimal))",
    "migration(Order, 3, add('currency', 'USD'), add('tags', factory=list))",
    "@migration(Order, 4)\ndef note(state):\n    return {**state, 'note': state['memo'].upper()}",
    "migration(Order, 5, remove('memo'))",
]
FIELDS = {
    1: ["number", "total", "memo"],
    2: ["number", "amount", "memo"],
    3: ["number", "amount", "memo"],
    4: ["number", "amount", "memo", "currency", "tags"],
    5: ["number", "amount", "memo", "currency", "tags", "note"],
    6: ["number", "amount", "currency", "tags", "note"],
}
VALUES = {
    "number": "7",
    "total": "'1.50'",
    "amount": "'1.50'",
    "memo": "'hello'",
    "currency": "'USD'",
    "tags": "[]",
    "note": "'HELLO'",
}


def annotated(decorator):
    return lambda fields: (
        f"{decorator}\nclass Order:\n" + "".join(f"    {name}: object\n" for name in fields)
    )


def by_hand(*, slots):
    def source(fields):
        head = f"    __slots__ = {tuple(fields)!r}\n" if slots else ""
        sets = "; ".join(f"self.{name} = {name}" for name in fields)
        return f"class Order:\n{head}    def __init__(self, {', '.join(fields)}): {sets}\n"

    return source


KINDS = {
    "attrs slots": annotated("@attrs.define"),
    "attrs dict": annotated("@attrs.define(slots=False)"),
    "attrs frozen": annotated("@attrs.frozen"),
    "attr.s": annotated("@attrs.frozen(slots=False)"),
    "dataclass": annotated("@dataclasses.dataclass"),
    "dataclass slots": annotated("@dataclasses.dataclass(slots=True)"),
    "dataclass frozen": annotated("@dataclasses.dataclass(frozen=True)"),
    "dataclass frozen slots": annotated("@dataclasses.dataclass(frozen=True, slots=True)"),
    "slots": by_hand(slots=True),
    "plain": by_hand(slots=False),
}


def module(kind: str, version: int) -> str:
    source = KINDS[kind](FIELDS[version])
    steps = "\n".join(STEPS[: version - 1])
    return f"{HEAD}\n@versioned(version={version})\n{source}\n{steps}\n"


def made(version: int) -> str:
    values = {**VALUES, **({"amount": "shop.Decimal('1.50')"} if version > 2 else {})}
    return f"shop.Order({', '.join(values[name] for name in FIELDS[version])})"


SAYS = "{name: getattr(found, name) for name in " + repr(FIELDS[6]) + "}, type(found).__name__"
TODAY = (
    "({'number': 7, 'amount': Decimal('1.50'), 'currency': 'USD', 'tags': [], 'note': 'HELLO'}, "
    "'Order')"
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [1, 4])
def test_versions_apart(tmp_path, kind, version):
    """An object written by an older version of a class of any kind is today's when read."""
    data = write(tmp_path, {"shop": module(kind, version)}, made(version))

    assert read(tmp_path, {"shop": module(kind, 6)}, data, SAYS) == TODAY


@pytest.mark.parametrize("version", [2, 3, 5, 6])
def test_each_distance(tmp_path, version):
    """One to five versions apart make no difference."""
    data = write(tmp_path, {"shop": module("attrs slots", version)}, made(version))

    assert read(tmp_path, {"shop": module("attrs slots", 6)}, data, SAYS) == TODAY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("plain", "slots"),
        ("slots", "plain"),
        ("plain", "attrs frozen"),
        ("attrs slots", "attrs dict"),
        ("dataclass", "attrs slots"),
        ("dataclass frozen slots", "plain"),
    ],
)
def test_kind_changes(tmp_path, old, new):
    """A class that becomes one of another kind keeps its objects: dict to slots and back."""
    data = write(tmp_path, {"shop": module(old, 1)}, made(1))

    assert read(tmp_path, {"shop": module(new, 6)}, data, SAYS) == TODAY


@pytest.mark.parametrize("kind", KINDS)
def test_old_code_wrote_no_stamps(tmp_path, kind):
    """An object written before the class was versioned is today's when read."""
    unversioned = module(kind, 1).replace("@versioned(version=1)", "")
    data = write(tmp_path, {"shop": unversioned}, made(1))
    today = module(kind, 6)
    if kind == "dataclass frozen slots":  # whose state was a bare list
        naming = (
            "@migration(Order, 1)\ndef name(state):\n"
            "    return dict(zip(('number', 'amount', 'memo'), state))\n"
        )
        today = today.replace(STEPS[0], naming)

    assert read(tmp_path, {"shop": today}, data, SAYS) == TODAY


POINT = """
@versioned(version={version}{more})
@attrs.define
class {name}:
    x: int
"""


@pytest.mark.parametrize("stamped", [True, False])
def test_class_is_renamed(tmp_path, stamped):
    """A class with another name reads what was written under the former one."""
    source = HEAD + POINT.format(version=1, more="", name="Dot")
    old = source if stamped else source.replace("@versioned(version=1)", "")
    data = write(tmp_path, {"shapes": old}, "shapes.Dot(3)")
    now = HEAD + POINT.format(version=1, more=", formerly='shapes:Dot'", name="Point")
    now += "\nDot = Point\n"  # plain pickle finds unstamped objects by this alone

    assert read(tmp_path, {"shapes": now}, data, "found") == "Point(x=3)"


def test_module_is_renamed(tmp_path):
    """A class in another module reads what was written in the former one, which is gone."""
    data = write(tmp_path, {"old": HEAD + POINT.format(version=1, more="", name="P")}, "old.P(3)")
    now = HEAD + POINT.format(version=2, more=", formerly='old:P'", name="P")
    now += "migration(P, 1, convert('x', float))\n"

    assert read(tmp_path, {"new": now}, data, "found") == "P(x=3.0)"


def test_steps_of_the_old_name(tmp_path):
    """Steps that were registered for the former name still lead on."""
    data = write(tmp_path, {"old": HEAD + POINT.format(version=1, more="", name="P")}, "old.P(3)")
    now = HEAD + POINT.format(version=2, more=", formerly='old:P'", name="P")
    now += "migration('old:P', 1, convert('x', float))\n"

    assert read(tmp_path, {"new": now}, data, "found") == "P(x=3.0)"


def test_stable_name(tmp_path):
    """A class with a stable name may move without a word."""
    named = POINT.format(version=1, more=", name='point'", name="P")
    data = write(tmp_path, {"old": HEAD + named}, "old.P(3)")

    assert read(tmp_path, {"new": HEAD + named}, data, "found") == "P(x=3)"


def test_field_moves_to_the_base(tmp_path):
    """A field that a base class took over is filled all the same."""
    old = """
    @attrs.define
    class Base(Versioned): ...
    @attrs.define
    class Car(Base):
        wheels: int
        name: str
    """
    new = """
    @attrs.define
    class Base(Versioned, version=2):
        name: str
        owner: str
    migration(Base, 1, add("owner", "me"))
    @attrs.define
    class Car(Base):
        wheels: int
    """
    data = write(tmp_path, {"cars": dedented(old)}, "cars.Car(4, 'T')")

    assert (
        read(tmp_path, {"cars": dedented(new)}, data, "found")
        == "Car(name='T', owner='me', wheels=4)"
    )


def test_base_changes(tmp_path):
    """A class that gained a versioned base reads objects from before: its steps run as well."""
    old = """
    @versioned
    @attrs.define
    class Car:
        wheels: int
    """
    new = """
    @attrs.define
    class Owned(Versioned, version=2):
        owner: str
    migration(Owned, 1, add("owner", "me"))
    @versioned(version=2)
    @attrs.define
    class Car(Owned):
        wheels: int
    migration(Car, 1, convert("wheels", str))
    """
    data = write(tmp_path, {"cars": dedented(old)}, "cars.Car(4)")

    assert read(tmp_path, {"cars": dedented(new)}, data, "found") == "Car(owner='me', wheels='4')"


def test_diamond(tmp_path):
    """Each class of a diamond has its own version, and the bases' steps run first."""
    classes = """
    @attrs.define
    class Top(Versioned, version={v}):
        log: list = attrs.field(factory=list)
    @attrs.define(slots=False)
    class Left(Top, version={v}): ...
    @attrs.define(slots=False)
    class Right(Top, version={v}): ...
    @attrs.define(slots=False)
    class Bottom(Left, Right, version={v}): ...
    """
    steps = """
    def sign(name):
        return lambda log: [*log, name]
    for cls in Bottom, Right, Left, Top:
        migration(cls, 1, convert("log", sign(cls.__name__)))
    """
    data = write(tmp_path, {"d": dedented(classes.format(v=1))}, "(d.Bottom(), d.Right())")
    now = dedented(classes.format(v=2)) + dedented(steps).removeprefix(HEAD)

    assert (
        read(tmp_path, {"d": now}, data, "found")
        == "(Bottom(log=['Top', 'Right', 'Left', 'Bottom']), Right(log=['Top', 'Right']))"
    )


def test_module_imported_by_plain_pickle(tmp_path):
    """Plain pickle finds a versioned class by importing its module, as ever."""
    data = write(tmp_path, {"shop": module("attrs slots", 1)}, made(1))
    define(tmp_path, {"shop": module("attrs slots", 6)})
    said = run(tmp_path, "import pickle, sys; print(pickle.load(sys.stdin.buffer))", data)

    assert b"Order(number=7" in said


def dedented(source: str) -> str:
    return HEAD + textwrap.dedent(source)
