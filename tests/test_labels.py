"""Labels: what a pickle holds, tracked while it is written, or read from it."""

from __future__ import annotations

import collections
import copyreg
import datetime
import decimal
import enum
import fractions
import pickle
import sys
import types
import zoneinfo

import orders
import pytest

from hypothesis import given
from hypothesis import strategies as st

import versionpickle

from versionpickle._pickles.rewrite import tracking as _noting
from versionpickle._pickles.rewrite.manifest import Manifest
from versionpickle._pickles.rewrite.rewrite import manifest_of
from versionpickle._pickles.rewrite.tracking import dumps_tracked, manifest_of_tracked
from versionpickle._wire.stamp import Claim
from versionpickle.migrations import default_registry


class Plain:
    class Inner:
        pass

    def method(self):
        pass


class Colour(enum.Enum):
    RED = 1


CLAIMS = st.builds(
    Claim,
    st.text(),
    st.integers(1),
    st.none() | st.lists(st.text()).map(tuple),
    st.lists(st.tuples(st.text(), st.integers(1))).map(tuple),
)


@given(st.lists(CLAIMS), st.lists(st.text()), st.lists(st.text()))
def test_text(claims, made, named):
    """A label is what its text says, in whatever order it was met."""
    label = Manifest(claims, made, named)

    assert label == Manifest.from_text(label.text)
    assert label.text == Manifest(claims[::-1], made[::-1], named[::-1]).text


def kinds():
    order = orders.declare(4)(1, 2, "")
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    return {
        "nothing": None,
        "values": [1, 2.5, "text", (True, b"bytes")],
        "order": order,
        "orders": [order, order, [order]],
        "a value type": decimal.Decimal("1.5"),
        "value types": [moment, decimal.Decimal(1), datetime.timedelta(1)],
        "a versioned object with them": [order, moment, decimal.Decimal(2)],
        "two modules": [fractions.Fraction(1), decimal.Decimal(1), datetime.date(2026, 1, 1)],
        "plain": Plain(),
        "nested": [Plain.Inner(), Plain()],
        "methods": Plain().method,
        "enum": Colour.RED,
        "names alone": [Plain, print],
        "zones": zoneinfo.ZoneInfo("UTC"),
        "a pickle": [order, pickle.dumps(Plain(), 5)],
        "bytes like names": [order, b"\x94\x93\x94\x8c\x01a\x94\x93\x94"],
        "large": [
            Plain(),
            "x" * 70_000,
            decimal.Decimal(1),
            [Plain.Inner() for _ in range(9_000)],
        ],
        "large, of names alone": [order, *[f"{n}" for n in range(30_000)]],
    }


@pytest.mark.parametrize("kind", kinds())
def test_noted_is_read(kind):
    """What was tracked is what a reader of the bytes finds; each time, not the first alone."""
    obj = kinds()[kind]
    for _ in range(3):
        data, tracked = dumps_tracked(obj)
        tracked, read = manifest_of_tracked(tracked, default_registry), manifest_of(data)

        assert tracked.claims == read.claims
        names = {*tracked.made, *tracked.named} - {"builtins:getattr"}
        assert names <= {*read.made, *read.named}
        assert {*read.made} - {"zoneinfo:ZoneInfo._unpickle"} <= {*tracked.made}


@pytest.fixture
def twins(monkeypatch):
    """Two modules, each of which has a class of the same name."""
    modules = types.ModuleType("twins_a"), types.ModuleType("twins_b")
    for module in modules:
        monkeypatch.setitem(sys.modules, module.__name__, module)
        module.Same = type("Same", (), {"__module__": module.__name__})
    modules[0].One = type("One", (), {"__module__": "twins_a"})
    return modules


def test_ambiguous_names(twins):
    """Names that two modules have are read each time."""
    one, other = twins
    for _ in range(2):
        for module in (one, other):
            _, tracked = dumps_tracked([one.One(), other.Same(), module.Same(), one.One()])
            expected = {"twins_a:One", "twins_b:Same", f"{module.__name__}:Same"}
            assert expected == {one for one in tracked if isinstance(one, str)}


def test_spellings_are_bounded(monkeypatch):
    """What is remembered of them does not grow for ever."""
    monkeypatch.setattr(_noting, "_SPELLINGS_MAX", 1)
    for obj in (Plain(), Plain.Inner(), Colour.RED):
        assert 1 == len(dumps_tracked(obj)[1])
    assert len(_noting._spellings) <= 1


def test_extension_codes():
    """Names that stand as numbers are found as well."""
    copyreg.add_extension(__name__, "Plain", 199)
    copyreg.add_extension(__name__, "Colour", 54_321)
    try:
        data, tracked = dumps_tracked([orders.declare(4)(1, 2, ""), Plain(), Colour])
        assert data == versionpickle.dumps([orders.declare(4)(1, 2, ""), Plain(), Colour], 5)
        assert (f"{__name__}:Plain", f"{__name__}:Colour") == tracked[1:]
        _, tracked = dumps_tracked(orders.declare(4)(0x93, 2, ""))  # which looks like a name
        assert 1 == len(tracked)
    finally:
        copyreg.remove_extension(__name__, "Plain", 199)
        copyreg.remove_extension(__name__, "Colour", 54_321)


def test_together():
    """Labels add up."""
    both = Manifest(made=["a:A"]) | Manifest(named=["b:B"], made=["c:C"])

    assert Manifest(made=["a:A", "c:C"], named=["b:B"]) == both


def test_several_pickles():
    """The label of a file is that of all pickles in it."""
    data = pickle.dumps(Plain(), 5) + pickle.dumps(Colour.RED, 2)

    assert (f"{__name__}:Colour", f"{__name__}:Plain") == manifest_of(data).made


class Envelope:
    """Hides an object in bytes, which it pickles itself."""

    def __init__(self, held):
        self.held = held

    def __getstate__(self):
        return pickle.dumps(self.held, 5)

    def __setstate__(self, state):
        self.held = versionpickle.loads(state)


def test_class_that_is_kept():
    """A class that a defaultdict keeps is no class of which it holds an object."""
    label = manifest_of(pickle.dumps(collections.defaultdict(Plain)))

    assert ("collections:defaultdict",) == label.made


def test_pickles_within():
    """The stamps of a pickle within another one do not hide what is named beside them."""
    _, tracked = dumps_tracked(Envelope(orders.declare(4)(1, 2, "")))

    assert f"{__name__}:Envelope" in tracked
