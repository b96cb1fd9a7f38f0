"""Steps that lead out of a class: objects become others, and all references follow."""

from __future__ import annotations

import enum
import pickle

from collections import namedtuple
from decimal import Decimal
from types import SimpleNamespace

import attrs
import pydantic
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, migration, versioned
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import (
    DeclarationError,
    DowngradeError,
    FieldsError,
    InvalidObjectError,
    MissingStepError,
    PlainLoadError,
    StepError,
    UnknownClassError,
)
from versionpickle.migrations import (
    add,
    become,
    convert,
    default_registry,
    name_arguments,
    remove,
    rename,
    replace,
)


old = Registry("old")


@versioned(version=2, name="payment", registry=old)
class Payment:
    """Has been split since."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


@versioned(name="slotted payment", registry=old)
@attrs.define(eq=False)
class SlottedPayment:
    kind: str
    links: list = attrs.field(factory=list)
    back: object = None


class Unstamped:
    """Was never versioned."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


UNSTAMPED = f"{__name__}:Unstamped"
MADE = [
    pytest.param(Payment, id="stamped"),
    pytest.param(SlottedPayment, id="slotted"),
    pytest.param(Unstamped, id="unstamped"),
]


@attrs.define(eq=False, slots=True)
class Card:
    kind: str
    links: list
    back: object = None


@attrs.define(eq=False, slots=False)
class Bank:
    kind: str
    links: list
    back: object = None


def by_kind(state):
    return Card if state["kind"] == "card" else Bank


@pytest.fixture
def split(registry):
    """Today's classes: what was a payment is a card or a bank."""
    for cls in (Card, Bank):
        adopt(cls, registry=registry)
    ending = become({Card: 1, Bank: 1}, by=by_kind)
    migration("payment", 2, ending, registry=registry)
    migration("slotted payment", 1, ending, registry=registry)
    migration(UNSTAMPED, 1, ending, registry=registry)
    return registry


