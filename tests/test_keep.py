"""Loads that keep what they do not know: missing classes, and objects from the future."""

from __future__ import annotations

import enum
import functools
import pickle
import sys
import types

import attrs
import pytest

import versionpickle

from versionpickle import Limits, Placeholder, Registry, adopt, versioned
from versionpickle.exceptions import ForbiddenError, FutureVersionError, UnknownClassError


every_protocol = pytest.mark.parametrize("protocol", range(6))
every_reader = pytest.mark.parametrize("limits", [None, Limits()], ids=["", "limits"])


def written(cls, *objects, protocol=4, version=2, **settings):
    """The pickle of objects of a class that only its writer knows."""
    registry = Registry("writer")
    adopt(cls, version, registry=registry, **settings)
    return versionpickle.dumps(list(objects), protocol, registry=registry)


@attrs.define
class Order:
    number: int
    lines: list


class Colour(enum.Enum):
    RED = 1


class Place(complex):
    pass


class Bag(list):
    pass


@every_protocol
@every_reader
class TestMissing:
    """`missing="keep"`."""

    def test_stamped(self, protocol, limits):
        """A class that nobody declared becomes a placeholder, which is written as it was."""
        line = ["a line"]
        order = Order(1, [line])
        data = written(Order, order, line, order, name="order", protocol=protocol)
        load = functools.partial(versionpickle.loads, data, limits=limits)

        kept, line, again = load(missing="keep")

        assert isinstance(kept, Placeholder)
        assert kept is again
        assert kept.lines[0] is line
        assert (kept.ref, kept.version, kept.number) == ("order", 2, 1)
        assert repr(kept).startswith("<placeholder of order version 2: {'number': 1, ")
        assert versionpickle.dumps([kept, line, kept], protocol) == data
        with pytest.raises(UnknownClassError):
            load()
        with pytest.raises(AttributeError, match="holds no 'price'"):
            _ = kept.price

    @pytest.mark.parametrize(
        ("obj", "settings"),
        [
            (Colour.RED, {}),
            (Place(1, 2), {"rebuild": lambda args, state: Place(*args)}),
            (Bag([1, 2]), {}),
        ],
        ids=["enum", "rebuilt", "list"],
    )
    def test_of_every_kind(self, obj, settings, protocol, limits):
        """Whatever it was made of."""
        data = written(type(obj), obj, obj, name="kind", protocol=protocol, **settings)

        found = versionpickle.loads(data, limits=limits, missing="keep")

        assert found[0] is found[1]
        assert found[0].ref == "kind"
        assert versionpickle.dumps(found, protocol) == data

    def test_unstamped(self, protocol, limits, monkeypatch):
        """A class by its name, also one within another, is neither imported nor called."""
        gone = types.ModuleType("gone_for_good")
        body = "class Outer:\n    class Inner:\n        pass"
        exec(body, vars(gone))
        monkeypatch.setitem(sys.modules, "gone_for_good", gone)
        made = [gone.Outer(), gone.Outer.Inner()]
        for obj in made:
            obj.a = [1]
        data = pickle.dumps(made, protocol)
        monkeypatch.delitem(sys.modules, "gone_for_good")

        outer, inner = versionpickle.loads(data, limits=limits, missing="keep")

        assert (outer.ref, inner.ref) == ("gone_for_good:Outer", "gone_for_good:Outer.Inner")
        assert outer.a == inner.a == [1]
        with pytest.raises(ForbiddenError):
            versionpickle.loads(data, limits=limits)


@every_protocol
@every_reader
def test_future(protocol, limits):
    """`future="keep"` holds what newer code wrote, and writes it as it was."""
    registry = Registry("today")
    versioned(version=1, name="order", registry=registry)(attrs.make_class("Order", ["number"]))
    data = written(Order, Order(1, [2]), name="order", protocol=protocol)
    load = functools.partial(versionpickle.loads, data, registry=registry, limits=limits)

    (kept,) = load(future="keep")

    assert (kept.ref, kept.version, kept.number, kept.lines) == ("order", 2, 1, [2])
    assert versionpickle.dumps([kept], protocol) == data
    with pytest.raises(FutureVersionError):
        load(missing="keep")


def test_attributes_of_python():
    """What is stored under a name of Python's own is in the state alone."""
    registry = Registry("odd")
    cls = type("Odd", (), {})
    versioned(name="odd", registry=registry)(cls)
    obj = cls()
    obj.__dict__["__len__"] = 5

    kept = versionpickle.loads(versionpickle.dumps(obj, registry=registry), missing="keep")

    assert kept.state == {"__len__": 5}
    with pytest.raises(AttributeError):
        _ = kept.__len__


def test_nothing_is_called():
    """A function that nobody allowed is no more than a name either."""
    found = versionpickle.loads(b"cos\nsystem\n(S'true'\ntR.", missing="keep")

    assert (found.ref, found.args) == ("posix:system", ("true",)) or found.ref == "os:system"


@pytest.mark.parametrize("policy", ["missing", "future"])
@pytest.mark.parametrize("value", ["kept", None, True])
def test_misuse(policy, value):
    """They say raise or keep."""
    with pytest.raises(ValueError, match='give "raise" or "keep"'):
        versionpickle.loads(b"N.", **{policy: value})


def test_load_file(tmp_path):
    """Files of such objects load as well."""
    path = tmp_path / "order.pickle"
    path.write_bytes(written(Order, Order(1, []), name="order"))

    (kept,) = versionpickle.load_file(path, missing="keep")

    assert kept.number == 1
