"""Aliases are for old names: today's objects come back as they were."""

from __future__ import annotations

import datetime
import pickle
import sys
import types
import zoneinfo

import pytest

import versionpickle

from versionpickle import Limits, adopt, alias, allow, check, retire
from versionpickle.exceptions import DeclarationError, ForbiddenError


LOADS = pytest.mark.parametrize(
    "settings",
    [{}, {"limits": Limits()}, {"unsafe": True}, {"missing": "keep"}],
    ids=["default", "limits", "unsafe", "keep"],
)
PROTOCOLS = pytest.mark.parametrize("protocol", range(6))


class Price:
    def __init__(self, dollars):
        self.dollars = dollars

    def __reduce__(self):
        return make_price, (self.dollars,)


class Cost(Price):
    def __reduce__(self):
        return Cost.of, (self.dollars,)

    @classmethod
    def of(cls, dollars):
        return cls(dollars)


class Lamp:
    def on(self):
        return "on"


class Other:
    """Another class."""


def make_price(dollars):
    return Price(dollars)


def price_of_cents(cents):
    return Price(cents / 100)


def cost_of_cents(cents):
    return Cost(cents / 100)


PRICE, COST = f"{__name__}:make_price", f"{__name__}:Cost.of"
CASES = pytest.mark.parametrize(
    ("cls", "ref", "function"),
    [(Price, PRICE, price_of_cents), (Cost, COST, cost_of_cents)],
    ids=["function", "method"],
)


class TestLivingName:
    """A name in a pickle that still exists."""

    @PROTOCOLS
    @LOADS
    @CASES
    def test_within_a_stamped_object(self, cls, ref, function, settings, protocol, registry):
        """It means what today's code calls so; without a stamp, the alias applies."""
        old = pickle.dumps(cls(500), protocol)
        adopt(cls, registry=registry)
        alias(ref, function, registry=registry)

        price = versionpickle.loads(old, registry=registry, **settings)
        for _ in range(3):
            data = versionpickle.dumps([price, price], protocol, registry=registry)
            price, again = versionpickle.loads(data, registry=registry, **settings)

        assert 5.0 == price.dollars
        assert again is price

    def test_of_a_retired_function(self, registry):
        """Retired names are no different."""
        adopt(Price, registry=registry)
        retire(PRICE, registry=registry)

        data = versionpickle.dumps(Price(5.0), registry=registry)

        assert 5.0 == versionpickle.loads(data, registry=registry).dollars

    def test_that_is_gone(self, registry, monkeypatch):
        """Old stamped objects whose function is gone are made by the alias."""
        adopt(Price, registry=registry)
        data = versionpickle.dumps(Price(500), registry=registry)
        monkeypatch.delattr(sys.modules[__name__], "make_price")
        alias(PRICE, price_of_cents, registry=registry)

        assert 5.0 == versionpickle.loads(data, registry=registry).dollars

    def test_that_was_retired_as_a_class(self, registry):
        """Protocols 0 and 1 make placeholders of it as well."""
        retire(f"{__name__}:Lamp", registry=registry)

        kept = versionpickle.loads(pickle.dumps(Lamp(), 0), registry=registry)

        assert f"{__name__}:Lamp" == kept.ref

    def test_of_the_same_object(self, registry):
        """An alias that names what the old name leads to anyway changes nothing."""
        alias(COST, Cost.of, registry=registry)
        allow(Cost, registry=registry)

        assert 5 == versionpickle.loads(pickle.dumps(Cost(5)), registry=registry).dollars


