"""A shop with a dozen classes, and fourteen changes of them."""

from __future__ import annotations

import attrs


FIRST = """\
import enum

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import attrs

from versionpickle import versioned


@versioned
class Currency(enum.Enum):
    EUR = "eur"
    GBP = "gbp"


@versioned
class Point(NamedTuple):
    x: int
    y: int


@versioned
@attrs.define
class Customer:
    name: str
    mail: str


@versioned
@dataclass
class Address:
    street: str
    house: int
    place: Point


@versioned
@attrs.define
class Product:
    title: str
    price: int
    weight: str
    currency: Currency = Currency.EUR


@versioned
@attrs.define
class Line:
    product: Product
    count: int


@versioned
@attrs.define
class Order:
    number: int
    customer: Customer
    note: str
    lines: list[Line] = attrs.field(factory=list)


@versioned
@dataclass(kw_only=True)
class Document:
    title: str


@versioned
@dataclass(kw_only=True)
class Invoice(Document):
    order: Order


@versioned
class Basket:
    def __init__(self, owner: str):
        self.owner = owner


@versioned
@dataclass
class Coupon:
    code: str
    percent: int


@versioned
@dataclass
class Voucher:
    code: str
"""
STORED = """\
import versionpickle

from shop.models import *


ada = Customer("Ada King", "ada@example.org")
book = Product("Notes", 12, "300 g", Currency.GBP)
order = Order(7, ada, "in a hurry", [Line(book, 2)])
with versionpickle.open("first-release.db") as store:
    store["order"] = order
    store["invoice"] = Invoice(title="Invoice 7", order=order)
    store["address"] = Address("Main Street", 12, Point(3, 4))
    store["basket"] = Basket("ada")
    store["coupon"] = Coupon("TEN", 10)
    store["voucher"] = Voucher("FREE")
"""
SHOWN = """\
import importlib
import pathlib

import versionpickle


for file in pathlib.Path("shop").glob("*.py"):
    importlib.import_module(f"shop.{file.stem}")
with versionpickle.open("first-release.db") as store:
    for key in KEYS:
        found = store[key]
        print(f"{key}: {vars(found) if key == 'basket' else found}")
"""
PROPERTY = "    @property\n    def owner(self) -> str:\n        return self._owner\n"
BECOMES = """\
migration(
    "shop.models:Voucher",
    1,
    add("percent", 100),
    become({Coupon: 1}),
)
"""


@attrs.frozen
class Change:
    """A change of the sources, and what a user does about it."""

    title: str
    edits: tuple[tuple[str, str], ...]
    """What is replaced in ``shop/models.py``."""

    answers: tuple[str, ...] = ()
    """Options of ``versionpickle make``."""

    shows: tuple[str, ...] = ("order",)
    """What the store of the first release has under these keys."""

    files: tuple[tuple[str, str], ...] = ()
    """Further files, with their content."""

    cure: tuple[tuple[str, str], ...] = ()
    """What is replaced by hand afterwards, as the check says."""


CHANGES = [
    Change(
        "A new field, of which old objects need a value",
        (("    note: str\n", "    note: str\n    paid: bool\n"),),
        ("--add", "Order.paid=True"),
    ),
    Change(
        "A field with another name",
        (("mail: str", "email: str"),),
        ("--rename", "mail=email"),
    ),
    Change(
        "A type that takes all old values",
        (("price: int", "price: Decimal"),),
    ),
    Change(
        "A type that does not",
        (("weight: str", "grams: int"),),
        (
            "--rename",
            "weight=grams",
            "--convert",
            "grams=lambda text: int(text.partition(' ')[0]) if ' ' in text else 0",
        ),
    ),
    Change(
        "A field that is gone",
        (("    note: str\n", ""),),
        ("--rename", "note="),
    ),
    Change(
        "One field became two",
        (("    name: str\n", "    given: str\n    family: str\n"),),
        ("--split", "name=given,family", "--convert", "name=lambda name: [*name.split(), ''][:2]"),
    ),
    Change(
        "Two fields became one",
        (("    street: str\n    house: int\n", "    line: str\n"),),
        ("--merge", "street,house=line", "--convert", 'line="{} {}".format'),
        ("address",),
    ),
    Change(
        "A class with another name, in another one's field",
        (("Customer", "Client"),),
        ("--renamed", "Customer=Client"),
    ),
    Change(
        "A class in another module",
        (),
        (),
        ("address",),
    ),
    Change(
        "A member of an enum with another name",
        (('GBP = "gbp"', 'POUND = "gbp"'),),
        ("--rename", "GBP=POUND"),
    ),
    Change(
        "An attribute that became private",
        (
            ("        self.owner = owner\n", "        self._owner = owner\n"),
            ("_owner = owner\n", f"_owner = owner\n\n{PROPERTY}"),
        ),
        ("--rename", "Basket.owner=_owner"),
        ("basket",),
    ),
    Change(
        "A base class with another field",
        (
            (
                "class Document:\n    title: str\n",
                "class Document:\n    title: str\n    copies: int\n",
            ),
        ),
        ("--add", "copies=1"),
        ("invoice",),
    ),
    Change(
        "Fields of a named tuple in another order",
        (("    x: int\n    y: int\n", "    y: int\n    x: int\n"),),
        (),
        ("address",),
    ),
    Change(
        "A class that is gone, and whose objects another takes over",
        (("@versioned\n@dataclass\nclass Voucher:\n    code: str\n", ""),),
        (),
        ("voucher", "coupon"),
        cure=(
            ("    percent: int\n", f"    percent: int\n\n\n{BECOMES}"),
            ("import add, ", "import add, become, "),
        ),
    ),
]
