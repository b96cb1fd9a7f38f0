"""An order at version 11, and the ten steps to it in every way that is measured."""

from __future__ import annotations

import attrs
import pydantic
import pyrmute

from eventsourcing.domain import DomainEvent
from twisted.persisted import styles

from versionpickle import migration, versioned
from versionpickle.migrations import add, convert, merge, remove, rename, split


FIRST = {"number": int, "total": int, "name": str, "year": int, "month": int, "memo": str}
"""The fields at version 1; the total was in cents."""

TODAY = {
    "number": str,
    "amount": float,
    "currency": str,
    "tags": list,
    "surname": str,
    "period": int,
}


def first_values(count):
    return [
        (n, n * 25, f"Ada Byron{n}", 2001 + n % 20, n % 12 + 1, f"memo {n}") for n in range(count)
    ]


def todays_values(count):
    return [
        (str(n), n * 25 / 100, "EUR", [], f"Byron{n}", (2001 + n % 20) * 12 + n % 12 + 1)
        for n in range(count)
    ]


# The steps as operations ...


def euros(cents):
    return cents / 100


def months(year, month):
    return year * 12 + month


OPERATIONS = (
    rename("total", "amount"),
    add("currency", "EUR"),
    convert("amount", euros),
    remove("memo"),
    add("tags", factory=list),
    split("name", ("first", "last"), str.split),
    merge(("year", "month"), "period", months),
    remove("first"),
    convert("number", str),
    rename("last", "surname"),
)


# ... and as functions, which change the state in place for those who want that


def rename_total(state):
    state["amount"] = state.pop("total")
    return state


def add_currency(state):
    state["currency"] = "EUR"
    return state


def convert_amount(state):
    state["amount"] /= 100
    return state


def remove_memo(state):
    del state["memo"]
    return state


def add_tags(state):
    state["tags"] = []
    return state


def split_name(state):
    state["first"], state["last"] = state.pop("name").split()
    return state


def merge_period(state):
    state["period"] = state.pop("year") * 12 + state.pop("month")
    return state


def remove_first(state):
    del state["first"]
    return state


def convert_number(state):
    state["number"] = str(state["number"])
    return state


def rename_last(state):
    state["surname"] = state.pop("last")
    return state


FUNCTIONS = (
    rename_total,
    add_currency,
    convert_amount,
    remove_memo,
    add_tags,
    split_name,
    merge_period,
    remove_first,
    convert_number,
    rename_last,
)


# By hand


@attrs.define
class Order:
    number: str
    amount: float
    currency: str
    tags: list
    surname: str
    period: int


@attrs.define
class AtOnce(Order):
    """Reads version 1 as fast as Python can."""

    def __getstate__(self):
        return (
            11,
            self.number,
            self.amount,
            self.currency,
            self.tags,
            self.surname,
            self.period,
        )

    def __setstate__(self, state):
        if state[0] == 11:
            (
                _,
                self.number,
                self.amount,
                self.currency,
                self.tags,
                self.surname,
                self.period,
            ) = state
        elif state[0] == 1:
            _, number, total, name, year, month, _ = state
            self.number = str(number)
            self.amount = total / 100
            self.currency = "EUR"
            self.tags = []
            _, self.surname = name.split()
            self.period = year * 12 + month
        else:
            raise ValueError(state[0])


@attrs.define
class StepByStep(Order):
    """Reads every version, as most people write it."""

    def __getstate__(self):
        return {"version": 11, **{name: getattr(self, name) for name in TODAY}}

    def __setstate__(self, state):  # noqa: C901 - one branch a version is how it is written
        version = state.pop("version")
        if version < 2:
            state["amount"] = state.pop("total")
        if version < 3:
            state["currency"] = "EUR"
        if version < 4:
            state["amount"] /= 100
        if version < 5:
            del state["memo"]
        if version < 6:
            state["tags"] = []
        if version < 7:
            state["first"], state["last"] = state.pop("name").split()
        if version < 8:
            state["period"] = state.pop("year") * 12 + state.pop("month")
        if version < 9:
            del state["first"]
        if version < 10:
            state["number"] = str(state["number"])
        if version < 11:
            state["surname"] = state.pop("last")
        for name, value in state.items():
            setattr(self, name, value)


@attrs.define
class Calling(AtOnce):
    """Makes the dict that the functions want, and calls them."""

    def __setstate__(self, state):
        if state[0] == 11:
            super().__setstate__(state)
            return
        _, number, total, name, year, month, memo = state
        state = {
            "number": number,
            "total": total,
            "name": name,
            "year": year,
            "month": month,
            "memo": memo,
        }
        state = rename_total(state)
        state = add_currency(state)
        state = convert_amount(state)
        state = remove_memo(state)
        state = add_tags(state)
        state = split_name(state)
        state = merge_period(state)
        state = remove_first(state)
        state = convert_number(state)
        state = rename_last(state)
        self.number = state["number"]
        self.amount = state["amount"]
        self.currency = state["currency"]
        self.tags = state["tags"]
        self.surname = state["surname"]
        self.period = state["period"]


# By versionpickle


def _versioned(name, steps):
    body = {"__module__": __name__, "__qualname__": name, "__annotations__": TODAY}
    cls = versioned(version=11)(attrs.define(type(name, (), body)))
    for version, step in enumerate(steps, start=1):
        if callable(step):
            migration(cls, version)(step)
        else:
            migration(cls, version, step)
    return cls


Operations = _versioned("Operations", OPERATIONS)
Functions = _versioned("Functions", FUNCTIONS)
Mixed = _versioned(
    "Mixed", [step for pair in zip(OPERATIONS[::2], FUNCTIONS[1::2], strict=True) for step in pair]
)


# By the peers


@attrs.define(slots=False)
class Twisted(styles.Versioned):
    number: str
    amount: float
    currency: str
    tags: list
    surname: str
    period: int

    persistenceVersion = 11  # noqa: N815 - Twisted's name


class Model(pydantic.BaseModel):
    number: str
    amount: float
    currency: str
    tags: list[str]
    surname: str
    period: int


class Validated(Model):
    @pydantic.model_validator(mode="before")
    @classmethod
    def upgrade(cls, state):
        for step in FUNCTIONS[state.pop("version") - 1 :]:
            state = step(state)
        return state


class Event(DomainEvent):
    number: str
    amount: float
    currency: str
    tags: list
    surname: str
    period: int

    class_version = 11


MANAGER = pyrmute.ModelManager()
for _version, _step in enumerate(FUNCTIONS, start=1):
    setattr(Twisted, f"upgradeToVersion{_version + 1}", lambda self, step=_step: step(vars(self)))
    setattr(Event, f"upcast_v{_version}_v{_version + 1}", staticmethod(_step))
    MANAGER.model("Order", f"{_version}.0.0")(type("Old", (pydantic.BaseModel,), {}))
    MANAGER.migration("Order", f"{_version}.0.0", f"{_version + 1}.0.0")(_step)
MANAGER.model("Order", "11.0.0")(Model)
