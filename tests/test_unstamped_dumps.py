"""Objects that are written for programs without versionpickle."""

from __future__ import annotations

import enum
import io

from typing import NamedTuple

import pydantic
import pytest

from two_processes import run

import versionpickle

from versionpickle import Registry, adopt, dumps, migration, versioned
from versionpickle.exceptions import DowngradeError
from versionpickle.migrations import convert, has, rename


WITHOUT = """
import dataclasses, enum
from typing import NamedTuple
import attrs

class Plain:
    def __init__(self, amount):
        self.amount = amount

class Sub(Plain):
    pass

class Slots:
    __slots__ = ("amount",)
    def __init__(self, amount):
        self.amount = amount

@attrs.define
class Slotted:
    amount: float

@attrs.frozen
class Immutable:
    amount: float

@dataclasses.dataclass
class Data:
    amount: float

@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    amount: float

class Items(list):
    def __init__(self, amount):
        self.amount = amount

class Own:
    def __init__(self, amount):
        self.amount = amount
    def __getstate__(self):
        return [self.amount]
    def __setstate__(self, state):
        self.amount, = state

class Trouble(Exception):
    def __init__(self, amount):
        super().__init__(amount)
        self.amount = amount

class Point(NamedTuple):
    amount: float

class Size(enum.Enum):
    SMALL = 12.0
    @property
    def amount(self):
        return self.value
"""

NAMES = (
    "Plain Sub Slots Slotted Immutable Data Frozen Items Own Trouble Point Size".split()  # noqa: SIM905 - it is shorter
)
BY_BASE = f"import versionpickle\n{WITHOUT}"
for name in ("Slotted", "Immutable", "Frozen"):
    BY_BASE = BY_BASE.replace(f"class {name}:", f"class {name}(versionpickle.Versioned):")

WRITE = """
import shop, sys, versionpickle
classes = [getattr(shop, name) for name in {names}]
for cls in classes:
    if "__versionpickle__" not in vars(cls):
        versionpickle.versioned(cls)
objects = [cls(12.0) for cls in classes]
versions = {versions}
sys.stdout.buffer.write(versionpickle.dumps(objects, {protocol}, versions=versions))
"""

READ = """
import pickle, sys
sys.modules["versionpickle"] = None
print({obj.amount for obj in pickle.load(sys.stdin.buffer)})
"""


@pytest.mark.parametrize("versions", ["'unstamped'", "dict.fromkeys(classes, 'unstamped')"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("source", [WITHOUT, BY_BASE], ids=["decorated", "by base"])
def test_program_without_versionpickle(source, protocol, versions, tmp_path):
    """It reads objects of all kinds of classes."""
    (tmp_path / "shop.py").write_text(source)
    writing = WRITE.format(names=NAMES, versions=versions, protocol=protocol)
    data = run(tmp_path, writing)
    (tmp_path / "shop.py").write_text(WITHOUT)

    assert b"{12.0}" == run(tmp_path, READ, data).strip()


@versioned(version=2)
class Order:
    def __init__(self, amount):
        self.amount = amount


@versioned(version=2)
class Slotted:
    __slots__ = ("amount",)

    def __init__(self, amount):
        self.amount = amount


@versioned(version=2)
class Point(NamedTuple):
    amount: float


@versioned(version=2)
class Own(Order):
    def __getstate__(self):
        return {"amount": self.amount}

    def __setstate__(self, state):
        self.__dict__.update(state)


@migration(Point, 1)
def named(state):
    return {"amount": float(state[0])}


@named.down
def unnamed(state):
    return {"total": int(state["amount"])}


for cls in (Order, Slotted):
    migration(cls, 1, rename("total", "amount"), convert("amount", float, int))
migration(Own, 1)


@pytest.mark.parametrize("cls", [Order, Slotted, Point, Own])
def test_steps_are_undone(cls):
    """What is written is what the class stored before it had a version."""
    data = dumps(cls(12.0), versions={cls: "unstamped"})

    assert b"versionpickle" not in data
    assert (b"total" in data) is (cls is not Point)
    assert 12.0 == versionpickle.loads(data).amount


@versioned(version=2)
class OneWay:
    amount = 1


@migration(OneWay, 1)
def one_way(state):
    return state


@versioned(version=2, unstamped=has("amount"))
class Decided:
    pass


@versioned(unstamped=lambda state: 1)
class First:
    pass


@versioned(version=2)
class Size(enum.Enum):
    SMALL = 1


@versioned(version=2)
class Model(pydantic.BaseModel):
    amount: float


@versioned(version=2)
class Failing:
    def __init__(self):
        self.amount = "many"


migration(Decided, 1, rename("total", "amount"))
migration(Size, 1, convert("name", str, str))
migration(Model, 1, rename("total", "amount"))
migration(Failing, 1, convert("amount", float, float))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (OneWay, "without an inverse"),
        (Decided, "unstamped= is a function"),
        (lambda: Model(amount=1), "stored as a whole"),
        (lambda: Size.SMALL, "stored as a whole"),
        (Failing, "could not convert string to float"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_refused(make, problem, whole):
    """What cannot be written so is refused, by the name of the class."""
    obj = make()
    versions = "unstamped" if whole else {type(obj): "unstamped"}

    with pytest.raises(DowngradeError, match=problem) as caught:
        dumps(obj, versions=versions)

    assert f"{__name__}:{type(obj).__qualname__}" == caught.value.ref
    assert "unstamped" == caught.value.version


def test_unstamped_by_a_function():
    """A class that never had another version needs no function to tell."""
    assert b"versionpickle" not in dumps(First(), versions="unstamped")


def test_placeholder():
    """A placeholder of a versioned class has nothing but its stamp."""
    registry = Registry("gone")
    data = dumps(Order(1.0)).replace(b"Order", b"Ordex")
    kept = versionpickle.loads(data, missing="keep", registry=registry)

    with pytest.raises(DowngradeError, match="cannot be written without a stamp"):
        dumps(kept, versions="unstamped")


def test_pickler_and_registry():
    """The pickler takes it too, also for what a registry of its own has adopted."""
    registry = Registry("mine")
    adopt(Holder, registry=registry)
    file = io.BytesIO()

    versionpickle.Pickler(file, registry=registry, versions="unstamped").dump([Holder(), First()])

    assert b"versionpickle" not in file.getvalue()


class Holder:
    pass


def test_dump_file(tmp_path):
    """So does a file."""
    versionpickle.dump_file(First(), tmp_path / "first.pickle", versions="unstamped")

    assert b"versionpickle" not in (tmp_path / "first.pickle").read_bytes()
