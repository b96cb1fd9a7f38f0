"""Errors have the same facts in each kind of load, in the words of what was meant."""

from __future__ import annotations

import io
import pathlib
import pickle

import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, migration
from versionpickle.exceptions import StepError


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