LOADS = {
    "default": {},
    "limits": {"limits": Limits()},
    "unsafe": {"unsafe": True},
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("how", LOADS)
@pytest.mark.parametrize("make", MADE)
def test_a_class_is_split_by_the_state(split, make, how, protocol):
    """Each object becomes what its state says, wherever it was referred to."""
    card, bank = make(kind="card", links=[], back=None), make(kind="bank", links=[], back=None)
    card.links += [card, bank, (card,), {"bank": bank}]
    data = pickle.dumps([card, bank, (bank, card), {card, bank}, {bank: card}], protocol)

    found = versionpickle.loads(data, registry=split, **LOADS[how])

    new_card, new_bank = found[:2]
    assert (type(new_card), type(new_bank)) == (Card, Bank)
    assert (new_card.kind, new_bank.kind) == ("card", "bank")
    assert new_card.links == [new_card, new_bank, (new_card,), {"bank": new_bank}]
    assert found[2:] == [(new_bank, new_card), {new_card, new_bank}, {new_bank: new_card}]


@pytest.mark.parametrize("how", LOADS)
@pytest.mark.parametrize("make", MADE)
def test_cycles_through_states(split, make, how):
    """Objects that hold each other directly become others all the same."""
    parent, child = make(kind="bank", links=[]), make(kind="card", links=[])
    parent.back, child.back = child, parent
    loner = make(kind="card", links=[])
    loner.back = loner

    found = versionpickle.loads(pickle.dumps([parent, child, loner]), registry=split, **LOADS[how])

    assert [type(obj) for obj in found] == [Bank, Card, Card]
    assert found[0].back is found[1]
    assert found[1].back is found[0]
    assert found[2].back is found[2]


def test_what_decides_may_come_late(split):
    """Unless the way to it leads through the cycle itself, which is an error."""
    obj = Unstamped(back=None, links=[], kind="card")
    other = Unstamped(back=obj, links=[], kind=None)
    obj.back = other
    other.kind = Unstamped(kind=other, links=[])

    with pytest.raises(StepError, match="leads back to the object itself"):
        versionpickle.loads(pickle.dumps(obj), registry=split)


@versioned(name="node")
class Node:
    """Keeps its fields in a ``__dict__``, so that plain pickle can turn others into it."""


@pytest.mark.parametrize("loads", [pickle.loads, versionpickle.loads])
def test_plain_pickle(loads):
    """Where there is room for it, plain pickle does it too."""
    obj = Payment(n=1)
    obj.me = obj
    migration("payment", 2, rename("n", "number"), become({Node: 1}))

    try:
        found = loads(pickle.dumps([obj, obj]))
    finally:
        default_registry.forget_steps("payment")

    assert type(found[0]) is Node
    assert found[0] is found[1] is found[0].me
    assert found[0].number == 1


def test_plain_pickle_says_what_it_cannot_do():
    """A class with other slots needs our loads, and so does a value."""
    data = pickle.dumps(SlottedPayment("card"))
    adopt(Card, name="default card")
    migration("slotted payment", 1, become({Card: 1}))

    try:
        with pytest.raises(PlainLoadError, match=r"load it with versionpickle\.loads") as caught:
            pickle.loads(data)
        assert type(versionpickle.loads(data)) is Card
    finally:
        default_registry.forget_steps("slotted payment")

    assert ("slotted payment", 1, 1) == (
        caught.value.ref,
        caught.value.version,
        caught.value.current,
    )


def test_plain_pickle_hashes_no_undecided_object():
    """Its hash would be another one as soon as it has become what it becomes."""
    obj = Payment(n=1)
    obj.group = {obj}
    migration("payment", 2, become({Node: 1}))

    try:
        with pytest.raises(TypeError, match="unhashable"):
            pickle.loads(pickle.dumps(obj))
        found = versionpickle.loads(pickle.dumps(obj))
    finally:
        default_registry.forget_steps("payment")

    assert found in found.group


@pytest.mark.parametrize("how", LOADS)
@pytest.mark.parametrize("make", [Payment, Unstamped])
def test_a_value_takes_the_place(registry, make, how):
    """All references lead to the one value."""
    name, version = ("payment", 2) if make is Payment else (UNSTAMPED, 1)
    migration(name, version, replace(lambda state: Decimal(state["amount"])), registry=registry)
    obj = make(amount="1.5")

    found = versionpickle.loads(
        pickle.dumps([obj, {"price": obj}, (obj,)]), registry=registry, **LOADS[how]
    )

    assert found == [Decimal("1.5"), {"price": Decimal("1.5")}, (Decimal("1.5"),)]
    assert found[0] is found[1]["price"] is found[2][0]


def test_a_value_needs_our_loads():
    """Plain pickle has its object already when it meets the state."""
    migration("payment", 2, replace(len))
    try:
        with pytest.raises(PlainLoadError, match="a value takes its place"):
            pickle.loads(pickle.dumps(Payment(n=1)))
    finally:
        default_registry.forget_steps("payment")


def test_a_value_in_a_cycle(registry):
    """What is made of a state cannot be part of that state."""
    migration("payment", 2, replace(len), registry=registry)
    obj = Payment()
    obj.me = obj

    with pytest.raises(StepError, match="leads back to the object itself"):
        versionpickle.loads(pickle.dumps(obj), registry=registry)


class Order:
    """Of what was one class, some objects are something else today."""

    items: list


class Refund:
    pass


@pytest.fixture
def continued(registry):
    adopt(Order, version=3, registry=registry)
    adopt(Refund, version=2, registry=registry)
    migration(Order, 1, rename("sum", "amount"), registry=registry)
    ending = become({Order: 3, Refund: 1}, by=lambda s: Refund if s["amount"] < 0 else Order)
    migration(Order, 2, ending, registry=registry)
    migration(Refund, 1, convert("amount", abs), registry=registry)
    return registry


@pytest.mark.parametrize("how", LOADS)
def test_a_class_that_goes_on(continued, how):
    """Objects leave a class that is still there, stamped or not."""
    order, refund = Order(), Order()
    order.sum, refund.sum, refund.order = 5, -5, order

    found = versionpickle.loads(pickle.dumps([order, refund]), registry=continued, **LOADS[how])

    assert [type(obj) for obj in found] == [Order, Refund]
    assert [obj.amount for obj in found] == [5, 5]
    assert found[1].order is found[0]


def test_a_class_that_goes_on_is_written_as_always(continued):
    """Today's objects pass no ending."""
    order = Order()
    order.amount = -5

    found = versionpickle.loads(versionpickle.dumps(order, registry=continued), registry=continued)

    assert type(found) is Order


def test_a_stamped_class_that_goes_on():
    """Its stamp leads to the ending, in plain pickle as well."""
    was = Registry("was")
    adopt(Order, version=2, name="order", registry=was)
    order = Order()
    order.amount = -5
    data = versionpickle.dumps(order, registry=was)

    today = Registry("today")
    adopt(Order, version=3, name="order", registry=today)
    adopt(Refund, registry=today)
    migration(Order, 2, become({Refund: 1}), registry=today)

    for settings in LOADS.values():
        found = versionpickle.loads(data, registry=today, **settings)
        assert (type(found), found.amount) == (Refund, -5)


class Keyword(str):
    """Is made from keyword arguments."""

    def __new__(cls, *, text=""):
        return super().__new__(cls, text)

    def __getnewargs_ex__(self):
        return (), {"text": str(self)}


versioned(name="keyword", registry=old)(Keyword)


@pytest.mark.parametrize("protocol", [2, 4])
def test_keyword_arguments(registry, protocol):
    """The function gets them; if it does not ask for them, they are left over."""
    data = pickle.dumps(Keyword(text="a"), protocol)
    other = Registry()
    migration("keyword", 1, replace(len), registry=registry)
    migration("keyword", 1, replace(lambda state: state.get("<keywords>")), registry=other)

    with pytest.raises(FieldsError, match="left over keyword arguments"):
        versionpickle.loads(data, registry=registry)
    assert {"text": "a"} == versionpickle.loads(data, registry=other)


def test_an_object_without_a_state(registry):
    """It becomes what an empty state becomes."""
    migration(UNSTAMPED, 1, become({Order: 1}), registry=registry)
    adopt(Order, registry=registry)

    found = versionpickle.loads(pickle.dumps([Unstamped()], 2), registry=registry)

    assert [type(obj) for obj in found] == [Order]


@versioned(version=2, unstamped=lambda state: 1 if "old" in state else 2)
class Mixed:
    """Is read by plain pickle, unstamped."""


def test_unstamped_objects_in_plain_pickle():
    """Objects that stay are filled, and others turned."""
    migration(Mixed, 1, remove("old"), become({Node: 1}))
    text = b"\x80\x02c" + __name__.encode() + b"\nMixed\n)\x81}X\x01\x00\x00\x00"
    gone, stays = pickle.loads(text + b"xK\x01sb."), None

    assert (type(gone), gone.x) == (Mixed, 1)
    stays = versionpickle.loads(text + b"xK\x01sb.")
    assert (type(stays), stays.x) == (Mixed, 1)
    turned = pickle.loads(
        b"\x80\x02c" + __name__.encode() + b"\nMixed\n)\x81}X\x03\x00\x00\x00oldK\x01sb."
    )
    assert type(turned) is Node


def test_several_edges_after_each_other(registry):
    """What an object becomes may have become something else since."""
    adopt(Refund, version=2, registry=registry)
    migration("payment", 2, rename("a", "b"), become({"gone:A": 4}), registry=registry)
    adopt(Order, version=5, formerly="gone:A", registry=registry)
    migration("gone:A", 4, rename("b", "c"), become({Refund: 1}), registry=registry)
    migration(Refund, 1, rename("c", "d"), registry=registry)

    found = versionpickle.loads(pickle.dumps(Payment(a=1)), registry=registry)

    assert (type(found), vars(found)) == (Refund, {"d": 1})


def test_several_edges_to_slots(registry):
    """Only the last class is made."""
    adopt(Card, registry=registry)
    migration("gone:Paid", 1, remove("extra"), registry=registry)
    migration("gone:Paid", 2, become({Card: 1}), registry=registry)
    ending = add("extra", 1), become({"gone:Paid": 1})
    migration("payment", 2, *ending, registry=registry)

    obj = Payment(kind="a", links=[])
    obj.back = obj
    found = versionpickle.loads(pickle.dumps(obj), registry=registry)

    assert type(found) is Card
    assert found.back is found


def test_two_classes_into_one(registry):
    """Two paths lead to one node."""
    adopt(Refund, version=3, registry=registry)
    migration("payment", 2, become({Refund: 2}), registry=registry)
    migration(UNSTAMPED, 1, rename("x", "y"), registry=registry)
    migration(UNSTAMPED, 2, become({Refund: 2}), registry=registry)
    migration(Refund, 2, rename("y", "z"), registry=registry)

    found = versionpickle.loads(pickle.dumps([Payment(y=1), Unstamped(x=2)]), registry=registry)

    assert [(type(obj), vars(obj)) for obj in found] == [(Refund, {"z": 1}), (Refund, {"z": 2})]


Point = namedtuple("Point", "x y")
versioned(name="old point", registry=old)(Point)


class Pair(namedtuple("Pair", "left right")):
    pass


@pytest.mark.parametrize("loads", [pickle.loads, versionpickle.loads])
def test_a_named_tuple_becomes_a_class_with_fields(loads):
    """Its values are all there at once, so plain pickle can do it, whatever comes."""
    adopt(Bank, name="default bank") if default_registry.named("default bank") is None else None
    ending = (rename("x", "kind"), rename("y", "links"), become({Bank: 1}))
    migration("old point", 1, *ending)
    try:
        found = loads(pickle.dumps(Point("bank", [])))
    finally:
        default_registry.forget_steps("old point")

    assert (type(found), found.kind, found.links) == (Bank, "bank", [])


@pytest.mark.parametrize("make", [Payment, Unstamped])
def test_fields_become_a_named_tuple(registry, make):
    """It is made when its state is there."""
    name, version = ("payment", 2) if make is Payment else (UNSTAMPED, 1)
    adopt(Pair, registry=registry)
    migration(name, version, become({Pair: 1}), registry=registry)
    obj = make(left=1, right=2)

    found = versionpickle.loads(pickle.dumps([obj, obj]), registry=registry)

    assert found[0] is found[1]
    assert (type(found[0]), found[0]) == (Pair, (1, 2))


def test_what_is_rebuilt(registry):
    """A class that is made by a function of the user's can be reached too."""
    adopt(SimpleNamespace, rebuild=lambda args, state: SimpleNamespace(**state), registry=registry)
    migration("payment", 2, become({SimpleNamespace: 1}), registry=registry)

    found = versionpickle.loads(pickle.dumps(Payment(a=1)), registry=registry)

    assert SimpleNamespace(a=1) == found


class Stateful:
    """Decides itself what its state is."""

    def __init__(self, n=0):
        self.n = n

    def __getstate__(self):
        return {"n": self.n}

    def __setstate__(self, state):
        self.n = state["n"]


versioned(name="stateful", registry=old)(Stateful)


class StatefulToday(Stateful):
    pass


def test_states_of_their_own(registry):
    """The edge leads from such a class, and to one."""
    adopt(StatefulToday, registry=registry)
    migration("stateful", 1, convert("n", str), become({StatefulToday: 1}), registry=registry)

    found = versionpickle.loads(pickle.dumps(Stateful(3)), registry=registry)

    assert (type(found), found.n) == (StatefulToday, "3")


@versioned(name="listing", registry=old)
class Listing:
    """Has a state that is no dict."""

    def __init__(self, *parts):
        self.parts = parts

    def __getstate__(self):
        return [*self.parts]

    def __setstate__(self, state):
        self.parts = (*state,)


class ListingToday(Listing):
    pass


class PlainListing:
    """Has the same state, and no version."""

    __getstate__ = Listing.__getstate__


def written_without_stamp(*made):
    """As the class did before it had a version."""
    for obj in made:
        obj.__class__ = PlainListing
    return pickle.dumps(made[0]).replace(b"PlainListing", b"OlderListing")


@pytest.mark.parametrize("stamped", [True, False])
def test_states_that_are_no_dicts(registry, stamped):
    """They reach the ending as they are, also in a cycle."""
    adopt(ListingToday, registry=registry)
    ending = become({ListingToday: 1}, by=lambda state: ListingToday)
    migration("listing", 1, ending, registry=registry)
    migration(f"{__name__}:OlderListing", 1, ending, registry=registry)
    obj, other = Listing(), Listing(2)
    obj.parts, other.parts = (1, other), (2, obj)

    data = pickle.dumps(obj) if stamped else written_without_stamp(obj, other)
    found = versionpickle.loads(data, registry=registry)

    assert [ListingToday, 1, 2] == [type(found), found.parts[0], found.parts[1].parts[0]]
    assert found.parts[1].parts[1] is found


@versioned(name="colour", registry=old)
class Colour(enum.Enum):
    RED = 1


class Rebuilt:
    def __init__(self, n):
        self.n = n


adopt(
    Rebuilt,
    name="rebuilt",
    rebuild=lambda args, state: Rebuilt(**state),
    registry=old,
)


def test_what_stands_in_one_call(registry):
    """Members of enums, and what was rebuilt, become others too."""
    migration("colour", 1, replace(lambda state: state["name"].lower()), registry=registry)
    migration("rebuilt", 1, replace(lambda state: state["n"]), registry=registry)
    data = versionpickle.dumps([Colour.RED, Rebuilt(5)], registry=old)

    assert versionpickle.loads(data, registry=registry) == ["red", 5]


@versioned(name="listed", registry=old)
class Listed(list):
    pass


@versioned(name="text", registry=old)
class Text(str):
    pass


def test_what_is_made_from_arguments(registry):
    """The function gets them; if it does not ask for them, they are left over."""
    data = pickle.dumps(Text("abc"))
    other = Registry()
    migration("text", 1, replace(len), registry=registry)
    migration("text", 1, replace(lambda state: state.pop("<arguments>")), registry=other)

    with pytest.raises(FieldsError, match="left over constructor arguments"):
        versionpickle.loads(data, registry=registry)
    assert ("abc",) == versionpickle.loads(data, registry=other)


@attrs.define
class Positive:
    n: int = attrs.field(validator=attrs.validators.gt(0))


def test_validators_run(registry):
    """As on everything that was upgraded."""
    adopt(Positive, registry=registry)
    migration("payment", 2, become({Positive: 1}), registry=registry)

    assert Positive(1) == versionpickle.loads(pickle.dumps(Payment(n=1)), registry=registry)
    with pytest.raises(InvalidObjectError):
        versionpickle.loads(pickle.dumps(Payment(n=-1)), registry=registry)
    with pytest.raises(FieldsError, match="left over 'm'"):
        versionpickle.loads(pickle.dumps(Payment(n=1, m=1)), registry=registry)


class Base:
    pass


class WithBase(Base):
    pass


def test_a_common_base(registry):
    """Its steps run once, before the ending."""
    was = Registry("was")
    adopt(Base, name="base", registry=was)
    adopt(WithBase, name="with base", registry=was)
    obj = WithBase()
    obj.n = 1
    data = versionpickle.dumps(obj, registry=was)

    class Other(Base):
        pass

    adopt(Base, version=2, name="base", registry=registry)
    adopt(Other, registry=registry)
    migration(Base, 1, convert("n", lambda n: n + 1), registry=registry)
    migration("with base", 1, become({Other: 1}), registry=registry)

    found = versionpickle.loads(data, registry=registry)

    assert (type(found), found.n) == (Other, 2)


def test_a_base_that_is_left(registry):
    """An object of a subclass cannot follow, and hears so."""
    adopt(Base, version=2, registry=registry)
    migration(Base, 1, become({Refund: 1}), registry=registry)
    adopt(Refund, registry=registry)

    with pytest.raises(DeclarationError, match="of a subclass cannot follow"):
        versionpickle.loads(pickle.dumps(WithBase()), registry=registry, allow=[])


class TestErrors:
    """What cannot be meant is refused where it is declared, or named where it is met."""

    def test_a_choice_of_none(self, split):
        """A function may choose only what the ending names."""
        split.forget_steps("payment")
        ending = become({Card: 1, Bank: 1}, by=lambda state: state["kind"])
        migration("payment", 2, ending, registry=split)

        with pytest.raises(StepError, match="returned 'ticket', which is not one of"):
            versionpickle.loads(pickle.dumps(Payment(kind="ticket")), registry=split)

    def test_a_choice_that_fails(self, split):
        """The step is named."""
        with pytest.raises(StepError, match=r"step 2 -> 3 of payment.*KeyError"):
            versionpickle.loads(pickle.dumps(Payment()), registry=split)

    def test_a_choice_that_fails_in_a_cycle(self, split):
        """It is no matter of the cycle."""
        parent, child = Payment(kind=0, links=[]), Payment(kind="card", links=[])
        parent.back, child.back = child, parent
        split.forget_steps("payment")
        ending = become({Card: 1, Bank: 1}, by=lambda state: {"card": Card}[state["kind"]])
        migration("payment", 2, ending, registry=split)

        with pytest.raises(StepError, match="KeyError: 0"):
            versionpickle.loads(pickle.dumps(parent), registry=split)

    def test_a_step_behind_an_edge(self, registry):
        """There is no state any more."""
        with pytest.raises(DeclarationError, match="must be the last operation of a step"):
            migration("m:A", 1, become({"m:B": 1}), remove("a"), registry=registry)

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ((["m:A"],), "takes a dict"),
            (({},), "takes a dict"),
            (({"m:A": 1, "m:B": 1},), "cannot choose"),
            (({"m:A": 1}, 5), "takes a function"),
        ],
    )
    def test_bad_arguments(self, arguments, problem):
        """They are refused at once."""
        with pytest.raises(TypeError, match=problem):
            become(*arguments)
        with pytest.raises(TypeError, match="takes a function"):
            replace(5)

    def test_no_version(self):
        """Neither is True."""
        with pytest.raises(DeclarationError, match="not a version"):
            become({"m:A": True})

    def test_a_circle(self, registry):
        """No way may lead back."""
        migration("m:A", 1, add("x", 1), registry=registry)
        migration("m:A", 2, become({"m:B": 1}), registry=registry)

        with pytest.raises(
            DeclarationError, match=r"leads in a circle.*to version 1 of m:B|circle"
        ):
            migration("m:B", 1, become({"m:A": 1}), registry=registry)

    def test_a_circle_through_a_former_name(self, registry):
        """Which names may hide."""
        adopt(Order, version=3, formerly="m:A", registry=registry)

        with pytest.raises(DeclarationError, match="circle"):
            migration(Order, 1, become({"m:A": 1}), registry=registry)

    def test_a_class_that_nobody_declared(self, registry):
        """It may be that its module was not imported."""
        migration("payment", 2, become({"m:B": 1}), registry=registry)

        with pytest.raises(UnknownClassError, match="objects of payment become objects of it"):
            versionpickle.loads(pickle.dumps(Payment()), registry=registry)

    def test_a_version_that_is_not_there(self, registry):
        """The ending is wrong, and no newer code."""
        adopt(Refund, registry=registry)
        migration("payment", 2, become({Refund: 7}), registry=registry)

        with pytest.raises(DeclarationError, match="leads beyond its version 1"):
            versionpickle.loads(pickle.dumps(Payment()), registry=registry)

    def test_an_enum(self, registry):
        """Its members are there already."""
        adopt(Colour, registry=registry)
        migration("payment", 2, become({Colour: 1}), registry=registry)

        with pytest.raises(DeclarationError, match=r"use replace\(\)"):
            versionpickle.loads(pickle.dumps(Payment()), registry=registry)

    def test_what_leads_nowhere(self, registry):
        """An edge may lead to a name that another edge leaves, but not to one that is gone."""
        migration("payment", 2, become({"gone:Paid": 1}), registry=registry)
        with pytest.raises(UnknownClassError):
            versionpickle.loads(pickle.dumps(Payment()), registry=registry)

    def test_a_hole(self, registry):
        """It is found before the first step."""
        migration(UNSTAMPED, 2, become({Refund: 1}), registry=registry)

        with pytest.raises(MissingStepError, match="no step leaves version 1"):
            versionpickle.loads(pickle.dumps(Unstamped()), registry=registry)
        assert "no step leaves version 1" in str(
            versionpickle.inspect(pickle.dumps(Unstamped()), registry=registry)
        )

    def test_no_way_back(self, continued):
        """Yesterday's code reads only what its class wrote."""
        with pytest.raises(DowngradeError, match="because it changes the class"):
            versionpickle.dumps(Order(), registry=continued, versions={Order: 2})

    def test_steps_before_the_declaration(self, registry):
        """A stable name means a class as soon as that is declared."""
        migration("order", 1, become({Refund: 1}), registry=registry)

        with pytest.raises(DeclarationError, match="before the class was declared"):
            adopt(Order, version=2, name="order", registry=registry)

    def test_a_typo(self, registry):
        """A name without a colon is one of the past, or a mistake."""
        with pytest.raises(DeclarationError, match="register the step that ends in become"):
            migration("order", 1, remove("a"), registry=registry)


