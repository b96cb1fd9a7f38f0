"""What users do wrong, as they would type it: the page of messages shows what each comes to."""

from __future__ import annotations

import attrs


@attrs.frozen
class Case:
    """One mistake, and the code that makes it."""

    title: str
    code: str


@attrs.frozen
class Part:
    """Cases that begin with the same code."""

    title: str
    text: str
    cases: tuple[Case, ...]
    before: str = ""


IMPORTS = """
import collections
import datetime
import enum
import pickle

import attrs
import versionpickle

from versionpickle import Registry, Versioned, adopt, alias, check, migration, retire, versioned
from versionpickle.migrations import (
    add,
    become,
    chain,
    convert,
    merge,
    move,
    name_positions,
    remove,
    rename,
    reorder,
    replace,
    require,
    split,
)
"""


SETTINGS = Part(
    "The settings of a class",
    "They are checked where the class is declared.",
    (
        Case(
            "The version is a text",
            """
            @versioned(version="2")
            class Order: ...
            """,
        ),
        Case(
            "The version is below 1",
            """
            class Order(Versioned, version=0): ...
            """,
        ),
        Case(
            "A class is declared twice",
            """
            @versioned(version=2)
            @versioned
            class Order: ...
            """,
        ),
        Case(
            "What is declared is no class",
            """
            @versioned(version=2)
            def order(): ...
            """,
        ),
        Case(
            "The registry is named, not given",
            """
            @versioned(registry="shop")
            class Order: ...
            """,
        ),
        Case(
            "The stable name is empty",
            """
            @versioned(name="")
            class Order: ...
            """,
        ),
        Case(
            "Two classes have the same stable name",
            """
            @versioned(name="shop.order")
            class Order: ...

            @versioned(name="shop.order")
            class Refund: ...
            """,
        ),
        Case(
            "A former name lacks its module",
            """
            @versioned(formerly="Purchase")
            class Order: ...
            """,
        ),
        Case(
            "A former name belongs to another class",
            """
            @versioned
            class Purchase: ...

            @versioned(formerly="shop.models:Purchase")
            class Order: ...
            """,
        ),
        Case(
            "A former name has a version that the class has not reached",
            """
            @versioned(version=2, formerly={"shop.models:Purchase": 3})
            class Order: ...
            """,
        ),
        Case(
            "A former name has a version that is none",
            """
            @versioned(version=2, formerly={"shop.models:Purchase": "1"})
            class Order: ...
            """,
        ),
        Case(
            "Unstamped pickles are of a version that the class has not reached",
            """
            @versioned(version=2, unstamped=3)
            class Order: ...
            """,
        ),
        Case(
            "Unstamped pickles are of no version",
            """
            @versioned(version=2, unstamped="1")
            class Order: ...
            """,
        ),
        Case(
            "The oldest version is one that the class has not reached",
            """
            @versioned(version=2, oldest=3)
            class Order: ...
            """,
        ),
        Case(
            "The modules of the steps are a list",
            """
            @versioned(version=2, migrations=["shop.steps"])
            class Order: ...
            """,
        ),
        Case(
            "Extra fields are to be ignored",
            """
            @versioned(extra="ignore")
            class Order: ...
            """,
        ),
        Case(
            "Extra fields are to be kept where there are no fields",
            """
            @versioned(extra="keep")
            class Colour(enum.Enum):
                RED = 1
            """,
        ),
        Case(
            "Extra fields are to be kept in a named tuple",
            """
            @versioned(extra="keep")
            class Point(collections.namedtuple("Point", ["x", "y"])): ...
            """,
        ),
        Case(
            "Extra fields are to be kept in objects that have no place for them",
            """
            @versioned(extra="keep")
            class Order:
                __slots__ = ("number",)
            """,
        ),
        Case(
            "Extra fields are to be kept in a pydantic model",
            """
            import pydantic

            @versioned(extra="keep")
            class Order(pydantic.BaseModel):
                number: int
            """,
        ),
        Case(
            "A transient field is none of the class",
            """
            @versioned(transient="lok")
            @attrs.define
            class Order:
                number: int
                lock: object = None
            """,
        ),
        Case(
            "A transient field has no default",
            """
            @versioned(transient="lock")
            @attrs.define
            class Order:
                number: int
                lock: object
            """,
        ),
        Case(
            "A transient field is in a state that the class makes itself",
            """
            @versioned(transient="lock")
            class Order:
                def __getstate__(self):
                    return self.__dict__
            """,
        ),
        Case(
            "A transient field is one of a named tuple",
            """
            @versioned(transient="x")
            class Point(collections.namedtuple("Point", ["x", "y"])): ...
            """,
        ),
        Case(
            "What is adopted is no class",
            """
            adopt(max)
            """,
        ),
        Case(
            "What is adopted is not there any more",
            """
            adopt("shop.models:Coupon")
            """,
        ),
        Case(
            "What is adopted is in a module that is not there",
            """
            adopt("shop.coupons:Coupon")
            """,
        ),
        Case(
            "What is adopted is one of pickle's own types",
            """
            adopt(dict)
            """,
        ),
        Case(
            "A class is adopted twice in one registry",
            """
            class Order: ...

            shop = Registry("shop")
            adopt(Order, registry=shop)
            adopt(Order, version=2, registry=shop)
            """,
        ),
        Case(
            "What makes objects is no function",
            """
            class Order: ...

            adopt(Order, rebuild="interned")
            """,
        ),
    ),
)

