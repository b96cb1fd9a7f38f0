"""Errors have the same facts in each kind of load, in the words of what was meant."""

from __future__ import annotations

import enum
import io
import os
import pathlib
import pickle

import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, migration
from versionpickle.exceptions import (
    BuildError,
    ForbiddenError,
    FutureVersionError,
    StepError,
    UnknownClassError,
)


LOADS = [{}, {"limits": Limits()}]


class Cart:
    pass


class Order:
    pass


class Dict(dict):
    pass


def cart_with_old_order(protocol, wrap):
    """Return a pickle with an order at version 1, and a registry that cannot upgrade it."""
    then, now = Registry("then"), Registry("now")
    for registry, version in ((then, 1), (now, 2)):
        adopt(Cart, name="cart", registry=registry)
        adopt(Order, name="order", version=version, registry=registry)

    @migration(Order, 1, registry=now)
    def fail(state):
        raise ValueError("negative")

    order = Order()
    order.total = -1
    return versionpickle.dumps(wrap(order), protocol, registry=then), now


def cart(order):
    made = Cart()
    made.orders = [order]
    return made


class TestPath:
    """The path is that of the place in the pickle where the object is first."""

    @pytest.mark.parametrize("protocol", range(6))
    @pytest.mark.parametrize("settings", LOADS, ids=["default", "limits"])
    @pytest.mark.parametrize(
        ("wrap", "path"),
        [
            (cart, "obj.orders[0]"),
            (lambda order: [1, {"a": order}], "obj[1]['a']"),
            (lambda order: {"first": order, "again": [order]}, "obj['first']"),
            (lambda order: [[[order]], order], "obj[0][0][0]"),
        ],
        ids=["attribute", "containers", "shared", "shared, deeper first"],
    )
    def test_of_stamped_objects(self, wrap, path, settings, protocol):
        """States that a function sets lead on as well as those that a class takes."""
        data, registry = cart_with_old_order(protocol, wrap)

        with pytest.raises(StepError) as caught:
            versionpickle.loads(data, registry=registry, **settings)

        assert path == caught.value.path

    def test_of_an_unstamped_object(self, registry):
        """Old objects without a stamp have a path, too."""
        adopt(Dict, version=2, registry=registry)

        @migration(Dict, 1, registry=registry)
        def fail(state):
            raise ValueError("negative")

        old = Dict(number=1)
        old.total = -1

        with pytest.raises(StepError) as caught:
            versionpickle.loads(pickle.dumps({"first": old, "again": old}), registry=registry)

        assert "obj['first']" == caught.value.path


@pytest.mark.parametrize("path", ["order.pickle", pathlib.Path("order.pickle")], ids=repr)
@pytest.mark.parametrize(
    ("function", "other"),
    [
        (versionpickle.load, "load_file"),
        (versionpickle.Unpickler, "load_file"),
        (versionpickle.loads, "load_file"),
        (lambda path: versionpickle.loads(path, limits=Limits()), "load_file"),
        (lambda path: versionpickle.dump(1, path), "dump_file"),
        (versionpickle.inspect, "read_bytes"),
    ],
    ids=["load", "Unpickler", "loads", "limits", "dump", "inspect"],
)
def test_path_in_place_of_a_file(function, other, path):
    """Whoever passes a path is told which function takes one."""
    with pytest.raises(TypeError, match=other):
        function(path)


def test_file_in_place_of_bytes():
    """An open file is no path."""
    with pytest.raises(TypeError, match="bytes-like"):
        versionpickle.loads(io.BytesIO())


class Lamp:
    def on(self):
        return "on"

    def off(self):
        return "off"


class Colour(enum.Enum):
    RED = 1


every_load = pytest.mark.parametrize("settings", LOADS, ids=["default", "limits"])


class TestForbidden:
    """One error lists all names that the load refuses."""

    @every_load
    @pytest.mark.parametrize("protocol", range(6))
    def test_methods(self, protocol, settings, registry):
        """What it lists suffices, methods of objects and of values too."""
        data = pickle.dumps([Lamp().on, Lamp().off, [1].count, "a".upper], protocol)

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry, **settings)
        refs = caught.value.refs
        found = versionpickle.loads(data, registry=registry, allow=refs)

        assert ["on", "off", 0, "A"] == [found[0](), found[1](), found[2](2), found[3]()]
        assert {f"{__name__}:Lamp", f"{__name__}:Lamp.on", f"{__name__}:Lamp.off"} < {*refs}

    @every_load
    @pytest.mark.parametrize("prefix", [b"\x80\x02cbuiltins", b"c__builtin__"])
    def test_members(self, prefix, settings, registry):
        """Members of enums, and classes within others, are listed with their classes."""
        name = f"c{__name__}\nColour\n".encode()
        member = prefix + b"\ngetattr\n(" + name + b"VRED\ntR."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(member, registry=registry, **settings)

        assert (f"{__name__}:Colour", f"{__name__}:Colour.RED") == caught.value.refs

    def test_methods_of_stamped_objects(self, registry):
        """A method of a stamped object has the name of its class today."""
        adopt(Lamp, name="lamp", registry=registry)

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(
                versionpickle.dumps(Lamp().on, registry=registry), registry=registry
            )

        assert (f"{__name__}:Lamp.on",) == caught.value.refs

    def test_methods_of_what_a_function_makes(self, registry):
        """Nothing is listed that nobody could allow."""
        data = b"\x80\x02cbuiltins\ngetattr\ncbuiltins\nlen\n)RX\x01\0\0\0x\x86R."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry)

        assert ("builtins:len",) == caught.value.refs

    def test_odd_attributes(self, registry):
        """An attribute of what has no name, or without a name, is not listed."""
        data = b"\x80\x02cos\nsystem\n0cbuiltins\ngetattr\nK\x01K\x02\x86R."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry)

        assert ("os:system",) == caught.value.refs


WINDOWS = b"WindowsPath" if os.name != "nt" else b"PosixPath"
PATH = b"\x80\x02}X\x05\0\0\0files](cpathlib\n%s\nVdata\n\x85Res." % WINDOWS


class TestLimits:
    """`limits=` names the class and the place like any load."""

    @every_load
    def test_value_type_that_fails(self, settings):
        """What a value type raises is raised when all is read, with its place."""
        with pytest.raises(BuildError) as caught:
            versionpickle.loads(PATH, **settings)

        assert f"pathlib:{WINDOWS.decode()}" == caught.value.ref
        assert "obj['files'][0]" == caught.value.path

    @every_load
    def test_stamp_that_fails(self, settings):
        """So it is with a class that is not known, or too new."""
        then, now = Registry("then"), Registry("now")
        adopt(Lamp, name="lamp", version=3, registry=then)
        adopt(Lamp, name="lamp", version=1, registry=now)
        data = versionpickle.dumps({"lamps": [Lamp()]}, registry=then)

        for registry, kind in ((now, FutureVersionError), (Registry("odd"), UnknownClassError)):
            with pytest.raises(kind) as caught:
                versionpickle.loads(data, registry=registry, **settings)
            assert "obj['lamps'][0]" == caught.value.path

    def test_what_follows_a_failure(self):
        """An error that may be its consequence does not take its place."""
        data = b"\x80\x02cpathlib\n%s\nVdata\n\x85Rq\x00]q\x01K\x01b." % WINDOWS

        with pytest.raises(BuildError, match=WINDOWS.decode()):
            versionpickle.loads(data, limits=Limits())