def test_a_stable_name_that_is_known(registry):
    """It means the class."""
    adopt(Order, version=2, name="order", registry=registry)
    migration("order", 1, rename("a", "b"), registry=registry)
    order = Order()
    order.a = 1

    found = versionpickle.loads(pickle.dumps(order), registry=registry)

    assert vars(found) == {"b": 1}


def test_inspect(split):
    """The steps are named, and a load that would refuse nothing says so."""
    report = versionpickle.inspect(
        pickle.dumps([Payment(kind="card"), Unstamped(kind="card")]), registry=split
    )

    assert report.refused == ()
    assert [found.problem for found in report.classes] == ["", ""]
    assert "step 2 -> 3 of payment (become(" in report.classes[0].steps[0]


def test_printed():
    """As the code that makes them."""
    assert repr(become({"m:A": 1})) == "become({'m:A': 1})"
    assert repr(become({Card: 1, Bank: 1}, by=by_kind)) == (
        f"become({{'{__name__}:Card': 1, '{__name__}:Bank': 1}}, by=by_kind)"
    )
    assert repr(replace(len)) == "replace(len)"


@versioned(name="tagged", registry=old)
class Noted(namedtuple("Noted", "x y")):
    """Has a place for further attributes."""


class TestFurtherParts:
    """What an object held beside its state: attributes, items, pairs."""

    def test_attributes_reach_a_value(self, registry):
        """The function sees them as fields."""
        migration("slotted payment", 1, replace(lambda state: state["kind"]), registry=registry)
        migration("bank", 1, replace(lambda state: sorted(state)), registry=registry)
        was = Registry("was")
        adopt(Bank, name="bank", registry=was)
        obj = Bank("a", [])
        obj.note = "gift"

        data = versionpickle.dumps(obj, registry=was)

        assert ["back", "kind", "links", "note"] == versionpickle.loads(data, registry=registry)

    @pytest.mark.parametrize("how", ["default", "limits"])
    def test_attributes_of_a_named_tuple(self, registry, how):
        """They come behind its values, and need a place."""
        obj = Noted(1, 2)
        obj.note = "gift"
        data = pickle.dumps(obj)
        adopt(Order, registry=registry)
        migration("tagged", 1, become({Order: 1}), registry=registry)

        found = versionpickle.loads(data, registry=registry, **LOADS[how])

        assert {"x": 1, "y": 2, "note": "gift"} == vars(found)

    def test_attributes_without_a_place(self, registry):
        """A value that takes the place of a named tuple has none."""
        obj = Noted(1, 2)
        obj.note = "gift"
        migration("tagged", 1, replace(lambda state: 5), registry=registry)

        with pytest.raises(StepError, match="no place for 'note'"):
            versionpickle.loads(pickle.dumps(obj), registry=registry)

    @pytest.mark.parametrize("how", LOADS)
    @pytest.mark.parametrize("protocol", range(6))
    def test_items(self, registry, how, protocol):
        """They go into what the object becomes."""
        obj = Listed([1, 2])
        obj.x = 3
        adopt(Row, registry=registry)
        migration("listed", 1, become({Row: 1}), registry=registry)

        data = pickle.dumps([obj, obj], protocol)
        found = versionpickle.loads(data, registry=registry, **LOADS[how])

        assert found[0] is found[1]
        assert (Row, [1, 2], 3) == (type(found[0]), [*found[0]], found[0].x)

    def test_pairs(self, registry):
        """Those of a dict go into a value as well."""
        words = versioned(name="words", registry=old)(type("Words", (dict,), {}))
        migration("words", 1, replace(dict), registry=registry)

        found = versionpickle.loads(pickle.dumps(words(a=1)), registry=registry)

        assert {"a": 1} == found

    def test_members(self, registry):
        """Those of an unstamped set, in protocols that add them."""
        migration("m:Gone", 1, replace(lambda state: set()), registry=registry)

        data = b"\x80\x04cm\nGone\n)\x81(K\x01\x90}X\x01\x00\x00\x00aK\x02sb."

        assert {1} == versionpickle.loads(data, registry=registry)

    def test_items_in_plain_pickle(self):
        """They are left over, as in our own loads."""
        obj = Listed([1])
        migration("listed", 1, become({Node: 1}))
        try:
            with pytest.raises(FieldsError, match="left over items"):
                pickle.loads(pickle.dumps(obj))
        finally:
            default_registry.forget_steps("listed")