NAMES = Part(
    "Names of the past",
    "What `alias` and `retire` are told.",
    (
        Case(
            "An alias lacks its module",
            """
            alias("Coupon", datetime.date)
            """,
        ),
        Case(
            "An alias means nothing",
            """
            alias("shop.models:Coupon", None)
            """,
        ),
        Case(
            "A name is an alias of two others",
            """
            alias("shop.models:Coupon", "shop.models:Voucher")
            alias("shop.models:Coupon", "shop.models:Order")
            """,
        ),
        Case(
            "A name that is retired becomes an alias",
            """
            retire("shop.models:Coupon")
            alias("shop.models:Coupon", "shop.models:Voucher")
            """,
        ),
        Case(
            "Two aliases lead in a circle",
            """
            alias("shop.models:Coupon", "shop.models:Voucher")
            alias("shop.models:Voucher", "shop.models:Coupon")
            """,
        ),
        Case(
            "What is retired lacks its module",
            """
            retire("Coupon")
            """,
        ),
    ),
)

OPERATIONS = Part(
    "The arguments of an operation",
    "These are errors of the line that says it, whatever the class: most are a `TypeError`.",
    (
        Case(
            "A field is named by a number",
            """
            rename("total", 5)
            """,
        ),
        Case(
            "A list is added that all objects would share",
            """
            add("tags", [])
            """,
        ),
        Case(
            "A field is added both as a value and by a factory",
            """
            add("tags", "none", factory=list)
            """,
        ),
        Case(
            "A factory is no function",
            """
            add("tags", factory="list")
            """,
        ),
        Case(
            "A field is computed by what is no function",
            """
            add("total", compute=5)
            """,
        ),
        Case(
            "Nothing is removed",
            """
            remove()
            """,
        ),
        Case(
            "Two fields are restored at once",
            """
            remove("memo", "notes", restore="")
            """,
        ),
        Case(
            "A list is restored that all objects would share",
            """
            remove("tags", restore=[])
            """,
        ),
        Case(
            "A field is restored both as a value and by a factory",
            """
            remove("tags", restore="none", restore_factory=list)
            """,
        ),
        Case(
            "What restores a field is no function",
            """
            remove("tags", restore_factory="list")
            """,
        ),
        Case(
            "A field is converted by what is no function",
            """
            convert("amount", "float")
            """,
        ),
        Case(
            "What converts a field back is no function",
            """
            convert("amount", float, back="int")
            """,
        ),
        Case(
            "A field is split into one text",
            """
            split("name", "first last", str.split)
            """,
        ),
        Case(
            "A field is split into the same name twice",
            """
            split("name", ("part", "part"), str.split)
            """,
        ),
        Case(
            "Nothing is merged",
            """
            merge((), "name", " ".join)
            """,
        ),
        Case(
            "A value is moved from field to field",
            """
            move("town", "city")
            """,
        ),
        Case(
            "A value is moved from one holder to another",
            """
            move("address.city", "person.city")
            """,
        ),
        Case(
            "Nothing is put in order",
            """
            reorder()
            """,
        ),
        Case(
            "Two positions have the same name",
            """
            name_positions("x", "x")
            """,
        ),
        Case(
            "What checks a field is no function",
            """
            require("amount", 0, "it is negative")
            """,
        ),
        Case(
            "A check has no message",
            """
            require("amount", bool, "")
            """,
        ),
        Case(
            "What objects become is given without its version",
            """
            class Card: ...

            become(Card)
            """,
        ),
        Case(
            "What objects become lacks its module",
            """
            become({"Card": 1})
            """,
        ),
        Case(
            "What objects become is at no version",
            """
            become({"shop.models:Card": 0})
            """,
        ),
        Case(
            "Nobody chooses what objects become",
            """
            become({"shop.models:Card": 1, "shop.models:Transfer": 1})
            """,
        ),
        Case(
            "What chooses is no function",
            """
            become({"shop.models:Card": 1, "shop.models:Transfer": 1}, by="kind")
            """,
        ),
        Case(
            "What replaces objects is no function",
            """
            replace("amount")
            """,
        ),
    ),
)

