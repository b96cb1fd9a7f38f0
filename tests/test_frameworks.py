"""Frameworks and libraries that store objects in a way of their own."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import textwrap
import threading

from typing import NamedTuple

import attrs
import jsonpickle
import pytest
import yaml

from two_processes import run

import versionpickle

from versionpickle import Limits, Versioned, migration, versioned
from versionpickle.exceptions import UnknownClassError
from versionpickle.migrations import add, convert


class Holder:
    """What all classes of these tests have: an amount, in cents at version 1."""

    def __init__(self, amount):
        self.amount = amount


@versioned(version=2)
class Plain(Holder):
    pass


@versioned(version=2)
@attrs.define
class Slotted:
    amount: float


@attrs.define
class SlottedAfterwards(Versioned, version=2):
    amount: float


@versioned(version=2)
@dataclasses.dataclass
class Data:
    amount: float


@versioned(version=2)
@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    amount: float


@versioned(version=2)
class Slots:
    __slots__ = ("amount",)

    def __init__(self, amount):
        self.amount = amount


@versioned(version=2)
class OwnDict(Holder):
    def __getstate__(self):
        return {"amount": self.amount}

    def __setstate__(self, state):
        assert type(state) is dict
        self.__dict__.update(state)


@versioned(version=2)
class OwnList(Holder):
    def __getstate__(self):
        return [self.amount]

    def __setstate__(self, state):
        (self.amount,) = state


@versioned(version=2)
class OwnFloat(Holder):
    def __getstate__(self):
        return self.amount

    def __setstate__(self, state):
        self.amount = state


class Sub(Plain):
    pass


class Silent:
    """Tell no base of its subclasses."""

    def __init_subclass__(cls):
        pass


class SubWithState(Plain):
    def __getstate__(self):
        return super().__getstate__() | {"more": True}


@versioned(version=2)
class Items(list):
    def __init__(self, amount):
        super().__init__()
        self.amount = amount


@versioned(version=2)
class Trouble(Exception):
    def __init__(self, amount):
        super().__init__(amount)
        self.amount = amount


@versioned(version=2, transient="lock")
class Transient(Holder):
    lock = None

    def __init__(self, amount):
        super().__init__(amount)
        self.lock = object()


for cls in (Plain, Slotted, SlottedAfterwards, Data, Frozen, Slots, OwnDict):
    migration(cls, 1, convert("amount", lambda cents: cents / 100))
for cls in (Items, Trouble, Transient):
    migration(cls, 1, convert("amount", lambda cents: cents / 100))


@migration(OwnList, 1)
def list_in_euros(state):
    return [state[0] / 100]


@migration(OwnFloat, 1)
def float_in_euros(state):
    return state / 100


def by_class_and_state(state):
    """Copy a state as Twisted's jelly does, which knows the builtin types and no others."""
    made = type(state).__new__(type(state))
    made.__setstate__(copy.deepcopy(state.__getstate__()))
    return made


WAYS = {
    "as it is": lambda state: state,
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
    "protocol 0": lambda state: pickle.loads(pickle.dumps(state, 0)),
    "versionpickle": lambda state: versionpickle.loads(versionpickle.dumps(state)),
    "limits": lambda state: versionpickle.loads(versionpickle.dumps(state), limits=Limits()),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "by class and state": by_class_and_state,
}

CLASSES = [
    *(Plain, Slotted, SlottedAfterwards, Data, Frozen, Slots, OwnDict, OwnList, OwnFloat),
    *(Sub, SubWithState, Items, Trouble, Transient),
]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("cls", CLASSES)
def test_state_knows_its_version(cls, way):
    """A state that was asked for and set runs no step, however it was stored meanwhile."""
    state = way(cls(12.0).__getstate__())
    made = cls.__new__(cls)

    made.__setstate__(state)

    assert made.amount == 12.0