class Row(list):
    pass


@pytest.mark.parametrize("how", LOADS)
def test_steps_that_change_what_a_state_holds(registry, how):
    """In a cycle, they see a copy first: what they change is changed once."""
    adopt(Card, registry=registry)

    def step(state):
        state["links"].append("new")
        state["links"][0]["deep"].add("new")
        return state

    migration("payment", 3, become({Card: 1}), registry=registry)
    migration("payment", 2, registry=registry)(step)
    obj, other = Payment(kind="card"), Payment(kind="card")
    loop = []
    loop.append(loop)
    for one, two in ((obj, other), (other, obj)):
        one.links, one.back = [{"deep": set()}, loop], two

    found = versionpickle.loads(pickle.dumps(obj), registry=registry, **LOADS[how])

    for one in (found, found.back):
        assert [{"deep": {"new"}}, "new"] == [one.links[0], one.links[2]]
        assert one.links[1][0] is one.links[1]
    assert found.back.back is found


class Model(pydantic.BaseModel):
    x: int


class ModelToday(pydantic.BaseModel):
    x: int


@pytest.mark.parametrize("stamped", [False, True])
def test_models(registry, stamped):
    """Fields of a pydantic model are fields, for another model and for any class."""
    was = Registry("was")
    adopt(Model, name="edges.model", registry=was)
    name = "edges.model" if stamped else f"{__name__}:Model"
    data = versionpickle.dumps(Model(x=1), registry=was) if stamped else pickle.dumps(Model(x=1))
    for today, expected in ((ModelToday, ModelToday(x=1)), (Order, {"x": 1})):
        registry = Registry("today")
        adopt(today, registry=registry)
        migration(name, 1, become({today: 1}), registry=registry)

        found = versionpickle.loads(data, registry=registry)

        assert type(found) is today
        assert expected == (found if today is ModelToday else vars(found))