class TestMethod:
    """An alias may name what takes the place of a method."""

    @PROTOCOLS
    @LOADS
    def test_of_a_value_type(self, settings, protocol, registry):
        """It comes before the value types that are admitted anyway."""
        alias("zoneinfo:ZoneInfo._unpickle", lambda key, _: ("zone", key), registry=registry)

        data = pickle.dumps(zoneinfo.ZoneInfo("UTC"), protocol)

        assert ("zone", "UTC") == versionpickle.loads(data, registry=registry, **settings)

    @PROTOCOLS
    @LOADS
    def test_bound(self, settings, protocol, registry):
        """A function in its place is bound to the object, as the method was."""
        allow(Lamp, registry=registry)
        alias(f"{__name__}:Lamp.on", lambda lamp: type(lamp), registry=registry)

        data = pickle.dumps([Lamp().on], protocol)
        (method,) = versionpickle.loads(data, registry=registry, **settings)

        assert Lamp is method()

    def test_retired(self, registry):
        """A retired method is a placeholder."""
        allow(Lamp, registry=registry)
        retire(f"{__name__}:Lamp.on", registry=registry)

        (kept,) = versionpickle.loads(pickle.dumps([Lamp().on]), registry=registry)

        assert f"{__name__}:Lamp.on" == kept.ref

    def test_unsafe_with_another_alias(self, registry):
        """Other methods are found as pickle finds them."""
        alias("gone:A.b", make_price, registry=registry)

        (method,) = versionpickle.loads(pickle.dumps([Lamp().on]), registry=registry, unsafe=True)

        assert "on" == method()

    def test_that_is_refused(self, registry):
        """The error names the method as the pickle does."""
        retire("gone:Lamp", registry=registry)
        data = b"\x80\x02cbuiltins\ngetattr\ncgone\nLamp\nX\x02\0\0\0on\x86R."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry)

        assert ("gone:Lamp.on",) == caught.value.refs


@pytest.mark.parametrize(
    "ref", ["builtins:set", "builtins:getattr", "copyreg:_reconstructor", "versionpickle:_make"]
)
@pytest.mark.parametrize(
    "declare",
    [lambda ref, registry: alias(ref, len, registry=registry), retire],
    ids=["alias", "retire"],
)
def test_names_of_pickle_itself(declare, ref, registry):
    """What is not always asked for by its name can mean nothing else."""
    with pytest.raises(DeclarationError, match="part of how objects are stored"):
        declare(ref, registry=registry)


class TestCheck:
    """`check` finds old names that today's code still has."""

    def test_alias(self, registry):
        """Unstamped objects of today would be caught."""
        alias(PRICE, price_of_cents, registry=registry)
        alias(f"{__name__}:cost_of_cents", PRICE, registry=registry)
        alias(f"{__name__}:Gone", Price, registry=registry)

        problems = check(registry)

        assert [PRICE, f"{__name__}:cost_of_cents"] == [problem.ref for problem in problems]
        assert all("still exists" in problem.problem for problem in problems)

    def test_alias_of_the_same(self, registry, monkeypatch):
        """A name that leads to the same today is none."""
        old = types.ModuleType("oldplace")
        old.make_price = make_price
        monkeypatch.setitem(sys.modules, "oldplace", old)
        alias("oldplace:make_price", PRICE, registry=registry)

        assert () == check(registry)

    def test_alias_of_a_stamped_class(self, registry):
        """Objects of a class that is declared have a stamp."""
        adopt(Lamp, registry=registry)
        alias(f"{__name__}:Lamp", lambda: None, registry=registry)

        assert () == check(registry)

    def test_retired_function(self, registry):
        """A retired function is found as a class is."""
        retire(PRICE, registry=registry)

        (problem,) = check(registry)

        assert "the function still exists" in problem.problem

    def test_former_name(self, registry):
        """A former name that another class has today catches that."""
        adopt(Lamp, formerly=f"{__name__}:Other", registry=registry)

        (problem,) = check(registry)

        assert f"{__name__}:Other" == problem.ref
        assert "another class is today" in problem.problem


class Zone(datetime.tzinfo):
    def __init__(self, key="UTC"):
        self.key = key

    def utcoffset(self, moment):
        return datetime.timedelta(0)


class Moment(datetime.datetime):
    def __reduce_ex__(self, protocol):
        return type(self), (self.year, self.month, self.day, 0, 0, 0, 0, self.tzinfo)


@PROTOCOLS
@LOADS
@pytest.mark.parametrize("cls", [Moment, datetime.datetime])
@pytest.mark.parametrize("zone", [Zone("CET"), None])
def test_value_of_a_rebuilt_object(zone, cls, settings, protocol, registry):
    """A value type takes an object that is made only when the bytes are read."""
    data = pickle.dumps([cls(2020, 1, 1, tzinfo=zone)], protocol)
    allow(Moment, registry=registry)
    adopt(Zone, rebuild=lambda args, state: Zone(state["key"]), registry=registry)

    (moment,) = versionpickle.loads(data, registry=registry, **settings)

    assert 2020 == moment.year
    assert (zone and zone.key) == (moment.tzinfo and moment.tzinfo.key)