def test_state_of_a_class_that_is_not_known_yet():
    """A class that was created unnoticed is versioned when its state is asked for."""
    unnoticed = type("Unnoticed", (Silent, Bare), {"__module__": __name__})

    state = unnoticed().__getstate__()

    assert f"{__name__}:Unnoticed" == state.stamp.claim.ref


def test_state_is_read_as_before():
    """Code that reads a state, or changes it, finds what was there without a version."""
    state = Plain(12.0).__getstate__()
    state["amount"] += 1
    made = Plain.__new__(Plain)

    made.__setstate__(state.copy())

    assert ({"amount": 13.0}, 13.0) == (state, made.amount)


@pytest.mark.parametrize(("cls", "state"), [(Slots, (None, {"amount": 12.0})), (OwnList, [12.0])])
def test_state_that_is_no_dict(cls, state):
    """A state that is a pair or a list is still one."""
    assert state == cls(12.0).__getstate__()


def test_state_leaves_out_what_is_transient():
    """A field that is never stored is not in the state either."""
    assert {"amount": 12.0} == Transient(12.0).__getstate__()


@versioned(version=2)
class Bare:
    pass


migration(Bare, 1, add("size", 1))


def test_state_of_an_object_without_attributes():
    """An object that stores nothing hands out a version all the same."""
    made = Bare.__new__(Bare)

    made.__setstate__(Bare().__getstate__())

    assert {} == vars(made)


@versioned
class Asking(Holder):
    """Ask for the state when it is reduced."""

    def __reduce__(self):
        return _asking, (self.__getstate__(),)


def _asking(state):
    assert type(state) is dict
    return Asking(**state)


def test_class_that_asks_for_its_own_state():
    """What an object reduces to by itself holds the plain state."""
    assert 12.0 == pickle.loads(pickle.dumps(Asking(12.0))).amount


@versioned
class KeptInC(threading.local):
    """Keep something that pickle cannot see."""


def test_object_that_pickle_cannot_see_into():
    """It is refused, as it is without a version."""
    with pytest.raises(TypeError, match="cannot pickle 'KeptInC' object"):
        pickle.dumps(KeptInC())


# ZODB

BANK = {
    "plain": """
        class Account(persistent.Persistent):
            def __init__(self, amount):
                self.total = amount
        """,
    "version 1": """
        @versioned
        class Account(persistent.Persistent):
            def _p_resolveConflict(self, old, saved, new):
                return {**new, "total": saved["total"] + new["total"] - old["total"]}
        """,
    "version 2": """
        @versioned(version=2)
        class Account(persistent.Persistent):
            def _p_resolveConflict(self, old, saved, new):
                return {**new, "amount": saved["amount"] + new["amount"] - old["amount"]}

        migration(Account, 1, rename("total", "amount"), convert("amount", lambda c: c / 100))
        """,
    "version 3": """
        class Merging(persistent.Persistent):
            def _p_resolveConflict(self, old, saved, new):
                return {**new, "amount": saved["amount"] + new["amount"] - old["amount"]}

        @versioned(version=3)
        class Account(Merging):
            pass

        class Savings(Account):
            pass

        migration(Account, 1, rename("total", "amount"), convert("amount", lambda c: c / 100))
        migration(Account, 2, add("currency", "EUR"))
        """,
}


class Bank:
    """A FileStorage, and the versions of the module whose objects it holds."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, version, source):
        module = f"""
            import persistent
            from versionpickle import migration, versioned
            from versionpickle.migrations import add, convert, rename
            {textwrap.indent(textwrap.dedent(BANK[version]), " " * 12)}
            """
        (self.folder / "bank.py").write_text(textwrap.dedent(module))
        opening = """
            import bank, sys, transaction, ZODB, ZODB.FileStorage
            db = ZODB.DB(ZODB.FileStorage.FileStorage("bank.fs"))
            """
        done = run(self.folder, textwrap.dedent(opening) + textwrap.dedent(source))
        return done.decode().split()


ACCOUNTS = """
with db.transaction() as connection:
    root = connection.root()
    root["first"], root["second"] = bank.Account(1200), bank.Account(300)
    root["first"].other, root["second"].other = root["second"], root["first"]