def test_steps_before_an_edge_of_a_stable_name(registry):
    """The edge makes the name known, so it comes first."""
    adopt(Order, registry=registry)
    migration("payment", 2, become({Order: 1}), registry=registry)
    migration("payment", 1, rename("a", "b"), registry=registry)
    was = Registry("was")
    adopt(Refund, name="payment", registry=was)
    obj = Refund()
    obj.a = 1

    found = versionpickle.loads(versionpickle.dumps(obj, registry=was), registry=registry)

    assert {"b": 1} == vars(found)


class TestBasesOfWhatIsGone:
    """Their steps run before the ending, as far as there are any."""

    @pytest.fixture
    def data(self):
        was = Registry("was")
        adopt(Base, name="base", registry=was)
        adopt(WithBase, name="with base", registry=was)
        obj = WithBase()
        obj.n = 1
        return versionpickle.dumps(obj, registry=was)

    def test_a_base_that_nobody_declared(self, registry, data):
        """Nobody knows what its fields would be."""
        adopt(Order, registry=registry)
        migration("with base", 1, become({Order: 1}), registry=registry)

        with pytest.raises(UnknownClassError, match="a base of with base, nobody declared it"):
            versionpickle.loads(data, registry=registry)

    def test_a_base_that_is_left_as_well(self, registry, data):
        """An object of a subclass cannot follow it."""
        adopt(Base, version=2, name="base", registry=registry)
        adopt(Order, registry=registry)
        migration("base", 1, become({Order: 1}), registry=registry)
        migration("with base", 1, become({Order: 1}), registry=registry)

        with pytest.raises(DeclarationError, match="of a subclass cannot follow"):
            versionpickle.loads(data, registry=registry)