STEPS = Part(
    "Steps that cannot be part of a chain",
    "They are refused when they are registered.",
    (
        Case(
            "The class is named without its module",
            """
            migration("Order", 2, rename("total", "amount"))
            """,
        ),
        Case(
            "What is given is no class",
            """
            migration(5, 2, rename("total", "amount"))
            """,
        ),
        Case(
            "The class has no versions",
            """
            class Refund: ...

            migration(Refund, 1, rename("total", "amount"))
            """,
        ),
        Case(
            "The class has no versions in this registry",
            """
            migration(Order, 1, rename("total", "amount"), registry=Registry("shop"))
            """,
        ),
        Case(
            "The registry of a step is named, not given",
            """
            migration(Order, 2, rename("total", "amount"), registry="shop")
            """,
        ),
        Case(
            "The version that a step leaves is none",
            """
            migration(Order, "1", rename("total", "amount"))
            """,
        ),
        Case(
            "The version that a step reaches is none",
            """
            migration(Order, 1, rename("total", "amount"), to="2")
            """,
        ),
        Case(
            "A step leads to where it begins",
            """
            migration(Order, 2, rename("total", "amount"), to=2)
            """,
        ),
        Case(
            "A step leads back",
            """
            migration(Order, 2, rename("total", "amount"), to=1)
            """,
        ),
        Case(
            "A step leads beyond the version of the class",
            """
            migration(Order, 3, rename("total", "amount"))
            """,
        ),
        Case(
            "Two steps leave the same version",
            """
            migration(Order, 2, rename("total", "amount"))

            @migration(Order, 2)
            def to_amount(state):
                return {"amount": state["total"]}
            """,
        ),
        Case(
            "A function is given in the place of an operation",
            """
            def to_amount(state):
                return {"amount": state["total"]}

            migration(Order, 2, to_amount)
            """,
        ),
        Case(
            "A text is given in the place of an operation",
            """
            migration(Order, 2, "total", "amount")
            """,
        ),
        Case(
            "What is decorated is no function",
            """
            migration(Order, 2)({"total": "amount"})
            """,
        ),
        Case(
            "What leads to other classes does not stand last",
            """
            migration(Order, 2, become({"shop.models:Refund": 1}), remove("memo"))
            """,
        ),
        Case(
            "Two classes become each other",
            """
            migration("shop.models:Bill", 1, become({"shop.models:Invoice": 1}))
            migration("shop.models:Invoice", 1, become({"shop.models:Bill": 1}))
            """,
        ),
        Case(
            "A class becomes itself at the same version",
            """
            migration(Order, 2, become({Order: 2}))
            """,
        ),
        Case(
            "A step comes after the first load",
            """
            migration(Order, 2, rename("total", "amount"))
            versionpickle.loads(old)

            migration(Order, 1, add("memo", ""))
            """,
        ),
        Case(
            "The steps come first, and the class is at an earlier version",
            """
            migration("shop.models:Refund", 1, rename("total", "amount"))

            @versioned
            class Refund: ...
            """,
        ),
        Case(
            "The steps of a stable name come before its class",
            """
            migration("shop.refund", 1, become({"shop.models:Coupon": 1}))

            @versioned(version=2, name="shop.refund")
            class Refund: ...
            """,
        ),
        Case(
            "Two functions undo a step",
            """
            @migration(Order, 2)
            def to_amount(state):
                return {"amount": state["total"]}

            @to_amount.down
            def to_total(state):
                return {"total": state["amount"]}

            @to_amount.down
            def back_to_total(state):
                return {"total": state["amount"]}
            """,
        ),
        Case(
            "What undoes a step is no function",
            """
            @migration(Order, 2)
            def to_amount(state):
                return {"amount": state["total"]}

            to_amount.down("total")
            """,
        ),
        Case(
            "The chain of an unknown class is asked for",
            """
            chain("shop.models:Refund", 1)
            """,
        ),
        Case(
            "The source of a chain is asked for whose fields nobody knows",
            """
            @migration(Order, 2)
            def to_amount(state):
                return {"amount": state["total"]}

            print(chain(Order, 2).source)
            """,
        ),
    ),
    before="""
    @versioned(version=2)
    @attrs.define
    class Order:  # as it was
        total: int

    old = versionpickle.dumps(Order(5))

    @versioned(version=3)
    @attrs.define
    class Order:  # as it is
        amount: int
    """,
)