db.close()
"""

CONFLICT = """
managers = transaction.TransactionManager(), transaction.TransactionManager()
connections = [db.open(manager) for manager in managers]
for number, connection in enumerate(connections, 1):
    connection.root()["first"].FIELD += number
for manager, connection in zip(managers, connections):
    manager.commit()
    connection.close()
db.pack()
with db.transaction() as connection:
    print(connection.root()["first"].FIELD)
db.close()
"""

AGAIN = """
for number in range(2):
    with db.transaction() as connection:
        connection.cacheMinimize()
        account = connection.root()["first"].other
        print(account.amount, account.currency, account.other.other is account)
        account.amount += 1
db.close()
"""


@pytest.fixture
def bank(tmp_path):
    pytest.importorskip("ZODB")
    bank = Bank(tmp_path)
    bank.run("plain", ACCOUNTS)
    return bank


def test_zodb(bank):
    """Objects of a ZODB are saved and read again, by one version of their class after another."""
    totals = [bank.run("version 1", CONFLICT.replace("FIELD", "total"))]
    totals += [
        bank.run(f"version {number}", CONFLICT.replace("FIELD", "amount")) for number in (2, 2, 3)
    ]

    assert [["1203"], ["15.03"], ["18.03"], ["21.03"]] == totals
    assert ["3.0", "EUR", "True", "4.0", "EUR", "True"] == bank.run("version 3", AGAIN)


def test_zodb_conflict_of_a_subclass(bank):
    """A subclass resolves conflicts by the method of its base, which gets states of today."""
    source = """
    savings = bank.Savings()
    savings.__setstate__({"total": 100})
    states = [savings.__getstate__() for number in range(3)]
    states[2]["amount"] = 3.0
    merged = savings._p_resolveConflict(*states)
    print(merged["amount"], merged.stamp.claim.ref)
    db.close()
    """

    assert ["3.0", "bank:Savings"] == bank.run("version 3", textwrap.dedent(source))


# PyYAML and jsonpickle


@versioned
class Point(NamedTuple):
    x: int
    y: int = 0


@versioned
class Color(enum.Enum):
    RED = 1


def by_yaml(obj):
    return yaml.unsafe_load(yaml.dump(obj))


def by_jsonpickle(obj):
    return jsonpickle.decode(jsonpickle.encode(obj, keys=True), keys=True)


@pytest.mark.parametrize("copied", [by_yaml, by_jsonpickle])
@pytest.mark.parametrize("cls", CLASSES)
def test_written_as_text(cls, copied):
    """An object of any kind comes back."""
    made = copied(cls(12.0))

    assert (cls, 12.0) == (type(made), made.amount)


@pytest.mark.parametrize("copied", [by_yaml, by_jsonpickle])
@pytest.mark.parametrize("value", [Point(3, 4), Color.RED])
def test_values_written_as_text(value, copied):
    """So does a named tuple, and the member of an enum."""
    assert [value] == copied([value])


def test_old_yaml():
    """An object that an older version wrote as YAML is upgraded."""
    text = yaml.dump(Plain(12.0)).replace(
        "'test_frameworks:Plain',%202", "'test_frameworks:Plain',%201"
    )
    old = text.replace("Plain\n  - 2", "Plain\n  - 1")

    assert 0.12 == yaml.unsafe_load(old).amount


def test_yaml_of_an_unknown_class():
    """The error names the class."""
    text = yaml.dump(Plain(12.0)).replace("Plain", "Unknown")

    with pytest.raises(UnknownClassError, match="test_frameworks:Unknown"):
        yaml.unsafe_load(text)


def test_name_that_nothing_has():
    """A name that is neither of a stamp nor of a method is not found."""
    assert not hasattr(versionpickle, "_nothing:at:all")