def test_many_that_share_and_deep_ones(registry):
    """What objects in cycles hold is looked at once, however deep it is."""
    adopt(Card, registry=registry)
    migration("payment", 2, become({Card: 1}), registry=registry)
    deep = []
    for _ in range(500):
        deep = [deep]
    made = [Payment(kind="card", links=deep) for _ in range(4000)]
    for obj, other in zip(made, made[1:] + made[:1], strict=True):
        obj.back = other

    found = versionpickle.loads(versionpickle.dumps(made), registry=registry)

    assert found[-1].back is found[0]
    assert found[0].links is found[1].links


class Numbered:
    """Made of an argument."""


class Call:
    """An object as earlier releases stored it: a call of its stamp."""

    def __init__(self, stamp, *args):
        self.call = stamp, args

    def __reduce__(self):
        return self.call


@attrs.define
class Counted:
    number: int = 0


def test_a_stamp_that_is_called_with_arguments():
    """They reach the steps of a class that became another."""
    then, now = Registry("then"), Registry("now")
    adopt(Numbered, name="numbered", registry=then)
    stamp = then.named("numbered").instrumentation.codec.stamp(Claim("numbered", 1, ()))
    data = pickle.dumps([Call(stamp, 7)])
    adopt(Numbered, name="numbered", version=2, registry=now)
    adopt(Counted, registry=now)
    steps = name_arguments("number"), become({Counted: 1})
    migration(Numbered, 1, *steps, registry=now)

    assert [Counted(7)] == versionpickle.loads(data, registry=now)