VERSIONS = Part(
    "Old data without a way to today",
    "Found before the first step runs.",
    (
        Case(
            "No step leaves the version that is stored",
            """
            @versioned(version=2)
            @attrs.define
            class Order:
                amount: int

            versionpickle.loads(old)
            """,
        ),
        Case(
            "A later step is missing",
            """
            @versioned(version=3)
            @attrs.define
            class Order:
                amount: int

            migration(Order, 1, rename("total", "amount"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The data is older than what is still read",
            """
            @versioned(version=4, oldest=3)
            @attrs.define
            class Order:
                amount: int

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The data is newer than the code",
            """
            @versioned(version=4)
            @attrs.define
            class Order:
                amount: int

            new = versionpickle.dumps(Order(5))

            @versioned(version=3)
            @attrs.define
            class Order:
                amount: int

            versionpickle.loads(new)
            """,
        ),
        Case(
            "The module of the steps is not there",
            """
            @versioned(version=2, migrations="shop.steps")
            @attrs.define
            class Order:
                amount: int

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The class was declared in another registry",
            """
            versionpickle.loads(old, registry=Registry("shop"))
            """,
        ),
        Case(
            "The stable name was given up",
            """
            @versioned(name="shop.coupon")
            @attrs.define
            class Coupon:
                code: str

            data = versionpickle.dumps(Coupon("TEN"))

            versionpickle.loads(data, registry=Registry("shop"))
            """,
        ),
        Case(
            "The name means a class without versions",
            """
            class Basket: ...

            shop = Registry("shop")
            alias("shop.models:Order", Basket, registry=shop)
            versionpickle.loads(old, registry=shop)
            """,
        ),
        Case(
            "A name in a pickle from before is unknown",
            """
            class Coupon: ...

            versionpickle.loads(pickle.dumps(Coupon()))
            """,
        ),
        Case(
            "The stamp is damaged",
            """
            version_1, version_0 = b"Order\\x94K\\x01", b"Order\\x94K\\x00"

            versionpickle.loads(old.replace(version_1, version_0))
            """,
        ),
    ),
    before="""
    @versioned
    @attrs.define
    class Order:
        total: int

    old = versionpickle.dumps(Order(5))
    """,
)

OPERATED = Part(
    "Operations that do not fit the data",
    "The class declares no fields here, so that all can be said of the operation itself.",
    (
        Case(
            "A field to rename is not there",
            """
            migration(Order, 1, rename("sum", "amount"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field gets a name that another has",
            """
            migration(Order, 1, rename("total", "name"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field to add is there already",
            """
            migration(Order, 1, add("total", 0))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field to remove is not there",
            """
            migration(Order, 1, remove("memo"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A function of a value fails",
            """
            migration(Order, 1, convert("name", int))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A function of the fields fails",
            """
            migration(Order, 1, add("tax", compute=lambda state: state["sum"] // 5))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A function returns too few values",
            """
            migration(Order, 1, split("name", ("title", "first", "last"), str.split))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A function returns one value for several fields",
            """
            migration(Order, 1, split("total", ("euros", "cents"), abs))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field that a value is to be moved out of does not hold it",
            """
            migration(Order, 1, move("address.town", "city"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A value is moved to where there is one",
            """
            migration(Order, 1, move("name", "address.city"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A value is moved into what takes none",
            """
            migration(Order, 1, move("name", "total.name"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field to split holds nothing",
            """
            del before.name
            old = versionpickle.dumps(before)

            migration(Order, 1, split("name", ("first", "last"), str.split))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field to put first is not there",
            """
            migration(Order, 1, reorder("number", "name"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A value does not pass its check",
            """
            migration(Order, 1, require("total", lambda total: total >= 0, "it is negative"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "Positions are to be named in a state that has names",
            """
            migration(Order, 1, name_positions("total", "name", "address"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "Positions are to be named after another operation",
            """
            migration(Order, 1, remove("name"), name_positions("total", "address"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The data is within others",
            """
            orders = versionpickle.dumps({"open": [before]})

            migration(Order, 1, rename("sum", "amount"))
            versionpickle.loads(orders)
            """,
        ),
    ),
    before="""
    @versioned
    @attrs.define
    class Order:  # as it was
        total: int
        name: str
        address: dict

    before = Order(-5, "Ada Lovelace", {"city": "London"})
    old = versionpickle.dumps(before)

    @versioned(version=2)
    class Order: ...  # as it is
    """,
)

FUNCTIONS = Part(
    "Steps that are functions",
    "What they do wrong is found when they run.",
    (
        Case(
            "The function forgets to return the state",
            """
            @migration(Order, 1)
            def to_amount(state):
                state["amount"] = state.pop("total")

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function returns something else",
            """
            @migration(Order, 1)
            def to_amount(state):
                return [state["total"]]

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function fails",
            """
            @migration(Order, 1)
            def to_amount(state):
                return {"amount": state["sum"]}

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function does not find what it asserts",
            """
            @migration(Order, 1)
            def to_amount(state):
                assert state["total"] < 0
                return {"amount": state["total"]}

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function returns other fields than the class declares",
            """
            @migration(Order, 1)
            def to_amount(state):
                return {"sum": state["total"]}

            versionpickle.loads(old)
            """,
        ),
    ),
    before="""
    @versioned
    @attrs.define
    class Order:  # as it was
        total: int

    old = versionpickle.dumps(Order(5))

    @versioned(version=2)
    @attrs.define
    class Order:  # as it is
        amount: int
    """,
)

RESULTS = Part(
    "What the steps end in",
    "It must be what the class declares.",
    (
        Case(
            "A field is missing",
            """
            @versioned(version=2)
            @attrs.define
            class Order:
                amount: int

            migration(Order, 1, remove("total", "memo"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field is left over",
            """
            @versioned(version=2)
            @attrs.define
            class Order:
                amount: int

            migration(Order, 1, rename("total", "amount"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The class was changed without a new version",
            """
            @versioned
            @attrs.define
            class Order:
                amount: int
                memo: str

            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field came without a new version",
            """
            @versioned
            @attrs.define
            class Order:
                total: int
                memo: str
                currency: str

            versionpickle.loads(old)
            """,
        ),
        Case(
            "A field went without a new version",
            """
            @versioned
            @attrs.define
            class Order:
                total: int

            versionpickle.loads(old)
            """,
        ),
        Case(
            "A default cannot be made",
            """
            numbers = iter([])

            @versioned(version=2)
            @attrs.define
            class Order:
                total: int
                memo: str
                number: int = attrs.field(factory=lambda: next(numbers))

            migration(Order, 1, convert("memo", str.upper))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A validator refuses the object",
            """
            @versioned(version=2)
            @attrs.define
            class Order:
                total: int = attrs.field(validator=attrs.validators.lt(0))
                memo: str

            migration(Order, 1, convert("memo", str.upper))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "What makes the object fails",
            """
            class Order:
                def __init__(self, total):
                    self.total = total

            adopt(Order, version=2, rebuild=lambda args, state: Order(state["amount"]))
            migration(Order, 1, remove("memo"))
            versionpickle.loads(pickle.dumps(Order(5)))
            """,
        ),
        Case(
            "A named tuple has other fields",
            """
            @versioned
            class Point(collections.namedtuple("Point", ["x", "y"])): ...

            data = versionpickle.dumps(Point(1, 2))

            @versioned
            class Point(collections.namedtuple("Point", ["x", "y", "z"])): ...

            versionpickle.loads(data)
            """,
        ),
        Case(
            "The member of an enum is gone",
            """
            @versioned
            class Colour(enum.Enum):
                RED = 1

            data = versionpickle.dumps(Colour.RED)

            @versioned
            class Colour(enum.Enum):
                CRIMSON = 1

            versionpickle.loads(data)
            """,
        ),
    ),
    before="""
    @versioned
    @attrs.define
    class Order:
        total: int
        memo: str

    old = versionpickle.dumps(Order(5, "a gift"))
    """,
)

UNSTAMPED = Part(
    "Pickles from before the class was versioned",
    "They are of version 1, unless `unstamped=` says otherwise.",
    (
        Case(
            "The function that tells their version fails",
            """
            @versioned(version=3, unstamped=lambda state: 2 if state["sum"] else 1)
            class Order: ...

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function that tells their version returns none",
            """
            @versioned(version=3, unstamped=lambda state: 4 if "amount" in state else None)
            class Order: ...

            versionpickle.loads(old)
            """,
        ),
        Case(
            "No step leaves their version",
            """
            @versioned(version=2)
            class Order: ...

            versionpickle.loads(old)
            """,
        ),
        Case(
            "The fields are others",
            """
            @versioned
            @attrs.define
            class Order:
                amount: int

            versionpickle.loads(old)
            """,
        ),
        Case(
            "They hold bare values that no step names",
            """
            @versioned(version=2)
            @attrs.define
            class Price:
                value: int

            migration(Price, 1, rename("amount", "value"))
            versionpickle.loads(bare)
            """,
        ),
        Case(
            "They hold bare values, and there is no step",
            """
            @versioned
            @attrs.define
            class Price:
                value: int

            versionpickle.loads(bare)
            """,
        ),
        Case(
            "They hold another number of bare values",
            """
            @versioned(version=2)
            @attrs.define
            class Price:
                value: int

            migration(Price, 1, name_positions("value"))
            versionpickle.loads(bare)
            """,
        ),
        Case(
            "They are members of an enum that has changed",
            """
            class Colour(enum.Enum):
                RED = 1

            data = pickle.dumps(Colour.RED)

            @versioned(version=2)
            class Colour(enum.Enum):
                RED = "red"

            migration(Colour, 1)(lambda state: state)
            versionpickle.loads(data)
            """,
        ),
        Case(
            "They are made from arguments, which the class takes no more",
            """
            class Amount(int): ...

            data = pickle.dumps(Amount(5))

            @versioned
            @attrs.define
            class Amount:
                value: int

            versionpickle.loads(data)
            """,
        ),
        Case(
            "They are made by a call that the class does not take any more",
            """
            class OutOfStock(Exception): ...

            data = pickle.dumps(OutOfStock("tea"))

            @versioned
            class OutOfStock(Exception):
                def __init__(self, item, left):
                    super().__init__(item, left)

            versionpickle.loads(data)
            """,
        ),
        Case(
            "Plain pickle meets one that only a function can make",
            """
            adopt(Order, rebuild=lambda args, state: Order(**state))
            pickle.loads(old)
            """,
        ),
    ),
    before="""
    class Order:
        def __init__(self, total):
            self.total = total

    class Price:
        def __init__(self, amount, currency):
            self.pair = (amount, currency)

        def __getstate__(self):
            return [*self.pair]

    old = pickle.dumps(Order(5))
    bare = pickle.dumps(Price(5, "USD"))
    """,
)

BECOMING = Part(
    "Objects that become others",
    "`become` and `replace` lead out of a class.",
    (
        Case(
            "The function that chooses the class fails",
            """
            def by_kind(state):
                return Card if state["number"] else Transfer

            migration("shop.payment", 1, become({Card: 1, Transfer: 1}, by=by_kind))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function chooses a class that is not among them",
            """
            def by_kind(state):
                return state["kind"]

            migration("shop.payment", 1, become({Card: 1, Transfer: 1}, by=by_kind))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The class that objects become is not declared",
            """
            migration("shop.payment", 1, become({"shop.models:Coupon": 1}))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The class has not had this version",
            """
            migration("shop.payment", 1, become({Card: 2}))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The class is an enum",
            """
            @versioned
            class Kind(enum.Enum):
                CARD = "card"

            migration("shop.payment", 1, become({Kind: 1}))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The fields are not those of the class",
            """
            migration("shop.payment", 1, become({Card: 1}))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The function that makes a value fails",
            """
            migration("shop.payment", 1, replace(lambda state: state["iban"]))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The steps of a class that is gone begin too late",
            """
            migration("shop.payment", 2, become({Card: 1}))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "The steps of a class that is gone end too early",
            """
            migration("shop.models:Receipt", 1, remove("kind"))
            migration("shop.payment", 1, become({"shop.models:Receipt": 1}))
            migration("shop.models:Receipt", 3, become({Card: 1}))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "Plain pickle meets what becomes a value",
            """
            migration("shop.payment", 1, replace(len))
            pickle.loads(old)
            """,
        ),
        Case(
            "Plain pickle meets what becomes an object with slots",
            """
            migration("shop.payment", 1, rename("kind", "number"), become({Card: 1}))
            pickle.loads(old)
            """,
        ),
        Case(
            "Plain pickle meets what becomes a named tuple",
            """
            @versioned
            class Paid(collections.namedtuple("Paid", ["kind"])): ...

            migration("shop.payment", 1, become({Paid: 1}))
            pickle.loads(old)
            """,
        ),
        Case(
            "The function looks at an object that is part of a circle",
            """
            def by_next(state):
                return Card if state["next"].next else Transfer

            migration("shop.payment", 1, become({Card: 1, Transfer: 1}, by=by_next))
            versionpickle.loads(circle)
            """,
        ),
        Case(
            "An object is to become a value that it holds itself",
            """
            migration("shop.payment", 1, replace(len))
            versionpickle.loads(circle)
            """,
        ),
        Case(
            "A base of the class becomes another",
            """
            @versioned(version=2)
            class Base: ...

            @versioned
            class Cheque(Base): ...

            data = versionpickle.dumps(Cheque())

            @versioned(version=3)
            class Base: ...

            @versioned
            class Cheque(Base): ...

            migration(Base, 2, become({Card: 1}))
            versionpickle.loads(data)
            """,
        ),
    ),
    before="""
    @versioned(name="shop.payment", registry=Registry("yesterday"))
    @attrs.define(eq=False)
    class Payment:  # is gone
        kind: str
        next: object = None

    payment = Payment("card")
    old = versionpickle.dumps(payment)

    payment.next = payment
    circle = versionpickle.dumps(payment)

    @versioned
    @attrs.define
    class Card:
        number: str

    @versioned
    @attrs.define
    class Transfer:
        iban: str
    """,
)

BASES = Part(
    "Base classes",
    "Each versioned class among the bases has a version, and steps, of its own.",
    (
        Case(
            "A step of a base fails",
            """
            @versioned(version=2)
            class Record: ...

            @versioned
            class Order(Record): ...

            migration(Record, 1, rename("created", "made"))
            versionpickle.loads(old)
            """,
        ),
        Case(
            "A step of a base is missing",
            """
            @versioned(version=2)
            class Record: ...

            @versioned
            class Order(Record): ...

            versionpickle.loads(old)
            """,
        ),
        Case(
            "A base is newer than the code",
            """
            @versioned(version=2)
            class Record: ...

            @versioned
            class Order(Record): ...

            new = versionpickle.dumps(Order())

            @versioned
            class Record: ...

            @versioned
            class Order(Record): ...

            versionpickle.loads(new)
            """,
        ),
        Case(
            "The class derives from its base no more",
            """
            @versioned
            class Record: ...

            @versioned
            class Order: ...

            versionpickle.loads(old)
            """,
        ),
        Case(
            "A base is gone",
            """
            @versioned
            class Order: ...

            versionpickle.loads(old)
            """,
        ),
    ),
    before="""
    yesterday = Registry("yesterday")

    @versioned(registry=yesterday)
    class Record: ...  # as it was

    @versioned(registry=yesterday)
    class Order(Record): ...

    order = Order()
    order.total = 5
    old = versionpickle.dumps(order)
    """,
)

OLDER = Part(
    "Writing an older version",
    "`versions=` of a dump is refused before anything is written.",
    (
        Case(
            "The version is a text",
            """
            versionpickle.dumps(Order(5), versions={Order: "1"})
            """,
        ),
        Case(
            "The versions are no dict",
            """
            versionpickle.dumps(Order(5), versions=2)
            """,
        ),
        Case(
            "The class is unknown",
            """
            versionpickle.dumps(Order(5), versions={"shop.models:Odrer": 1})
            """,
        ),
        Case(
            "The class has not had this version",
            """
            versionpickle.dumps(Order(5), versions={Order: 3})
            """,
        ),
        Case(
            "There is no step",
            """
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "The version is older than what is still read",
            """
            @versioned(version=3, oldest=2)
            @attrs.define
            class Invoice:
                amount: int

            migration(Invoice, 2, rename("total", "amount"))
            versionpickle.dumps(Invoice(5), versions={Invoice: 1})
            """,
        ),
        Case(
            "A field was dropped",
            """
            migration(Order, 1, remove("memo"))
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "Nobody knows how to convert a field back",
            """
            migration(Order, 1, convert("amount", float))
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "Nobody knows how to undo a function",
            """
            @migration(Order, 1)
            def to_amount(state):
                return {"amount": state["total"]}

            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "Nobody knows how to undo a function without a name",
            """
            migration(Order, 1)(lambda state: {"amount": state["total"]})
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "Nobody knows how to undo a step of a base",
            """
            @versioned(version=2)
            class Record: ...

            @versioned(version=4)
            class Invoice(Record): ...

            migration(Record, 1, rename("made", "created"), remove("memo"))
            versionpickle.dumps(Invoice(), versions={Record: 1})
            """,
        ),
        Case(
            "The values had no names",
            """
            migration(Order, 1, name_positions("amount"))
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "Objects were of another class",
            """
            migration(Order, 1, become({Order: 2}))
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "The function back fails",
            """
            migration(Order, 1, convert("amount", float, back=lambda amount: int(amount, 16)))
            versionpickle.dumps(Order(5), versions={Order: 1})
            """,
        ),
        Case(
            "The function back forgets to return the state",
            """
            @migration(Order, 1)
            def to_amount(state):
                return {"amount": state["total"]}

            @to_amount.down
            def to_total(state):
                state["total"] = state.pop("amount")

            versionpickle.dumps([Order(5)], versions={Order: 1})
            """,
        ),
        Case(
            "No load could find the class again",
            """
            def make():
                @versioned
                class Refund: ...

                return Refund

            versionpickle.dumps(make()())
            """,
        ),
        Case(
            "The name of the class means another by now",
            """
            @versioned
            @attrs.define
            class Refund:
                amount: int

            refund = Refund(5)

            class Refund: ...

            versionpickle.dumps(refund)
            """,
        ),
    ),
    before="""
    @versioned(version=2)
    @attrs.define
    class Order:
        amount: int
    """,
)

KEEPING = Part(
    "Keeping what is not known",
    "What `missing=` and `future=` of a load are told.",
    (
        Case(
            "Unknown classes are to be ignored",
            """
            versionpickle.loads(data, missing="ignore")
            """,
        ),
        Case(
            "Newer versions are to be ignored",
            """
            versionpickle.loads(data, future="ignore")
            """,
        ),
        Case(
            "Classes are kept, and versions are not",
            """
            @versioned
            @attrs.define
            class Order:
                amount: int

            versionpickle.loads(data, missing="keep")
            """,
        ),
        Case(
            "Versions are kept, and classes are not",
            """
            versionpickle.loads(data, future="keep", registry=Registry("shop"))
            """,
        ),
        Case(
            "A placeholder is asked for what it does not hold",
            """
            kept = versionpickle.loads(data, missing="keep", registry=Registry("shop"))
            kept.total
            """,
        ),
    ),
    before="""
    @versioned(version=2)
    @attrs.define
    class Order:
        amount: int

    data = versionpickle.dumps(Order(5))
    """,
)

CHECKED = Part(
    "What `check` tells",
    "It raises nothing: these are the problems that it returns, one per line.",
    (
        Case(
            "No step leaves a version",
            """
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "An operation leaves a field that the class does not have",
            """
            migration(Order, 1, rename("total", "amuont"))
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "An operation takes a field away that the class has",
            """
            migration(Order, 1, remove("amount"))
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "A former name is older than what is still read",
            """
            @versioned(version=3, oldest=3, formerly={"shop.models:Receipt": 1})
            @attrs.define
            class Order:
                amount: int

            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "The steps of a former name lead beyond the version of the class",
            """
            migration("shop.models:Receipt", 1, rename("total", "amount"), to=3)

            @versioned(version=2, oldest=2, formerly={"shop.models:Receipt": 1})
            @attrs.define
            class Order:
                amount: int

            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "The module of the steps is not there",
            """
            @versioned(version=3, migrations="shop.steps")
            @attrs.define
            class Order:
                amount: int

            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "A step is older than what is still read",
            """
            @versioned(version=2, oldest=2)
            @attrs.define
            class Order:
                amount: int

            migration(Order, 1, rename("total", "amount"))
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "The name of the class is misspelt",
            """
            migration("shop.models:Odrer", 1, rename("total", "amount"))
            migration(Order, 1, rename("total", "amount"))
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "The class that objects become is not declared",
            """
            migration("shop.models:Receipt", 1, become({"shop.models:Odrer": 1}))
            migration(Order, 1, rename("total", "amount"))
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "The class that objects become has not had this version",
            """
            migration("shop.models:Receipt", 1, become({Order: 3}))
            migration(Order, 1, rename("total", "amount"))
            print(*check(), sep="\\n")
            """,
        ),
        Case(
            "The class that objects become is an enum",
            """
            @versioned
            class Colour(enum.Enum):
                RED = 1

            migration("shop.models:Shade", 1, become({Colour: 1}))
            migration(Order, 1, rename("total", "amount"))
            print(*check(), sep="\\n")
            """,
        ),
    ),
    before="""
    @versioned(version=2)
    @attrs.define
    class Order:
        amount: int
    """,
)

STORED = Part(
    "A store",
    "Errors about a record also have its `key`.",
    (
        Case(
            "A record was changed by somebody else during an edit",
            """
            with store.edit("basket") as basket:
                basket.append("pear")
                store["basket"] = ["plum"]  # as another program may do
            """,
        ),
        Case(
            "A key is no text",
            """
            store[7] = ["apple"]
            """,
        ),
        Case(
            "An object cannot be pickled",
            """
            @attrs.define
            class Connection:
                host: str

                def __reduce__(self):
                    raise TypeError("a connection cannot be pickled")

            store["connections"] = {"main": Connection("db")}
            """,
        ),
        Case(
            "A class is neither declared nor allowed",
            """
            class Plain: ...

            store["plain"] = Plain()
            store["plain"]
            """,
        ),
        Case(
            "A record is not what was stored",
            """
            with contextlib.closing(sqlite3.connect("orders.db")) as other, other:
                other.execute("UPDATE records SET data = x'80054b072e'")
            store["basket"]
            """,
        ),
        Case(
            "Another program is writing for too long",
            """
            with store.transaction(), versionpickle.open("orders.db", timeout=0.1) as second:
                second["basket"] = []
            """,
        ),
        Case(
            "The store was closed",
            """
            store.close()
            store["basket"]
            """,
        ),
        Case(
            "A store that is opened with older versions is migrated",
            """
            @versioned(version=2)
            class Order: ...

            with versionpickle.open("orders.db", versions={Order: 1}) as second:
                second.migrate()
            """,
        ),
        Case(
            "The file is another SQLite database",
            """
            with contextlib.closing(sqlite3.connect("app.db")) as other:
                other.execute("CREATE TABLE jobs (id, payload)")
            versionpickle.open("app.db")
            """,
        ),
        Case(
            "The file is no database at all",
            """
            with open("cache", "wb") as file:
                file.write(bytes(5000))
            versionpickle.open("cache")
            """,
        ),
        Case(
            "The file is to be read, and is not there",
            """
            versionpickle.open("oders.db", read_only=True)
            """,
        ),
        Case(
            "The address of something else is opened as a store",
            """
            versionpickle.open("shelve:cache")
            """,
        ),
        Case(
            "The column of a table is misspelt",
            """
            with contextlib.closing(sqlite3.connect("app.db")) as other:
                other.execute("CREATE TABLE jobs (id PRIMARY KEY, payload)")
            versionpickle.open_existing("sqlite:app.db?table=jobs&key=id&value=paylod")
            """,
        ),
    ),
    before="""
    import contextlib
    import sqlite3

    store = versionpickle.open("orders.db")
    store["basket"] = ["apple"]
    """,
)

PARTS = (
    SETTINGS,
    NAMES,
    OPERATIONS,
    STEPS,
    VERSIONS,
    OPERATED,
    FUNCTIONS,
    RESULTS,
    UNSTAMPED,
    BECOMING,
    BASES,
    OLDER,
    KEEPING,
    CHECKED,
    STORED,
)
